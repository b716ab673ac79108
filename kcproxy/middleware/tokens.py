"""The token of a service account for a program: one fetch for all requests, renewed before it expires, replaced once if it is refused.

    usable? ── yes, fresh ─────────────▶ send ─ refused, may be repeated? ─ no ─▶ done
            ├─ yes, to be renewed ─▶ one request renews it        └─ yes ─▶ newer token ─▶ send again
            └─ no ─▶ wait for the lock, fetch

No I/O: ``exchange`` yields steps, and the module of a library does them. The rules are those of the proxy (``keycloak.token_cache``,
``proxy.token_retry``); only waiting differs.
"""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.middleware.address import address_of
from kcproxy.middleware.locks import Lock

if TYPE_CHECKING:
    from kcproxy.errors import TokenFetchError
    from kcproxy.keycloak.retry_budget import RetryBudget
    from kcproxy.keycloak.token_endpoint import Steps, TokenGrants, TokenRequest, TokenResponse

_REFUSED = frozenset({401, 403})
_FAILURE_SECONDS = 1.0  # protects a token endpoint that fails, and notices soon that it works again
_MARGIN_SECONDS, _MARGIN_SHARE = 10.0, 0.2  # of the lifetime, for tokens with a short one
_REFRESH_SHARE, _JITTER_SHARE = 0.75, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, with the times at which its fetch began and ended, it is to be renewed, and it expires for us (monotonic seconds)."""

    value: str = field(repr=False)
    asked_at: float
    arrived_at: float
    renew_at: float
    unusable_at: float


class Hold(Enum):
    """What to do with the lock that only one fetch holds. TRY replies whether it was free."""

    ACQUIRE = auto()
    TRY = auto()
    RELEASE = auto()


class Unreachable(Exception):
    """A token request got no response."""

    def __init__(self, error: Exception) -> None:
        """``error``: the library's own."""
        super().__init__(str(error))
        self.error = error


