"""One request on its way through: what has become of it so far, and the record that remains of it."""

from kcproxy.keycloak.tokens import HeldToken
from kcproxy.model import Caller, Explanation, Target
from kcproxy.observe.events import RequestRecord
from kcproxy.proxy.bodies import Body
from kcproxy.proxy.headers import RequestHead
from kcproxy.settings import AccountSettings

CALLER_GONE = 499
"""The status in records of requests whose caller left before the answer (as nginx writes it)."""


class Passage:
    """Mutable, one a request, never shared."""

    __slots__ = (
        "account",
        "body",
        "caller",
        "error_kind",
        "explanation",
        "head",
        "held",
        "peer",
        "raw_target",
        "replaced",
        "retried",
        "sent_bytes",
        "started_at",
        "status",
        "target",
        "token",
        "upstream_seconds",
    )

    def __init__(self, *, target: Target, raw_target: str, head: RequestHead, started_at: float, peer: str | None) -> None:
        """A request whose head has been read."""
        self.target = target
        self.raw_target = raw_target
        self.head = head
        self.started_at = started_at
        self.peer = peer
        self.body: Body | None = None
        self.account: AccountSettings | None = None
        self.held: HeldToken | None = None
        self.token: str | None = None
        self.explanation: Explanation | None = None
        self.caller: Caller | None = None
        self.error_kind: str | None = None
        self.status = CALLER_GONE
        self.replaced = False
        self.retried = False
        self.sent_bytes = 0
        self.upstream_seconds = 0.0

    @property
    def operation(self) -> str:
        """The operation's closed name, or a closed word where there is none."""
        operation = self.target.operation
        return operation.key if operation is not None else self.target.kind.value

    def record(self, now: float) -> RequestRecord:
        """What remains of it."""
        return RequestRecord(
            target=self.target,
            status=self.status,
            duration_seconds=now - self.started_at,
            upstream_seconds=self.upstream_seconds,
            received_bytes=self.body.received_bytes if self.body is not None else 0,
            sent_bytes=self.sent_bytes,
            injected_account=self.account.client_id if self.account is not None and self.token is not None else None,
            token_replaced=self.replaced,
            retried=self.retried,
            error_kind=self.error_kind,
            trace_id=_trace_id(self.head.picked.get(b"traceparent")),
            denial_id=self.explanation.id if self.explanation is not None else None,
            peer=self.peer,
            caller=self.caller,
        )


def _trace_id(traceparent: bytes | None) -> str | None:
    """The trace-id of a W3C traceparent field: 32 lower-case hexadecimal digits."""
    if traceparent is None:
        return None
    parts = traceparent.split(b"-")
    if len(parts) < 4 or len(parts[1]) != 32 or parts[1].strip(b"0123456789abcdef"):
        return None
    return parts[1].decode()
