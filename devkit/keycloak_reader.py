"""How Keycloak, or a gateway in front of it, could read a request target: an independent model, which shares no code with the catalog.

Keycloak's HTTP server takes the path up to the first ``?``; of a target that does not begin with ``/`` it takes what follows ``://host`` (Vert.x,
HttpUtils.parsePath). Then Quarkus normalizes the path (decodes unreserved characters, merges slashes, removes dot segments) or not (26.7 with
``http-accept-non-normalized-paths`` does both, one after the other), RESTEasy drops path parameters, splits, matches literal segments before
parameters and decodes what it has matched. Gateways decode before they split, some of them more than once, and take a backslash for a slash.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote_to_bytes

_UNRESERVED = re.compile(rb"%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aA]|5[fF]|6[1-9a-fA-F]|7[0-9aA]|7[eE])")
_MOST_DECODINGS = 4


@dataclass(frozen=True, slots=True)
class Lookup:
    """``template`` is None for unknown operations, ``realm`` for paths without a realm. If both are None and ``admin`` is false, it is not the Admin REST API."""

    admin: bool
    template: str | None = None
    realm: str | None = None


class Reader:
    """Reads targets with the operations of one version."""

    def __init__(self, operations: Iterable[tuple[str, str]]) -> None:
        """``operations``: method and template of each."""
        self._by_shape: dict[tuple[str, int], list[str]] = {}
        self._spanning: dict[str, list[str]] = {}
        for method, template in sorted(set(operations), key=_rank):
            if template.endswith("group-by-path/{path}"):
                self._spanning.setdefault(method, []).append(template)
            else:
                self._by_shape.setdefault((method, template.count("/")), []).append(template)
        self._read = cache(self._reading)

    def readings(self, method: str, sent: bytes) -> set[Lookup]:
        """All possible readings of the target."""
        looked_up = "GET" if method == "HEAD" else method
        return {self._read(looked_up, segments) for segments in set(_splits(sent))}

    def _reading(self, method: str, segments: tuple[str, ...]) -> Lookup:
        if segments[:1] != ("admin",):
            return Lookup(admin=False)
        for template in self._by_shape.get((method, len(segments)), ()):
            realm = _match(template, segments)
            if realm is not None:
                return Lookup(admin=True, template=template, realm=realm or None)
        for template in self._spanning.get(method, ()):
            length = template.count("/")
            realm = _match(template, (*segments[: length - 1], "/".join(segments[length - 1 :]))) if len(segments) >= length else None
            if realm is not None:
                return Lookup(admin=True, template=template, realm=realm or None)
        realm_at = 2 if segments[1:2] in {("realms",), ("api",)} else None
        return Lookup(admin=True, realm=segments[2] if realm_at and len(segments) > 2 else None)


def _rank(operation: tuple[str, str]) -> list[bool]:
    return [part.startswith("{") for part in operation[1].split("/")]


def _match(template: str, segments: tuple[str, ...]) -> str | None:
    """The realm, "" where the template has none; None if it does not match."""
    realm = ""
    for part, segment in zip(template[1:].split("/"), segments, strict=True):
        if not part.startswith("{"):
            if part != segment:
                return None
        elif not segment:
            return None
        elif part in {"{realm}", "{realmName}"}:
            realm = segment
    return realm


def _splits(sent: bytes) -> Iterator[tuple[str, ...]]:
    """The decoded segments, by every kind of reader."""
    path = _path(sent)
    for read in _variants(path):
        yield _segments([_text(unquote_to_bytes(part)) for part in read.split(b"/")])
    for read in _decoded_first(path):
        yield _segments([_text(part) for part in read.split(b"/")])


def _variants(path: bytes) -> set[bytes]:
    """The path as it is, normalized, without path parameters, with slashes for backslashes, and all of that together."""
    variants = {path, path.replace(b"\\", b"/")}
    variants |= {_normalised(variant) for variant in variants}
    without_parameters = {re.sub(rb";[^/]*", b"", variant) for variant in variants if b";" in variant}
    return variants | without_parameters | {_normalised(variant) for variant in without_parameters}


def _decoded_first(path: bytes) -> Iterator[bytes]:
    """The paths as seen by gateways that decode first, once or several times."""
    for _ in range(_MOST_DECODINGS):
        if b"%" not in path:
            return
        path = unquote_to_bytes(path)
        for read in {path, re.split(rb"[?#]", path)[0]}:
            yield from _variants(read)


def _path(sent: bytes) -> bytes:
    if not sent.startswith(b"/"):
        _, found, rest = sent.partition(b"://")
        sent = b"/" + rest.partition(b"/")[2] if found else sent
    return sent.partition(b"?")[0]


def _normalised(path: bytes) -> bytes:
    """RFC 3986, section 6.2.2, and slashes merged."""
    plain = _UNRESERVED.sub(lambda found: bytes([int(found[1], 16)]), path)
    kept: list[bytes] = []
    for part in plain.split(b"/"):
        if part == b"..":
            del kept[-1:]
        elif part not in {b"", b"."}:
            kept.append(part)
    return b"/" + b"/".join(kept)


def _segments(parts: list[str]) -> tuple[str, ...]:
    """Without the root, and without a last slash."""
    inner = parts[1:]
    return tuple(inner[:-1] if len(inner) > 1 and not inner[-1] else inner)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
