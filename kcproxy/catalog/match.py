"""Finds the operation for path segments: a tree of path templates, with literal segments before parameters.

    /admin/realms/{realm}/users/{user-id}/groups
    literal ─┘      │       │
                    └ parameter: any one segment

A parameter that Keycloak declares with a pattern over several segments (``group-by-path/{path}``) matches all remaining segments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kcproxy.catalog.entry import Entry

SPANNING_SUFFIX = "/group-by-path/{path}"
"""Ends of templates whose last parameter spans several segments (RealmAdminResource, OrganizationGroupsResource: ``group-by-path/{path: .*}``)."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    rest: "_Node | None" = None
    entries: dict[str, list[tuple[Entry, tuple[str, ...]]]] = field(default_factory=dict)


def _numbered(name: str, before: Sequence[str]) -> str:
    """A parameter's name; its second occurrence in a path is ``name#2``, as in the tables of permissions."""
    count = sum(other.partition("#")[0] == name for other in before)
    return f"{name}#{count + 1}" if count else name


class Matcher:
    """The compiled tree of one catalog; look-ups take microseconds and never raise."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Compile the tree."""
        self._root = _Node()
        for entry in entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        template = entry.operation.path
        node, names = self._root, list[str]()
        parts = template[1:].split("/")
        for position, part in enumerate(parts):
            if not part.startswith("{"):
                node = node.literals.setdefault(part, _Node())
                continue
            names.append(_numbered(part[1:-1], names))
            spanning = template.endswith(SPANNING_SUFFIX) and position == len(parts) - 1
            child = node.rest if spanning else node.parameter
            if child is None:
                child = _Node()
                if spanning:
                    node.rest = child
                else:
                    node.parameter = child
            node = child
        node.entries.setdefault(entry.operation.method, []).append((entry, tuple(names)))

    def find(self, method: str, segments: Sequence[str], content_type: str | None = None) -> tuple[Entry, Mapping[str, str]] | None:
        """The entry for these decoded segments and its parameters by name; None if the catalog has none. HEAD is looked up as GET."""
        looked_up = "GET" if method == "HEAD" else method
        found = _straight(self._root, segments, looked_up) or _descend(self._root, segments, 0, (), looked_up)
        if found is None:
            return None
        candidates, values = found
        entry, names = candidates[0] if len(candidates) == 1 else _by_content_type(candidates, content_type)
        return entry, dict(zip(names, values, strict=True))


_Candidates = list[tuple[Entry, tuple[str, ...]]]


def _straight(node: _Node, segments: Sequence[str], method: str) -> tuple[_Candidates, Sequence[str]] | None:
    """The first path that ``_descend`` tries, without backtracking. It succeeds for nearly every request, in a third of the time."""
    values: list[str] = []
    for segment in segments:
        child = node.literals.get(segment)
        if child is None:
            child = node.parameter
            if child is None or not segment:
                return None
            values.append(segment)
        node = child
    candidates = node.entries.get(method)
    return (candidates, values) if candidates else None


def _descend(
    node: _Node, segments: Sequence[str], position: int, values: tuple[str, ...], method: str
) -> tuple[_Candidates, tuple[str, ...]] | None:
    if position == len(segments):
        candidates = node.entries.get(method)
        return (candidates, values) if candidates else None
    segment = segments[position]
    literal = node.literals.get(segment)
    if literal is not None:
        found = _descend(literal, segments, position + 1, values, method)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        found = _descend(node.parameter, segments, position + 1, (*values, segment), method)
        if found is not None:
            return found
    if node.rest is not None and (candidates := node.rest.entries.get(method)):
        return candidates, (*values, "/".join(segments[position:]))
    return None


_BODY_OF_CONTENT_TYPE = (
    ("multipart/", "multipart"),
    ("x-www-form-urlencoded", "form"),
    ("json", "json"),
    ("text/", "text"),
    ("xml", "xml"),
)


def _by_content_type(candidates: _Candidates, content_type: str | None) -> tuple[Entry, tuple[str, ...]]:
    wanted = next((body for part, body in _BODY_OF_CONTENT_TYPE if part in (content_type or "json").lower()), "json")
    return next((pair for pair in candidates if pair[0].operation.body == wanted), candidates[0])