class Attempt:
    """One request with the account's token, to be sent. ``repeats`` decides once, so that two layers of a client act alike."""

    def __init__(self, source: "TokenSource", token: Token, *, call: "Call", began_at: float) -> None:
        """``began_at``: before the token was taken from the cache."""
        self.token = token
        self.began_at = began_at
        self._source = source
        self._call = call
        self._decided: bool | None = None

    @property
    def authorization(self) -> str:
        """The value of the field."""
        return f"Bearer {self.token.value}"

    def repeats(self, status: int) -> bool:
        """Whether the request is sent again with a newer token, so that this response is not the last one."""
        if self._decided is None:
            self._decided = status in _REFUSED and self._source.may_repeat(self._call, self)
        return self._decided

    def repeated(self, token: Token) -> "Attempt":
        """The same request with another token, and no further attempt after it."""
        again = Attempt(self._source, token, call=self._call, began_at=self.began_at)
        again._decided = False
        return again


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request. ``path``: without its query. ``replayable``: its body can be sent again."""

    method: str
    path: str
    replayable: bool


Step: TypeAlias = "Hold | TokenRequest | Attempt"
"""A step to do. The reply to a ``TokenRequest`` is its status code and body, to an ``Attempt`` its status code, to ``TRY`` a bool."""


def exchange(source: "TokenSource", call: Call) -> Generator[Step, Any, None]:
    """The steps of one request. Raises TokenFetchError if there is no token, and Unreachable as it was thrown in.

    If a newer token cannot be fetched, the request is sent again with the refused one: a refused request was not executed, and its last
    response is the one that is explained.
    """
    began = source.clock()
    attempt = Attempt(source, (yield from _token(source)), call=call, began_at=began)
    if not attempt.repeats((yield attempt)):
        return
    newer = yield from _newer(source, attempt)
    if (yield attempt.repeated(newer or attempt.token)) < 400:
        source.reset(call)


def _token(source: "TokenSource") -> Generator[Step, Any, Token]:
    token = source.usable()
    if token is None:
        yield Hold.ACQUIRE
        token = source.usable() or (yield from source.fetch())
        yield Hold.RELEASE
    elif source.needs_renewal(token) and (yield Hold.TRY):
        token = yield from _renewed(source, token)
        yield Hold.RELEASE
    return token


def _renewed(source: "TokenSource", token: Token) -> Generator[Step, Any, Token]:
    """Another token; the old one, which is still valid, if there is none."""
    from kcproxy.errors import TokenFetchError  # noqa: PLC0415 - loaded with the first token, not with an import

    try:
        return (yield from source.fetch())
    except (TokenFetchError, Unreachable):
        return token


def _newer(source: "TokenSource", attempt: Attempt) -> Generator[Step, Any, Token | None]:
    """A token that was asked for after the attempt began. None if there is none."""
    yield Hold.ACQUIRE
    newer = source.replaced(attempt)
    if newer is None:
        renewed = yield from _renewed(source, attempt.token)
        newer = renewed if renewed is not attempt.token else None
    yield Hold.RELEASE
    return newer


class TokenSource:
    """The cached token of one account at one server. For any number of threads and event loops."""

    def __init__(
        self,
        account: ServiceAccount,
        *,
        base_url: str,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``base_url``: Keycloak's address; the token is sent to no other. ``clock`` is monotonic. Raises ValueError if it is no URL."""
        self.account = account
        self.origin, self.base_path = address_of(base_url)
        self.clock = clock
        self._jitter = jitter
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._token: Token | None = None
        self._failure: tuple[float, TokenFetchError] | None = None
        self._failed_at: float | None = None
        self._grants: TokenGrants | None = None
        self._budget: RetryBudget | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no token: its times are those of this process, and it is secret."""
        return {name: getattr(self, name) for name in ("account", "origin", "base_path", "clock", "_jitter", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was made."""
        vars(self).update(state)
        self._forget()

    def serves(self, origin: str, path: str) -> bool:
        """Whether a request goes to this Keycloak."""
        return origin == self.origin and (path == self.base_path or path.startswith(self.base_path + "/"))

    def usable(self) -> Token | None:
        """The cached token until it expires. Raises TokenFetchError if the last fetch failed just now."""
        token, failure, now = self._token, self._failure, self.clock()
        if token is not None and now < token.unusable_at:
            return token
        if failure is not None and now < failure[0] + _FAILURE_SECONDS:
            raise failure[1].with_traceback(None)
        return None

    def needs_renewal(self, token: Token) -> bool:
        """Whether a token that is still valid should be renewed now."""
        failed_at, now = self._failed_at, self.clock()
        return now >= token.renew_at and (failed_at is None or now >= failed_at + _FAILURE_SECONDS)

    def replaced(self, attempt: Attempt) -> Token | None:
        """The cached token if it was asked for after the attempt began. Another request has then replaced the refused one."""
        token = self._token
        return token if token is not None and token.value != attempt.token.value and token.asked_at >= attempt.began_at else None

    def fetch(self) -> "Generator[Any, Any, Token]":
        """The steps of a fetch: yields ``TokenRequest``, gets status code and body, returns the token. Raises TokenFetchError and Unreachable."""
        from kcproxy.errors import TokenFetchError  # noqa: PLC0415 - loaded with the first token, not with an import

        began = self.clock()
        steps = self._steps()
        try:
            granted: TokenResponse = yield from steps
        except TokenFetchError as error:
            self._failed_at = self.clock()
            self._failure = (self._failed_at, error)
            raise
        except Unreachable:
            self._failed_at = self.clock()
            raise
        lifetime = granted.lifetime_seconds
        token = Token(
            value=granted.token,
            asked_at=began,
            arrived_at=self.clock(),
            renew_at=began + lifetime * (_REFRESH_SHARE - _JITTER_SHARE * self._jitter()),
            unusable_at=began + lifetime - min(_MARGIN_SECONDS, lifetime * _MARGIN_SHARE),
        )
        self._failure = self._failed_at = None
        self._token = token
        return token

    def may_repeat(self, call: Call, attempt: Attempt) -> bool:
        """Whether a refused request may be repeated. Uses one of the few retries that each operation has."""
        kind = self._kind(call)
        with self._lock:
            budget = self._retries()
            in_burst = budget.in_one_burst(*kind, arrived_at=attempt.began_at, token_arrived_at=attempt.token.arrived_at)
            may = not in_burst and budget.use(*kind)
            budget.note_refusal(*kind)
            if may and not call.replayable and self._token is attempt.token:
                self._token = None  # the next request asks for a new one
            return may and call.replayable

    def reset(self, call: Call) -> None:
        """Restore the retries of an operation after one that helped."""
        with self._lock:
            self._retries().reset(*self._kind(call))

    def _kind(self, call: Call) -> tuple[str, str]:
        from kcproxy.catalog import catalog_for  # noqa: PLC0415 - only refused requests need it

        operation = catalog_for(None).target(call.method, call.path, base_path=self.base_path).operation
        return self.account.client_id, f"{call.method} {call.path}" if operation is None else operation.key

    def _retries(self) -> "RetryBudget":
        from kcproxy.keycloak.retry_budget import RetryBudget  # noqa: PLC0415 - as above

        self._budget = self._budget or RetryBudget(self.clock)
        return self._budget

    def _steps(self) -> "Steps":
        from kcproxy.keycloak.token_endpoint import TokenGrants  # noqa: PLC0415 - as above

        with self._lock:
            self._grants = self._grants or TokenGrants(origin=self.origin, base_path=self.base_path, now=time.time, setting="base_url")
        return self._grants.grant(self.account.settings())
