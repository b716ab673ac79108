"""The header block of a request as the parser has read it, and what follows from it: the same bytes mean the same again.

Clients send the same fields with each request of a connection. The block is read once, by the parser and by ``read_request``; for the next
request with this block only the request line is new.
"""

import re

from kcproxy.catalog.targets import PLAIN_OCTETS
from kcproxy.errors import RequestRefused
from kcproxy.http1.framing import request_framing
from kcproxy.http1.headers import RequestFields
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target, TargetKind
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.request_body import BUFFER_BYTES
from kcproxy.settings import AccountSettings

REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/(?!/)[%b]*+) HTTP/1\.1\r\n" % re.escape(PLAIN_OCTETS))
"""Request lines that can be read in one way only. Others are for the parser."""

_MAX_ROUTES = 64
_ROUTES_BYTES = 16_384
_BLOCK_BYTES = 1_024
_FIELD_BYTES = 256
_ANY = Target(kind=TargetKind.OTHER, method="", raw_path="")
_NOTHING = RequestFields([], {})
_NOT_PLAIN = frozenset({b"expect", b"transfer-encoding", b"upgrade"})


class HeaderBlock:
    """One header block, by one generation of settings.

    ``own`` are the fields as they are sent with the caller's own credentials, or none; ``bare`` as they are sent before an account's
    Authorization, the last line of a head. ``admits``: whether a caller with these fields may have a token injected; None where that depends
    on the request line. ``cost_bytes``: about what it takes in memory. ``runtime`` is None once it is dropped.
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
        "runtime",
        "wire",
    )

    def __init__(self, wire: bytes, head: RequestFields, runtime: Runtime, body_bytes: int) -> None:
        """``wire``: from the first field to the empty line."""
        self.wire = wire
        self.head = head
        self.runtime: Runtime | None = runtime
        self.body_bytes = body_bytes
        self.max_line_bytes = runtime.settings.limits.max_header_bytes - len(wire)
        self.content_type = head.text(b"content-type")
        self.admits = _admits(runtime, head)
        routes_bytes = _ROUTES_BYTES if runtime.settings.accounts else 0
        self.cost_bytes = _BLOCK_BYTES + routes_bytes + 4 * len(wire) + _FIELD_BYTES * len(head.fields)
        self.own = b""
        self.bare = b""
        self._accounts: dict[tuple[str, str, str | None], AccountSettings | None] = {}

    def make_own(self) -> bytes:
        """``own``, which is empty until it is needed."""
        self.own = _lines(self.head.fields) + b"\r\n"
        return self.own

    def make_bare(self, runtime: Runtime) -> bytes:
        """``bare``, which is empty until it is needed. ``runtime`` is the block's."""
        self.bare = _lines(runtime.forwarding.addressed(self.head.fields))
        return self.bare

    def drop(self) -> None:
        """Free the memory: no request has this block any more."""
        self.runtime = None
        self.wire = self.own = self.bare = b""
        self.head = _NOTHING
        self._accounts = {}

    def account(self, runtime: Runtime, target: Target, raw_target: str) -> AccountSettings | None:
        """The account whose token goes with a request of this block: the same for one operation on one realm. ``runtime`` is the block's."""
        operation = target.operation
        accounts = runtime.accounts
        if operation is None or target.ambiguous is not None or "access_token=" in raw_target:
            return accounts.account_for(target, self.head, raw_target)
        key = (target.method, operation.key, target.realm)
        if key not in self._accounts:
            if len(self._accounts) >= _MAX_ROUTES:
                self._accounts.clear()
            self._accounts[key] = accounts.account_for(target, self.head, raw_target)
        return self._accounts[key]


def _admits(runtime: Runtime, head: RequestFields) -> bool | None:
    """Whether a caller with these fields may have a token injected, for any request; None where it depends on the request."""
    admission = runtime.admission
    if admission.jwt_verifier is not None:
        return False  # the caller's token has to be verified, which takes time
    if admission.keys is not None:
        return None
    try:
        admission.check_at_once(_ANY, head)
    except RequestRefused:
        return False
    return True


def block_bytes_of(request: RequestHead) -> bytes | None:
    """The header block of a whole request, from the first field to the empty line; None if the request line is not plain."""
    wire = request.wire
    line = REQUEST_LINE.match(wire)
    end = wire.find(b"\r\n\r\n") + 4
    return None if line is None or end < line.end() else wire[line.end() : end]


def header_block_of(block_bytes: bytes, request: RequestHead, runtime: Runtime) -> HeaderBlock | None:
    """The block of a whole request; None where it is one of those that need more than sending on. ``block_bytes``: see ``block_bytes_of``."""
    if not request.keep_alive or request.version != (1, 1):
        return None
    try:
        head = runtime.forwarding.request_fields(request.fields)
        body_bytes = request_framing(head.fields).length or 0
    except RequestRefused:
        return None  # to be refused where all requests are
    if body_bytes > BUFFER_BYTES or not _NOT_PLAIN.isdisjoint(head.picked):
        return None
    return HeaderBlock(block_bytes, head, runtime, body_bytes)


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])
