"""The public keys of one token issuer (OpenID Connect Discovery 1.0): fetched, cached, and used up to a limit of age.

Concurrent verifications share one fetch. A token that names an unknown key causes another one, but only every few seconds, so a stranger's
made-up key ids cost the issuer nothing. While the issuer cannot be reached its keys stay in use, up to the limit: a key that it has withdrawn
in the meantime must not be good for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kcproxy.errors import KcproxyError
from kcproxy.keycloak.jwks import public_keys
from kcproxy.upstream.documents import DocumentClient

if TYPE_CHECKING:
    from jwt import PyJWK

log = logging.getLogger("kcproxy.keycloak")

_FRESH_SECONDS = 600.0
_RETRY_SECONDS = 60.0
_PAUSE_SECONDS = 5.0

OnFetch = Callable[[str, str, float], None]
"""Called with what was looked up, how it ended, and the seconds that it took."""


def ignore_fetch(_what: str, _outcome: str, _seconds: float) -> None:
    """An ``OnFetch`` that does nothing."""


class TokenUnacceptable(Exception):
    """A token that proves nothing. The message says why in a few words and never quotes it."""


@dataclass(slots=True)
class CachedKeys:
    """Keys by id, and when they were fetched and last asked for (monotonic seconds)."""

    by_id: "Mapping[str | None, PyJWK]" = field(default_factory=dict)
    fetched_at: float = float("-inf")
    attempted_at: float = float("-inf")
    reported_refusing: bool | None = None
    """The state that the log last named: whether tokens are refused. None: keys can be fetched."""


class IssuerKeys:
    """The keys of one issuer. For one event loop; nothing is fetched before the first token."""

    def __init__(
        self, issuer: str, documents: DocumentClient, *, max_age_seconds: float, on_fetch: OnFetch, clock: Callable[[], float]
    ) -> None:
        """``clock`` is monotonic. ``max_age_seconds`` limits the use of keys that cannot be fetched again."""
        self._issuer = issuer
        self._documents = documents
        self._max_age_seconds = max_age_seconds
        self._on_fetch = on_fetch
        self._clock = clock
        self.cached = CachedKeys()
        self._lock = asyncio.Lock()

    def take_over(self, before: "IssuerKeys") -> None:
        """Start with the keys that another one has fetched, and their age. Both have the same clock."""
        self.cached = replace(before.cached)

    async def key(self, key_id: str | None) -> "PyJWK":
        """The key with this id. Raises TokenUnacceptable if there is none, or if the keys are unavailable or too old."""
        usable = key_id in self.cached.by_id and self._age_seconds <= self._max_age_seconds
        if not usable:
            await self._refresh(_PAUSE_SECONDS)
        elif self._age_seconds > _FRESH_SECONDS and not self._lock.locked():
            await self._refresh(_RETRY_SECONDS)
        return self._usable_key(key_id)

    @property
    def _age_seconds(self) -> float:
        return self._clock() - self.cached.fetched_at

    def _usable_key(self, key_id: str | None) -> "PyJWK":
        if not self.cached.by_id:
            raise TokenUnacceptable("its issuer's keys are not available at the moment")
        if self._age_seconds > self._max_age_seconds:
            age = _duration(self._age_seconds)
            raise TokenUnacceptable(
                f"its issuer's keys could not be fetched for {age}, longer than inbound.jwt_keys_max_age_seconds allows"
            )
        key = self.cached.by_id.get(key_id)
        if key is None:
            raise TokenUnacceptable("its key is not among its issuer's")
        return key

    async def _refresh(self, pause_seconds: float) -> None:
        async with self._lock:
            if self._clock() - self.cached.attempted_at < pause_seconds:
                return  # another verification has just tried
            self.cached.attempted_at = began = self._clock()
            try:
                self.cached.by_id = await self._fetch()
            except (KcproxyError, TimeoutError, ValueError, KeyError, TypeError, RecursionError) as error:
                self._failed(error)
                outcome = "failed"
            else:
                self._succeeded()
                outcome = "ok"
            self._on_fetch("issuer-keys", outcome, self._clock() - began)

    async def _fetch(self) -> "Mapping[str | None, PyJWK]":
        discovery = _object(await self._documents.get(self._issuer.rstrip("/") + "/.well-known/openid-configuration"))
        if discovery["issuer"] != self._issuer:
            raise ValueError("the discovery document is another issuer's")
        document = _object(await self._documents.get(str(discovery["jwks_uri"])))
        if not isinstance(document["keys"], list):
            raise ValueError("the document at jwks_uri is no JWK set")  # noqa: TRY004 - the content of a document, not a type of ours
        return public_keys(document)

    def _succeeded(self) -> None:
        if self.cached.reported_refusing is not None:
            log.warning("the keys of issuer %s can be fetched again", self._issuer)
        self.cached.reported_refusing = None
        self.cached.fetched_at = self._clock()

    def _failed(self, error: BaseException) -> None:
        """Log the consequence, once for each of the two states."""
        refusing = not self.cached.by_id or self._age_seconds > self._max_age_seconds
        if self.cached.reported_refusing is refusing:
            return
        self.cached.reported_refusing = refusing
        age = f"for {_duration(self._age_seconds)} " if self.cached.by_id else ""
        limit = _duration(self._max_age_seconds)
        consequence = "its tokens are refused" if refusing else f"the cached ones stay in use until they are {limit} old"
        log.warning("the keys of issuer %s could not be fetched %s(%s): %s", self._issuer, age, _reason(error), consequence)


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ValueError("the document is no JSON object")  # noqa: TRY004 - the content of a document, not a type of ours
    return document


def _reason(error: BaseException) -> str:
    """Why a fetch failed. Errors of this package and about documents say it themselves and quote no content."""
    if isinstance(error, KeyError):
        return f"the document has no member {error.args[0]}"
    return str(error) if isinstance(error, (KcproxyError, ValueError)) and str(error) else type(error).__name__


def _duration(seconds: float) -> str:
    """A time in hours, or in minutes if that is less than two hours."""
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"
