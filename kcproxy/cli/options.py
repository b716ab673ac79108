"""Options that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.cli.terminal import talk

F = TypeVar("F", bound=Callable[..., Any])
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([.-][\w.-]+)?")


def _version(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _VERSION.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no Keycloak version; tables there are for {', '.join(catalog.versions())}")
    return value


config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file (TOML); KCPROXY_CONFIG otherwise, if set.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="The result as one JSON document.")
version_option = click.option(
    "--keycloak", "version", metavar="VERSION", callback=_version, help="Keycloak version; the newest that was measured otherwise."
)


def table(version: str | None) -> Catalog:
    """The table for a version, the nearest one where it has none; then standard error says so."""
    chosen = catalog.nearest(version) if version else catalog.default_version()
    if version and chosen != version:
        talk(f"There is no table for Keycloak {version}; taking the nearest one, {chosen}. Role needs can differ.")
    return catalog.load(chosen)
