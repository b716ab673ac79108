"""Reads lists of calls: plain lines, an access log, or kcproxy's own log."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

_METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
_PLAIN = re.compile(rf"\s*({_METHODS})\s+(\S+)", re.IGNORECASE)
_ACCESS_LOG = re.compile(rf'"({_METHODS}) (\S+) HTTP/[0-9.]+"')


class Call(Struct, frozen=True, kw_only=True):
    """One call: method, path and query as sent, and the line (from 1) of its first occurrence."""

    method: str
    path: str
    query: str
    line: int

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The query's parameters, decoded."""
        return parse_qs(self.query, keep_blank_values=True)


class CallList(Struct, frozen=True, kw_only=True):
    """The distinct calls of a text, and the numbers of lines without a call."""

    calls: tuple[Call, ...]
    unreadable: tuple[int, ...]


def read_calls(text: str) -> CallList:
    """Calls from lines ``GET /admin/…``, access-log lines or JSON lines with ``method`` and ``path``; Lines that begin with ``#`` are comments.

    JSON lines about something else are ignored.
    """
    calls: dict[tuple[str, str, str], Call] = {}
    unreadable = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#") or _is_about_something_else(line):
            continue
        found = next(_readings(line), None)
        if found is None:
            unreadable.append(number)
            continue
        method, target = found[0].upper(), urlsplit(found[1])
        calls.setdefault((method, target.path, target.query), Call(method=method, path=target.path, query=target.query, line=number))
    return CallList(calls=tuple(calls.values()), unreadable=tuple(unreadable))


def _readings(line: str) -> Iterator[tuple[str, str]]:
    document = _object(line)
    if document is not None:
        method, path = document.get("method"), document.get("path")
        if isinstance(method, str) and isinstance(path, str) and _splits(path):
            yield method, path
        return
    for match in (_PLAIN.match(line), _ACCESS_LOG.search(line)):
        if match and _splits(match[2]):
            yield match[1], match[2]


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
