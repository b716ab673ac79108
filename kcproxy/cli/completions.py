"""Values that a shell completes: roles and versions of the tables, methods, and paths of the Admin REST API, segment by segment."""

from collections.abc import Iterator

import click

from kcproxy import catalog
from kcproxy.settings.types import METHODS


def versions(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Keycloak versions with a table, newest first."""
    return [version for version in reversed(catalog.versions()) if version.startswith(typed)]


def roles(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Roles of realm-management in the table of the chosen version."""
    return sorted(role for role in _table(ctx).roles if role.startswith(typed))


def paths(ctx: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Paths that begin with what is typed, up to the end of the next segment. A parameter takes any value that was typed for it."""
    return sorted({found for path in {entry.operation.path for entry in _table(ctx).operations} if (found := _continued(path, typed))})


def words(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """A method or a path: the arguments of ``kcproxy roles``."""
    return paths(ctx, parameter, typed) if typed.startswith("/") else [*_methods(typed), *([] if typed else ["/admin/realms/"])]


def _methods(typed: str) -> Iterator[str]:
    return (method for method in METHODS if method.startswith(typed.upper()))


def _table(ctx: click.Context) -> catalog.Catalog:
    version = ctx.params.get("version")
    return catalog.load(catalog.nearest(version) if version else catalog.default_version())


def _continued(path: str, typed: str) -> str | None:
    """What is typed, continued to the end of the current segment of the path; None if the path does not fit."""
    *complete, current = typed.split("/")
    segments = path.split("/")
    if len(segments) <= len(complete):
        return None
    if not all(_fits(segment, given) for segment, given in zip(segments, complete, strict=False)):
        return None
    following = segments[len(complete)]
    if following.startswith("{") and current:
        following = current if not current.startswith("{") else following
    if not following.startswith(current):
        return None
    more = "/" if len(segments) > len(complete) + 1 else ""
    return "/".join([*complete, following]) + more


def _fits(segment: str, given: str) -> bool:
    return segment == given or (segment.startswith("{") and bool(given))
