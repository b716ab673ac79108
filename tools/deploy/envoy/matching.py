"""What Envoy has to match, from the role tables: status codes of refusals, and operations whose explanation depends on the request body."""

import re
from collections.abc import Iterable

from kcproxy.catalog import load, versions
from kcproxy.denial.decisions import OTHER_EXPLAINED, REFUSED
from kcproxy.explain.unseen_body import depends_on_body

STATUS_CODES = tuple(sorted(REFUSED | OTHER_EXPLAINED))
"""Those that may be explained."""
PREFIX = "/admin/realms/"
_BASE_PATH = "(?:/[^?]*)?"
"""Keycloak may be below any path; other targets that end like these cost only a few messages."""
_SEGMENT = "[^/?]+"


def body_operations() -> dict[str, tuple[str, ...]]:
    """Path templates of all versions by method: operations whose explanation depends on the request body."""
    found: dict[str, set[str]] = {}
    for version in versions():
        for entry in load(version).operations:
            if depends_on_body(entry):
                found.setdefault(entry.operation.method, set()).add(_anonymous(entry.operation.path))
    return {method: tuple(sorted(paths)) for method, paths in sorted(found.items())}


def path_pattern(templates: Iterable[str]) -> str:
    """A regular expression (RE2) for the whole ``:path`` of requests to these templates, query included."""
    endings = sorted({template.removeprefix(f"{PREFIX}{{}}/") for template in templates})
    choices = "|".join(_SEGMENT.join(map(re.escape, ending.split("{}"))).replace("\\-", "-") for ending in endings)
    return f"{_BASE_PATH}{PREFIX}{_SEGMENT}/(?:{choices})(?:\\?.*)?"


def _anonymous(template: str) -> str:
    """The template without the names of its parameters, which differ between versions."""
    return re.sub(r"\{[^}]*\}", "{}", template)


def request_patterns() -> dict[str, str]:
    """The regular expression for each method."""
    return {method: path_pattern(templates) for method, templates in body_operations().items()}
