"""Turns documents into values for the templates. Pure: no request, no clock."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup, escape

from kcproxy.catalog import Catalog, Entry
from kcproxy.model import CallerKind
from kcproxy.observe.denials.course import HOURS
from kcproxy.observe.denials.document import Document
from kcproxy.visible import is_visible, visible

MAX_ROWS = 40
BLANK: Mapping[str, Any] = {
    "group": "", "id": "", "count": 0, "firstAt": "", "lastAt": "1970-01-01T00:00:00Z", "resolvedAt": None, "who": "", "what": "", "why": "", "status": "",
    "method": "", "path": "", "realm": None, "client": None, "confidence": "", "missing": [], "summary": "", "service": "", "state": "fails", "changes": [], "hours": [0] * HOURS,
}  # fmt: skip
"""The item from which the script creates new ones."""


def marked(text: str) -> Markup:
    """Show each invisible character by its code point, and keep it from changing the direction of the text. The text content stays the same."""
    return Markup("").join(escape(run) if plain else Markup("").join(map(_number, run)) for plain, run in _runs(text))


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into visible runs, including line feeds, and invisible runs."""
    for plain, run in groupby(text, lambda character: character == "\n" or is_visible(character)):
        yield plain, "".join(run)


def _number(character: str) -> Markup:
    return Markup('<span class="unseen" data-code="U+{:04X}">{}</span>').format(ord(character), character)


def seen(value: Any) -> Any:
    """What a template writes unless it is markup already: a text with only visible characters."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def attribute(text: str) -> Markup:
    """A text as the exact value of an attribute: HTML would turn carriage returns into line feeds."""
    return escape(text).replace("\r", Markup("&#13;"))


def sets_view(document: Document) -> Document:
    """The four sets as the rows of one table: the needed roles first, then the other roles of the caller.

    ``unused``: roles in scope that are neither needed nor granted; with full scope these are all others.
    ``more``: the number of rows that did not fit.
    """
    sets, explanation = document["sets"], document["explanation"]
    required = explanation["required"]
    least, suffices = required["least"] or [], [role for roles in sets["needed"] or [] for role in roles]
    has = {role for name in ("granted", "inToken") for role in sets[name] or []}
    rows = list(dict.fromkeys([*least, *explanation["missing"], *suffices, *sorted(has)]))
    return {
        **sets,
        "least": least,
        "suffices": suffices,
        "missing": explanation["missing"],
        "container": required["client"],
        "rows": rows[:MAX_ROWS],
        "more": max(len(rows) - MAX_ROWS, 0),
        "unused": sorted(set(sets["inScope"] or []).difference(rows)),
    }


def course(document: Document, summary: Document | None, newest: Sequence[Document]) -> Document:
    """When a kind of denial began, changed and ended, and its newest denials. Without a summary: that it occurred once."""
    if summary is None:
        return {
            "count": 1,
            "first_at": document["at"],
            "resolved_at": None,
            "state": "",
            "changes": [],
            "occurrences": [],
            "service": document["who"],
        }
    return {
        "count": summary["count"],
        "first_at": summary["firstAt"],
        "resolved_at": summary["resolvedAt"],
        "state": summary["state"],
        "changes": summary["changes"],
        "service": summary["service"],
        "occurrences": [{name: example.get(name, "") for name in ("id", "at", "path", "instance")} for example in newest],
    }


def request_facts(document: Document) -> list[tuple[str, str]]:
    """Names and known values of the request. The path, which can be long, comes last."""
    caller = document["explanation"]["caller"]
    facts = (
        ("Time", document["at"]),
        ("Method", document["method"]),
        ("Realm", document["realm"]),
        ("Status", document["status"]),
        ("Caller", None if caller["kind"] == CallerKind.UNKNOWN.value else caller["kind"]),
        ("Client", caller["clientId"]),
        ("User name", caller["username"]),
        ("Realm of the token", caller["realm"]),
        ("Token added by the proxy", document["account"]),
        ("Duration", f"{document['durationMs']} ms"),
        ("Trace", document["traceId"]),
        ("Instance", document.get("instance")),
        ("Denial", document["id"]),
        ("Path", document["path"]),
    )
    return [(name, str(value)) for name, value in facts if value is not None]


def role_rows(catalog: Catalog, q: str) -> list[Document]:
    """Lines of the role table that contain all words of a search."""
    words = q.lower().split()
    rows = [role_row(entry) for entry in catalog.operations]
    return [row for row in rows if all(word in row["text"] for word in words)]


def role_row(entry: Entry) -> Document:
    """One line of the role table."""
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
    """Whether a value may be a link: never ``javascript:`` or similar."""
    return isinstance(value, str) and value.startswith(("https://", "http://"))


_MARKS = re.compile(r"`([^`]+)`|\*([^*]+)\*")


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text of a cause: ("code" | "em" | "", text)."""
    end = 0
    for found in _MARKS.finditer(text):
        yield "", text[end : found.start()]
        yield ("code", found[1]) if found[1] is not None else ("em", found[2])
        end = found.end()
    yield "", text[end:]
