"""The header block of a request as the parser has read it, and what follows from it: the same bytes mean the same again.

Callers send the same fields with each request of a connection. The block is looked at once, by aiohttp's parser and by ``read_request``; for the
next request with this block only its first line is new.
"""

import re

from aiohttp.http import HttpVersion11, RawRequestMessage

from kcproxy.catalog.targets import PLAIN_OCTETS
from kcproxy.errors import RequestRefused
from kcproxy.keycloak.framing import request_framing
from kcproxy.model import Target, TargetKind
from kcproxy.proxy.bodies import BUFFER_BYTES
from kcproxy.proxy.forward import Plane
from kcproxy.proxy.headers import RequestHead
from kcproxy.settings import AccountSettings

FIRST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/(?!/)[%b]*+) HTTP/1\.1\r\n" % re.escape(PLAIN_OCTETS))
"""First lines that can be read in one way only. Others are for the parser."""

_MAX_ROUTES = 64
_ROUTES_BYTES = 16_384
_BLOCK_BYTES = 1_024
_FIELD_BYTES = 256
_ANY = Target(kind=TargetKind.OTHER, method="", raw_path="")
_NOTHING = RequestHead([], {})
_NOT_PLAIN = frozenset({b"expect", b"transfer-encoding", b"upgrade"})


class Block:
    """One header block, by one plane's settings. ``own`` are the fields as they go on with the caller's own credentials, or none; ``bare`` as
    they go on before an account's Authorization, the last line of a head. ``admits``: whether a caller with these fields may have a token
    injected; None where that depends on what the request is for. ``cost_bytes``: about what it takes in memory. ``plane`` is None once it is
    dropped.
    """

    __slots__ = (
        "_accounts",
        "admits",
        "bare",
        "body_bytes",
        "content_type",
        "cost_bytes",
        "head",
        "max_line_bytes",
        "own",
        "plane",
        "wire",
    )

    def __init__(self, wire: bytes, head: RequestHead, plane: Plane, body_bytes: int) -> None:
        """``wire``: from the first field to the empty line."""
        self.wire = wire
        self.head = head
        self.plane: Plane | None = plane
        self.body_bytes = body_bytes
        self.max_line_bytes = plane.settings.limits.max_header_bytes - len(wire)
        self.content_type = head.text(b"content-type")
        self.admits = _admits(plane, head)
        routes_bytes = _ROUTES_BYTES if plane.settings.accounts else 0
        self.cost_bytes = _BLOCK_BYTES + routes_bytes + 4 * len(wire) + _FIELD_BYTES * len(head.fields)
        self.own = b""
        self.bare = b""
        self._accounts: dict[tuple[str, str, str | None], AccountSettings | None] = {}

    def own_made(self) -> bytes:
        """``own``, which is empty until it is needed."""
        self.own = _lines(self.head.fields) + b"\r\n"
        return self.own

    def bare_made(self, plane: Plane) -> bytes:
        """``bare``, which is empty until it is needed. ``plane`` is the block's."""
        self.bare = _lines(plane.addressed(self.head.fields))
        return self.bare

    def drop(self) -> None:
        """Keep nothing: no request has this block any more."""
        self.plane = None
        self.wire = self.own = self.bare = b""
        self.head = _NOTHING
        self._accounts = {}

    def account(self, plane: Plane, target: Target, raw_target: str) -> AccountSettings | None:
        """The account whose token goes with a request of this block: the same for one operation on one realm. ``plane`` is its own."""
        operation = target.operation
        if operation is None or target.ambiguous is not None or "access_token=" in raw_target:
            return plane.account(target, self.head, raw_target)
        key = (target.method, operation.key, target.realm)
        if key not in self._accounts:
            if len(self._accounts) >= _MAX_ROUTES:
                self._accounts.clear()
            self._accounts[key] = plane.account(target, self.head, raw_target)
        return self._accounts[key]


def _admits(plane: Plane, head: RequestHead) -> bool | None:
    """Whether a caller with these fields may have a token injected, whatever he asks for; None where it depends on that."""
    admission = plane.admission
    if admission.issuers is not None:
        return False  # his token is to be verified, which takes time
    if admission.keys is not None:
        return None
    try:
        admission.check_at_once(_ANY, head)
    except RequestRefused:
        return False
    return True


def fields_of(wire: bytes, max_header_bytes: int) -> bytes | None:
    """The header block of a request, from the first field to the empty line; None where the first line is not plain. ``wire``: its bytes."""
    line = FIRST_LINE.match(wire)
    end = wire.find(b"\r\n\r\n") + 4
    if line is None or end < line.end() or end > max_header_bytes:
        return None
    return wire[line.end() : end]


def block_of(fields: bytes, message: RawRequestMessage, plane: Plane) -> Block | None:
    """The block of a parsed request; None where it is one of those that need more than sending on. ``fields``: see ``fields_of``."""
    if message.should_close or message.upgrade or message.chunked or message.version != HttpVersion11:
        return None
    try:
        head = plane.read(message.raw_headers)
        body_bytes = request_framing(head.fields).length or 0
    except RequestRefused:
        return None  # to be refused where all requests are
    if body_bytes > BUFFER_BYTES or not _NOT_PLAIN.isdisjoint(head.picked):
        return None
    return Block(fields, head, plane, body_bytes)


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])
