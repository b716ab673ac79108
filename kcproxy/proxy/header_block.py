"""The header block of a request, parsed once: equal bytes have equal meaning.

Clients send the same fields with each request of a connection. The parser and ``read_request`` read the block of the first one. For the next
request with this block only the request line is read.
"""

import re

from kcproxy.catalog.targets import PLAIN_OCTETS
from kcproxy.errors import RequestRefused
from kcproxy.http1.framing import SMALL_BODY_BYTES, request_framing
from kcproxy.http1.headers import RequestFields
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target, TargetKind
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import AccountSettings

REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/(?!/)[%b]*+) HTTP/1\.1\r\n" % re.escape(PLAIN_OCTETS))
"""Request lines that are unambiguous. The parser reads all others."""

_MAX_ROUTES = 64
_ROUTES_BYTES = 16_384
_BLOCK_BYTES = 1_024
_FIELD_BYTES = 256
_ANY = Target(kind=TargetKind.OTHER, method="", raw_path="")
_NOTHING = RequestFields([], {})
_NOT_PLAIN = frozenset({b"expect", b"transfer-encoding", b"upgrade"})


class HeaderBlock:
    """One header block, by one generation of settings.

    ``without_token``: the field lines as they are forwarded with the caller's own credentials, or without any. ``before_token``: as they are
    forwarded before an account's Authorization, the last field line. ``admits``: whether requests with these fields may get an injected token;
    None if that depends on the request line. ``cost_bytes``: the estimated memory. ``runtime`` is None after the block was dropped.
    """

    __slots__ = (
        "_accounts",
        "admits",
        "before_token",
        "body_bytes",
        "content_type",
        "cost_bytes",
        "head",
        "max_line_bytes",
        "runtime",
        "wire",
        "without_token",
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
        self.without_token = b""
        self.before_token = b""
        self._accounts: dict[tuple[str, str, str | None], AccountSettings | None] = {}

    def make_without_token(self) -> bytes:
        """Set ``without_token``, which is empty until it is needed."""
        self.without_token = _lines(self.head.fields) + b"\r\n"
        return self.without_token

    def make_before_token(self, runtime: Runtime) -> bytes:
        """Set ``before_token``, which is empty until it is needed. ``runtime`` is the block's."""
        self.before_token = _lines(runtime.forwarding.addressed(self.head.fields))
        return self.before_token

    def drop(self) -> None:
        """Free the memory. Connections may still refer to the block, and find it empty."""
        self.runtime = None
        self.wire = self.without_token = self.before_token = b""
        self.head = _NOTHING
        self._accounts = {}

    def account(self, runtime: Runtime, target: Target, raw_target: str) -> AccountSettings | None:
        """The account whose token is added to a request with this block: the same for each operation and realm. ``runtime`` is the block's."""
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
    """Whether requests with these fields may get an injected token. None if that depends on the request line."""
    admission = runtime.admission
    if admission.jwt_verifier is not None:
        return False  # the caller's token has to be verified, which may wait
    if admission.keys is not None:
        return None
    try:
        admission.check_now(_ANY, head)
    except RequestRefused:
        return False
    return True


def block_bytes_of(request: RequestHead) -> bytes | None:
    """The header block of a whole request, from the first field to the empty line. None if the request line is not unambiguous."""
    wire = request.wire
    line = REQUEST_LINE.match(wire)
    end = wire.find(b"\r\n\r\n") + 4
    return None if line is None or end < line.end() else wire[line.end() : end]


def header_block_of(block_bytes: bytes, request: RequestHead, runtime: Runtime) -> HeaderBlock | None:
    """The block of a whole request. None if such requests need the general path. ``block_bytes``: see ``block_bytes_of``."""
    if not request.keep_alive or request.version != (1, 1):
        return None
    try:
        head = runtime.forwarding.request_fields(request.fields)
        body_bytes = request_framing(head.fields).length or 0
    except RequestRefused:
        return None  # the general path refuses it
    if body_bytes > SMALL_BODY_BYTES or not _NOT_PLAIN.isdisjoint(head.picked):
        return None
    return HeaderBlock(block_bytes, head, runtime, body_bytes)


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])
