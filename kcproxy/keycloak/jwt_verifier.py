"""Verified access tokens of named issuers (OpenID Connect Discovery 1.0, RFC 7517, RFC 7519, RFC 9068): for callers, not for Keycloak.

Keys are fetched once for all that wait, kept, and fetched again where a token names one that is not known, but not more often than every few
seconds: a stranger's made-up key ids cost the issuer nothing. While an issuer cannot be reached its keys stay in use, up to a limit of age: a
key that it has withdrawn in the meantime must not be good for ever.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import jwt
from jwt import PyJWK

from kcproxy.settings.values import ASYMMETRIC_ALGORITHMS

log = logging.getLogger("kcproxy.keycloak")

_KEEP_SECONDS = 600.0
_RETRY_SECONDS = 60.0
_PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 5.0
_MAX_DOCUMENT_BYTES = 1 << 20
_MAX_TOKEN_CHARACTERS = 65_536
_LEEWAY_SECONDS = 5
DEFAULT_MAX_AGE_SECONDS = 86_400.0

Tell = Callable[[str, str, float], None]
"""Is called with what was looked up, how it ended, and the seconds that it took."""


def nobody(_what: str, _outcome: str, _seconds: float) -> None:
    """Tell nobody."""


class TokenUnacceptable(Exception):
    """A token that proves nothing; the message says why in a few words and never quotes it."""


class JwtVerifier:
    """Verifies tokens. One event loop only; nothing is fetched before the first token comes."""

    def __init__(
        self,
        jwt_verifier: Sequence[str],
        audience: str,
        *,
        max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS,
        tell: Tell = nobody,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``issuers`` as they stand in ``iss``; ``audience`` has to be among ``aud``; ``max_age_seconds`` of keys that cannot be fetched again.

        ``clock`` is monotonic.
        """
        self._audience = audience
        self._sets = {issuer: _KeySet(issuer, max_age_seconds, tell, clock) for issuer in jwt_verifier}

    def take_over(self, before: "JwtVerifier") -> None:
        """Go on with the keys that another one has fetched of the same issuers, with their age."""
        self._sets.update({issuer: keys for issuer, keys in before._sets.items() if issuer in self._sets})  # noqa: SLF001 - of its own kind

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of an access token. TokenUnacceptable where anything is wrong with it, or it is of another kind."""
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise TokenUnacceptable("it is too large")
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenUnacceptable("it is no token") from error
        keys = self._sets.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise TokenUnacceptable("its issuer is not among inbound.jwt_issuers")
        if header.get("alg") not in ASYMMETRIC_ALGORITHMS:
            raise TokenUnacceptable("its algorithm is not an asymmetric signature")
        claims = self._checked(token, await keys.key(header.get("kid")), str(header["alg"]), str(issuer))
        _check_kind(header, claims)
        return claims

    def _checked(self, token: str, key: PyJWK, algorithm: str, issuer: str) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenUnacceptable("it has expired") from error
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as error:
            raise TokenUnacceptable(f"its audience is not {self._audience}") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenUnacceptable("its signature or its times are not valid") from error
        return claims


_OTHER_KINDS = {"id": "an ID token", "refresh": "a refresh token", "offline": "an offline token", "logout": "a logout token"}
"""Kinds of tokens by Keycloak's claim ``typ`` (TokenUtil), in lower case."""


