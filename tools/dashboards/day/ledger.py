"""What was counted by hand: each call with its response, each request that Keycloak received, and when things were changed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call and the response to it. ``account`` is the label of the account whose token the proxy had to add, or None.

    ``began`` and ``ended`` are seconds since the epoch. ``cause``, ``role``, ``client`` and ``confidence`` are what the response says of a denial;
    ``error`` is the field ``Kcproxy-Error``. ``is_empty``: the response is an empty list.
    """

    began: float
    ended: float
    instance: str
    caller: str
    account: str | None
    operation: str
    realm: str
    status: int
    sent_bytes: int
    received_bytes: int
    cause: str | None = None
    role: str = "none"
    client: str = "none"
    confidence: str | None = None
    error: str | None = None
    is_empty: bool = False

    @property
    def is_denial(self) -> bool:
        """Whether Keycloak refused it, and the proxy explained that."""
        return self.cause is not None

    @property
    def kind(self) -> tuple[str, ...]:
        """The labels of the kind of denial."""
        return self.operation, self.realm, self.cause or "", self.role, self.client


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A token request that Keycloak received."""

    at: float
    client: str
    status: int


@dataclass(slots=True)
class Ledger:
    """Everything that was counted. ``looked_up`` are requests of the inspector that Keycloak received: path and status code. ``forwarded`` counts
    those of services by client and operation (the method and the last part of the path).
    """

    calls: list[Call] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    looked_up: list[tuple[str, int]] = field(default_factory=list)
    forwarded: Counter[tuple[str, str]] = field(default_factory=Counter)
    moments: dict[str, float] = field(default_factory=dict)

    def denials(self) -> Iterator[Call]:
        """The explained denials."""
        return (call for call in self.calls if call.is_denial)

    def count(self, of: Callable[[Call], object], which: Callable[[Call], bool] = lambda _: True) -> Counter[object]:
        """Calls by a property."""
        return Counter(of(call) for call in self.calls if which(call))

    def kinds(self) -> dict[tuple[str, ...], list[Call]]:
        """The denials of each kind, in order."""
        found: dict[tuple[str, ...], list[Call]] = {}
        for call in self.denials():
            found.setdefault(call.kind, []).append(call)
        return found
