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
_ANY = Target(kind=TargetKind.OTHER, method="", raw_path="")
_NOT_PLAIN = frozenset({b"expect", b"transfer-encoding", b"upgrade"})


class Block:
    """One header block, by one plane's settings. ``own`` are the fields as they go on with the caller's own credentials, or none; ``bare``
    as they go on before an account's Authorization, the last line of a head. ``admits``: whether a caller with these fields may have a token
    injected; None where that depends on what he asks for.
    """

    __slots__ = ("_accounts", "admits", "bare", "body_bytes", "content_type", "head", "max_line_bytes", "own", "plane", "wire")

    def __init__(self, wire: bytes, head: RequestHead, plane: Plane, body_bytes: int) -> None:
        """``wire``: from the first field to the empty line."""
        self.wire = wire
        self.head = head
        self.plane = plane
        self.body_bytes = body_bytes
        self.max_line_bytes = plane.settings.limits.max_header_bytes - len(wire)
        self.content_type = head.text(b"content-type")
        self.own = _lines(head.fields) + b"\r\n"
        self.bare = _lines(plane.addressed(head.fields))
        self.admits = _admits(plane, head)
        self._accounts: dict[tuple[str, str, str | None], AccountSettings | None] = {}

    def account(self, target: Target, raw_target: str) -> AccountSettings | None:
        """The account whose token goes with a request of this block: the same for one operation on one realm."""
        operation = target.operation
        if operation is None or target.ambiguous is not None or "access_token=" in raw_target:
            return self.plane.account(target, self.head, raw_target)
        key = (target.method, operation.key, target.realm)
        if key not in self._accounts:
            if len(self._accounts) >= _MAX_ROUTES:
                self._accounts.clear()
            self._accounts[key] = self.plane.account(target, self.head, raw_target)
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


def block_of(wire: bytes, message: RawRequestMessage, plane: Plane) -> Block | None:
    """The block of a whole request; None where it is one of those that need more than sending on. ``wire``: the request's bytes."""
    if message.should_close or message.upgrade or message.chunked or message.version != HttpVersion11:
        return None
    line = FIRST_LINE.match(wire)
    end = wire.find(b"\r\n\r\n") + 4
    if line is None or end < line.end() or end > plane.settings.limits.max_header_bytes:
        return None
    try:
        head = plane.read(message.raw_headers)
        body_bytes = request_framing(head.fields).length or 0
    except RequestRefused:
        return None  # to be refused where all requests are
    if body_bytes > BUFFER_BYTES or end + body_bytes != len(wire) or not _NOT_PLAIN.isdisjoint(head.picked):
        return None
    return Block(wire[line.end() : end], head, plane, body_bytes)


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])
