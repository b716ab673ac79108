"""One request/response exchange: what is known of it so far, and its record."""

import asyncio
import re
from typing import TypedDict

from kcproxy.http1.headers import RequestFields
from kcproxy.http1.methods import SAFE_METHODS
from kcproxy.keycloak.token_cache import CachedToken
from kcproxy.model import Caller, Explanation, Target
from kcproxy.observe.events import RequestRecord
from kcproxy.server.request_body import RequestBody
from kcproxy.settings import AccountSettings
from kcproxy.upstream.response import PooledResponse

CLIENT_CLOSED_REQUEST = 499
"""The status code in records of requests whose client disconnected before the response (as in nginx's logs)."""


class RareFields(TypedDict, total=False):
    """Fields of ``RequestRecord`` whose defaults hold for nearly every request."""

    waited_seconds: float
    token_replaced: bool
    retried: bool
    error_kind: str | None
    trace_id: str | None
    parent_span_id: str | None
    trace_sampled: bool
    denial_id: str | None


_NO_FIELDS = RareFields()


class Exchange:
    """The state of one exchange. What few exchanges have is a default of the class, which saves time and memory."""

    arrived_at = 0.0  # by the clock of the token cache
    admitted: str | None = None  # the caller's name if they had to authenticate
    account: AccountSettings | None = None
    cached_token: CachedToken | None = None
    token: str | None = None
    body: RequestBody | None = None
    body_unseen = False  # the request has a body that was not sent to this process
    begun: PooledResponse | None = None  # the response to a request that the fast path has sent
    explanation: Explanation | None = None
    caller: Caller | None = None
    reduced: bool | None = None  # of a success; None if the operation has no reduced responses, or the token names no roles
    error_kind: str | None = None
    status = CLIENT_CLOSED_REQUEST
    replaced = False
    retried = False
    is_counted_as_unverified = False  # see ``unverified_callers``
    received_bytes = 0
    sent_bytes = 0
    upstream_seconds = 0.0
    waited_seconds = 0.0  # for the client's body
    task: asyncio.Task[None] | None = None  # of the general path
    explaining_seconds = 0.0  # the proxy's own time, look-ups included, while the response is read

    def __init__(self, target: Target, raw_target: str, head: RequestFields, started_at: float, peer: str | None) -> None:
        """A request whose head has been read."""
        self.target = target
        self.raw_target = raw_target
        self.head = head
        self.started_at = started_at
        self.peer = peer

    @property
    def operation(self) -> str:
        """The operation's name, or the kind of target if there is none."""
        operation = self.target.operation
        return operation.key if operation is not None else self.target.kind.value

    @property
    def is_read(self) -> bool:
        """Whether the request may be cancelled without harm."""
        return self.target.method in SAFE_METHODS

    def record(self, now: float) -> RequestRecord:
        """The record for log, metrics and traces."""
        is_rare = self.task is not None or self.explanation is not None or self.error_kind or b"traceparent" in self.head.picked
        return RequestRecord(
            target=self.target,
            status=self.status,
            duration_seconds=now - self.started_at,
            upstream_seconds=self.upstream_seconds,
            received_bytes=self.received_bytes if self.body is None else self.body.received_bytes,
            sent_bytes=self.sent_bytes,
            injected_account=self.account.client_id if self.account is not None and self.token is not None else None,
            admitted=self.admitted,
            peer=self.peer,
            caller=self.caller,
            **(self._rare_fields() if is_rare else _NO_FIELDS),
        )

    def _rare_fields(self) -> RareFields:
        """What no exchange has that the fast path has completed, except for errors and trace context."""
        traceparent = self.head.picked.get(b"traceparent")
        trace_id, parent_span_id, trace_sampled = _trace(traceparent) if traceparent is not None else _UNTRACED
        return {
            "waited_seconds": self.waited_seconds,
            "token_replaced": self.replaced,
            "retried": self.retried,
            "error_kind": self.error_kind,
            "trace_id": trace_id,
            "parent_span_id": parent_span_id,
            "trace_sampled": trace_sampled,
            "denial_id": self.explanation.id if self.explanation is not None else None,
        }


_UNTRACED: tuple[str | None, str | None, bool] = (None, None, False)
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?")


def _trace(traceparent: bytes) -> tuple[str | None, str | None, bool]:
    """Trace id, span id and the sampled flag of a traceparent field (W3C Trace Context, section 3.2); nothing if there are two of them."""
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    if found is None or (found[1] == b"00" and found[5]):  # only later versions may have more than these four parts
        return _UNTRACED
    return found[2].decode(), found[3].decode(), bool(int(found[4], 16) & 1)
