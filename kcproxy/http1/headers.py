"""Header fields as they pass the proxy: order, spelling and duplicates stay; hop-by-hop fields are removed (RFC 9110, section 7.6.1).

One pass over the fields in each direction. Names are compared in lower case, on copies.
"""

from dataclasses import dataclass

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NEVER_NAMED = frozenset({b"host", b"content-length"})
"""A Connection field that names these would change framing or routing instead of describing the hop; it is not obeyed."""

_PICKED = frozenset(
    {
        b"accept",
        b"authorization",
        b"connection",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"kcproxy-key",
        b"origin",
        b"sec-fetch-site",
        b"traceparent",
        b"transfer-encoding",
        b"upgrade",
    }
)
_DROPPED = HOP_BY_HOP | {b"expect", b"kcproxy-key"}
_NOTEWORTHY = _PICKED | _DROPPED
_JOINED = frozenset({b"connection", b"traceparent", b"transfer-encoding", b"upgrade"})
_PLAIN_CONNECTION = frozenset({b"keep-alive", b"close"})


@dataclass(slots=True)
class RequestFields:
    """The fields of a request: those to forward, and the few that the proxy itself reads (names in lower case, first value)."""

    fields: list[tuple[bytes, bytes]]
    picked: dict[bytes, bytes]

    @property
    def chunked(self) -> bool:
        """Whether the body is chunked."""
        return b"transfer-encoding" in self.picked

    def text(self, name: bytes) -> str | None:
        """A picked field as text."""
        value = self.picked.get(name)
        return None if value is None else value.decode("utf-8", "replace")


def read_request(raw: RawHeaders, upstream_host: bytes | None) -> RequestFields:
    """The fields to forward. ``upstream_host`` replaces Host; None keeps the client's.

    Raises RequestRefused if the body has a transfer coding that cannot be forwarded.
    """
    fields: list[tuple[bytes, bytes]] = []
    picked: dict[bytes, bytes] = {}
    for field in raw:
        name = field[0].lower()
        if name not in _NOTEWORTHY:
            fields.append(field)
            continue
        _pick(picked, name, field[1])
        if name == b"host":
            fields.append(field if upstream_host is None else (field[0], upstream_host))
        elif name not in _DROPPED or name == b"transfer-encoding":
            fields.append(field)
    connection = picked.get(b"connection")
    if connection is not None and connection.lower() not in _NAMING_NOTHING:
        fields = _without_named(fields, connection)
    if b"transfer-encoding" in picked and picked[b"transfer-encoding"].lower() != b"chunked":
        raise RequestRefused("A transfer coding other than chunked is not supported.", status=501, reason="transfer-coding")
    if b"host" not in picked and upstream_host is not None:  # HTTP/1.0
        fields.insert(0, (b"Host", upstream_host))
    return RequestFields(fields, picked)


def _pick(picked: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if name in picked and name in _JOINED:
        picked[name] += b"," + value
    else:
        picked.setdefault(name, value)


def named_in(connection: bytes) -> frozenset[bytes]:
    """The field names that a Connection field lists, lower-case."""
    return frozenset(part.strip() for part in connection.lower().split(b","))


def _without_named(fields: list[tuple[bytes, bytes]], connection: bytes) -> list[tuple[bytes, bytes]]:
    named = named_in(connection) - _PLAIN_CONNECTION - HOP_BY_HOP - _NEVER_NAMED
    return [field for field in fields if field[0].lower() not in named] if named else fields


class ResponseFields:
    """The fields of a response as field lines, and what they say about its framing."""

    __slots__ = ("chunked", "length", "lines")

    def __init__(self, lines: list[bytes], length: int | None, *, chunked: bool) -> None:
        """``length`` is Content-Length, None if there is none."""
        self.lines = lines
        self.length = length
        self.chunked = chunked


_RESPONSE_NOTEWORTHY = HOP_BY_HOP | {b"location", b"content-length"}
_RESPONSE_NOTEWORTHY_SIZES = frozenset(len(name) for name in _RESPONSE_NOTEWORTHY)
"""The length alone rules out most names, which is faster than a copy in lower case."""
_NAMING_NOTHING = frozenset({b"keep-alive", b"close", b",keep-alive", b",close"})
"""Values of nearly every Connection field. They name no other field."""


def read_response(raw: RawHeaders, upstream_origin: bytes, public_origin: bytes | None) -> ResponseFields:
    """The fields of a response without hop-by-hop fields. ``public_origin`` replaces the upstream's origin in Location; None leaves it."""
    lines: list[bytes] = []
    length: int | None = None
    chunked = False
    connection = b""
    for name, value in raw:
        lower = name.lower() if len(name) in _RESPONSE_NOTEWORTHY_SIZES else b""
        if lower not in _RESPONSE_NOTEWORTHY:
            lines.append(name + b": " + value + b"\r\n")
        elif lower == b"content-length":
            length = int(value)
            lines.append(name + b": " + value + b"\r\n")
        elif lower == b"location":
            lines.append(name + b": " + moved(value, upstream_origin, public_origin) + b"\r\n")
        elif lower == b"transfer-encoding":
            chunked = True
        elif lower == b"connection":
            connection += b"," + value
    if connection and connection.lower() not in _NAMING_NOTHING:
        named = named_in(connection) - _PLAIN_CONNECTION - _NEVER_NAMED - {b""}
        lines = [line for line in lines if line.partition(b":")[0].lower() not in named] if named else lines
    return ResponseFields(lines, length, chunked=chunked)


def moved(location: bytes, upstream_origin: bytes, public_origin: bytes | None) -> bytes:
    """A Location with the public origin instead of the upstream's. Path and query stay as they are."""
    if public_origin is None:
        return location
    length = len(upstream_origin)
    if location[:length].lower() != upstream_origin.lower() or location[length : length + 1] not in {b"", b"/", b"?", b"#"}:
        return location
    return public_origin + location[length:]


def unforwarded(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields without those that describe proxies and clients before this one (RFC 7239; RFC 9110, section 7.6.3)."""
    return [field for field in fields if not _is_forwarding_field(field[0].lower())]


def _is_forwarding_field(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in {b"forwarded", b"via"}


def addressed(fields: list[tuple[bytes, bytes]], host: bytes) -> list[tuple[bytes, bytes]]:
    """The fields with another Host."""
    return [(name, host) if name.lower() == b"host" else (name, value) for name, value in fields]
