"""From documents to what the templates show. Pure: no request, no clock."""

from collections.abc import Iterable, Mapping
from typing import Any

from kcproxy.catalog import Catalog, Entry
from kcproxy.model import CallerKind
from kcproxy.observe.documents import Document

MAX_ROWS = 40
BLANK: Mapping[str, Any] = {
    "group": "", "id": "", "count": 0, "firstAt": "", "lastAt": "", "resolvedAt": None, "who": "", "what": "", "why": "", "status": "",
    "method": "", "path": "", "realm": None, "confidence": "", "missing": [], "summary": "",
}  # fmt: skip
"""The item from which the script makes new ones."""


def matching(groups: Iterable[Document], q: str, why: str, *, only_open: bool) -> list[Document]:
    """The groups that a filter leaves: all its words somewhere in what is shown, the cause, not resolved."""
    words = q.lower().split()
    return [g for g in groups if all(w in _text(g) for w in words) and why in {"", g["why"]} and not (only_open and g["resolvedAt"])]


def _text(group: Document) -> str:
    parts = [group[name] for name in ("summary", "what", "who", "why", "realm", "path", "confidence", "status")]
    return " ".join(str(part) for part in [*parts, *group["missing"]] if part).lower()


def causes(groups: Iterable[Document]) -> list[str]:
    """Those that occur, sorted."""
    return sorted({group["why"] for group in groups})


def sets_view(document: Document) -> Document:
    """The four sets as the rows of one table: the needed roles first, then what else the caller has."""
    sets, explanation = document["sets"], document["explanation"]
    required = explanation["required"]
    least, suffices = required["least"] or [], [role for roles in sets["needed"] or [] for role in roles]
    has = [role for name in ("granted", "inScope", "inToken") for role in sets[name] or []]
    rows = list(dict.fromkeys([*least, *explanation["missing"], *suffices, *sorted(has)]))
    return {
        **sets,
        "least": least,
        "suffices": suffices,
        "missing": explanation["missing"],
        "container": required["client"],
        "rows": rows[:MAX_ROWS],
    }


def request_facts(document: Document) -> list[tuple[str, str]]:
    """Name and value of what is known of the request; what is not known is left out."""
    caller = document["explanation"]["caller"]
    facts = (
        ("Time", document["at"]),
        ("Method", document["method"]),
        ("Path", document["path"]),
        ("Realm", document["realm"]),
        ("Status", document["status"]),
        ("Caller", None if caller["kind"] == CallerKind.UNKNOWN.value else caller["kind"]),
        ("Client", caller["clientId"]),
        ("User name", caller["username"]),
        ("Realm of the token", caller["realm"]),
        ("Token added by the proxy", document["account"]),
        ("Duration", f"{document['durationMs']} ms"),
        ("Trace", document["traceId"]),
        ("Denial", document["id"]),
    )
    return [(name, str(value)) for name, value in facts if value is not None]


def role_rows(catalog: Catalog, q: str) -> list[Document]:
    """Lines of the role table that hold all words of a search."""
    words = q.lower().split()
    rows = [_role_row(entry) for entry in catalog.operations]
    return [row for row in rows if all(word in row["text"] for word in words)]


def _role_row(entry: Entry) -> Document:
    operation, requirement = entry.operation, entry.requirement
    roles = [role for together in requirement.any_of for role in together]
    return {
        "method": operation.method,
        "path": operation.path,
        "body": operation.body or "",
        "least": requirement.least,
        "any_of": requirement.any_of,
        "text": " ".join([operation.method, operation.path, operation.body or "", *roles]).lower(),
    }


def is_web_url(value: Any) -> bool:
    """Whether a value may be a link: never ``javascript:`` and the like."""
    return isinstance(value, str) and value.startswith(("https://", "http://"))