def _check_kind(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """TokenUnacceptable for all but access tokens that whoever holds them may use.

    Keycloak says the kind in the claim ``typ`` (``Bearer``: TokenUtil), other issuers in the header (``at+jwt``: RFC 9068, section 2.1). A
    token that says neither may be an ID token. One that is bound to a key or a certificate (RFC 9449, RFC 8705) needs a proof, and none is
    checked here.
    """
    media_type, kind = _lower(header.get("typ")).removeprefix("application/"), _lower(claims.get("typ"))
    if "cnf" in claims or kind == "dpop":
        raise TokenUnacceptable("it is bound to a key or a certificate, whose proof the proxy does not check; send one that is not bound")
    if kind in _OTHER_KINDS:
        raise TokenUnacceptable(f"it is {_OTHER_KINDS[kind]}; send an access token")
    if media_type not in {"", "jwt", "at+jwt"} or kind not in {"", "bearer"}:
        raise TokenUnacceptable("it is a token of another kind; send an access token")
    if not kind and media_type != "at+jwt":
        raise TokenUnacceptable("it does not say that it is an access token, by the claim typ (Bearer) or the header typ (at+jwt)")


def _lower(value: object) -> str:
    """A text in lower case, "" where there is none; what is no text is no kind that is known."""
    if value is None:
        return ""
    return value.lower() if isinstance(value, str) and value else "?"


class _KeySet:
    """The keys of one issuer."""

    def __init__(self, issuer: str, max_age_seconds: float, tell: Tell, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._max_age_seconds = max_age_seconds
        self._tell = tell
        self._clock = clock
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._said: bool | None = None  # that they cannot be fetched, and whether tokens are refused for it
        self._lock = asyncio.Lock()

    @property
    def _age_seconds(self) -> float:
        return self._clock() - self._fetched_at

    async def key(self, key_id: str | None) -> PyJWK:
        """The key of this id. TokenUnacceptable where there is none, none can be had, or those that there are have become too old."""
        usable = key_id in self._keys and self._age_seconds <= self._max_age_seconds
        if not usable:
            await self._refresh(_PAUSE_SECONDS)
        elif self._age_seconds > _KEEP_SECONDS and not self._lock.locked():
            await self._refresh(_RETRY_SECONDS)
        if not self._keys:
            raise TokenUnacceptable("its issuer's keys cannot be had just now")
        if self._age_seconds > self._max_age_seconds:
            raise TokenUnacceptable(
                f"its issuer's keys could not be fetched for {_duration(self._age_seconds)}, longer than inbound.jwt_keys_max_age_seconds allows"
            )
        key = self._keys.get(key_id)
        if key is None:
            raise TokenUnacceptable("its key is not among its issuer's")
        return key

    async def _refresh(self, pause_seconds: float) -> None:
        async with self._lock:
            if self._clock() - self._asked_at < pause_seconds:
                return  # somebody else has just asked
            self._asked_at = began = self._clock()
            try:
                self._keys = _usable(await self._fetch())
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, RecursionError) as error:
                self._failed(error)
                outcome = "failed"
            else:
                self._fetched()
                outcome = "ok"
            self._tell("issuer-keys", outcome, self._clock() - began)

    def _fetched(self) -> None:
        if self._said is not None:
            log.warning("the keys of issuer %s can be fetched again", self._issuer)
        self._said = None
        self._fetched_at = self._clock()

    def _failed(self, error: BaseException) -> None:
        """Say what follows from it, once for each of the two states that it may be in."""
        refused = not self._keys or self._age_seconds > self._max_age_seconds
        if self._said is refused:
            return
        self._said = refused
        age = f"for {_duration(self._age_seconds)} " if self._keys else ""
        consequence = (
            "its tokens are refused" if refused else f"those at hand stay in use until they are {_duration(self._max_age_seconds)} old"
        )
        log.warning("the keys of issuer %s could not be fetched %s(%s): %s", self._issuer, age, type(error).__name__, consequence)

    async def _fetch(self) -> Any:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
            found = await _document(http, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found["issuer"] != self._issuer:
                raise ValueError("the document is another issuer's")
            return await _document(http, found["jwks_uri"])


def _duration(seconds: float) -> str:
    """A time in hours, or in minutes where that is less than two hours."""
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"


async def _document(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError("no such document")
        return json.loads(await answer.content.read(_MAX_DOCUMENT_BYTES))


def _usable(document: Any) -> dict[str | None, PyJWK]:
    """The signing keys of a JWK set, by id; those of a kind that is not known are left out."""
    keys: dict[str | None, PyJWK] = {}
    for key in document["keys"]:
        if key.get("use") == "enc" or key.get("kty") == "oct":
            continue
        try:
            keys[key.get("kid")] = PyJWK.from_dict(key)
        except jwt.PyJWTError:
            continue
    return keys
