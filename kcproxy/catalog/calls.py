"""Reads lists of calls: plain lines, an access log, or kcproxy's own log; with their status code and caller, if the line has them."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from msgspec.structs import replace

_METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
_PLAIN = re.compile(rf"\s*({_METHODS})\s+(\S+)", re.IGNORECASE)
_ACCESS_LOG = re.compile(rf'"({_METHODS}) (\S+) HTTP/[0-9.]+"(?: ([1-5][0-9][0-9])(?!\S))?')
_ACCESS_LOG_USER = re.compile(r"\s*\S+ \S+ (\S+) \[")
"""The third part of a line in the Common Log Format: the authenticated user, or a hyphen."""


class CallOutcome(StrEnum):
    """What the status code of a call says. Without a status code, a call counts as used."""

    USED = "used"
    REFUSED = "refused"  # 401, 403
    FAILED = "failed"  # any other error: a conflict, an object that does not exist, a disconnected client


class Call(Struct, frozen=True, kw_only=True):
    """One call: method, path and query as sent, and the line (from 1) of its first occurrence.

    ``status``, ``client`` and ``token_realm`` (the realm of the caller's token) are None if the line does not have them.
    ``reduced`` is None if it is unknown whether the response contained less than everything.
    """

    method: str
    path: str
    query: str
    line: int
    status: int | None = None
    client: str | None = None
    token_realm: str | None = None
    reduced: bool | None = None
    injected: bool = False  # kcproxy added the token of an account
    at: str | None = None  # ISO 8601, as the line has it

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def outcome(self) -> CallOutcome:
        """Whether the call counts as used."""
        if self.status is None or self.status < 400:
            return CallOutcome.USED
        return CallOutcome.REFUSED if self.status in _REFUSED else CallOutcome.FAILED

    @property
    def caller(self) -> tuple[str | None, str | None]:
        """Client and realm of the token."""
        return self.client, self.token_realm


_REFUSED = frozenset({401, 403})


class CallList(Struct, frozen=True, kw_only=True):
    """The distinct calls of a text, and the numbers of lines without a call."""

    calls: tuple[Call, ...]
    unreadable: tuple[int, ...]


def read_calls(text: str) -> CallList:
    """Calls from lines ``GET /admin/…``, access-log lines or JSON lines with ``method`` and ``path``; Lines that begin with ``#`` are comments.

    JSON lines about something else are ignored. Calls are distinct by request, caller, outcome and whether the response was reduced.
    """
    calls: dict[tuple[object, ...], Call] = {}
    unreadable = []
    for number, call in each_call(text):
        if call is None:
            unreadable.append(number)
            continue
        calls.setdefault((call.method, call.path, call.query, call.caller, call.outcome, call.reduced), call)
    return CallList(calls=tuple(calls.values()), unreadable=tuple(unreadable))


def each_call(text: str) -> Iterator[tuple[int, Call | None]]:
    """The call of each line, repeated ones too, with the line's number. None for a line that has none."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#") and not _is_about_something_else(line):
            yield number, next(_readings(line, number), None)


def _readings(line: str, number: int) -> Iterator[Call]:
    document = _object(line)
    if document is not None:
        yield from _of_document(document, number)
        return
    plain = _PLAIN.match(line)
    if plain and _splits(plain[2]):
        yield _call(plain[1], plain[2], number)
    logged = _ACCESS_LOG.search(line)
    if logged and _splits(logged[2]):
        user = _ACCESS_LOG_USER.match(line)
        client = user[1] if user and user[1] != "-" else None
        yield _call(logged[1], logged[2], number, status=int(logged[3]) if logged[3] else None, client=client)


def _of_document(document: dict[str, Any], number: int) -> Iterator[Call]:
    method, path = document.get("method"), document.get("path")
    if not isinstance(method, str) or not isinstance(path, str) or not _splits(path):
        return
    account, realm, reduced = _text(document, "account"), _text(document, "token_realm"), document.get("reduced")
    yield replace(
        _call(method, path, number, status=_status(document.get("status")), client=_text(document, "client") or account),
        token_realm=realm,
        reduced=reduced if isinstance(reduced, bool) else None,
        injected=account is not None,
        at=_text(document, "time"),
    )


def _call(method: str, sent: str, line: int, *, status: int | None = None, client: str | None = None) -> Call:
    target = urlsplit(sent)
    return Call(method=method.upper(), path=target.path, query=target.query, line=line, status=status, client=client)


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def _status(value: Any) -> int | None:
    """A status code as a number or as text; None if it is neither."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600 else None


def _is_about_something_else(line: str) -> bool:
    document = _object(line)
    return document is not None and not {"method", "path"} <= document.keys()


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object that a line is, None if it is not one."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _splits(target: str) -> bool:
    try:
        urlsplit(target)
    except ValueError:
        return False
    return True
