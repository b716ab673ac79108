"""Verified tokens of named issuers (OpenID Connect Discovery 1.0, RFC 7517, RFC 7519): for callers, not for Keycloak.

Keys are fetched once for all who wait, kept, and fetched again where a token names one that is not known, but not more often than every few
seconds: a stranger's made-up key ids cost the issuer nothing.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import jwt
from jwt import PyJWK

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEEP_SECONDS = 600.0
_PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 5.0
_MAX_DOCUMENT_BYTES = 1 << 20
_MAX_TOKEN_CHARACTERS = 65_536
_LEEWAY_SECONDS = 5


class TokenUnacceptable(Exception):
    """A token that proves nothing; the message says why in a few words and never quotes it."""


class Issuers:
    """Verifies tokens. One event loop only; nothing is fetched before the first token comes."""

    def __init__(self, issuers: Sequence[str], audience: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``issuers`` as they stand in ``iss``; ``audience`` has to be among ``aud``; ``clock`` is monotonic."""
        self._audience = audience
        self._sets = {issuer: _KeySet(issuer, clock) for issuer in issuers}

    def take_over(self, before: "Issuers") -> None:
        """Go on with the keys that another one has fetched of the same issuers, with their age."""
        self._sets.update({issuer: keys for issuer, keys in before._sets.items() if issuer in self._sets})  # noqa: SLF001 - of its own kind

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The token's claims. TokenUnacceptable where anything is wrong with it."""
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
        if header.get("alg") not in _ALGORITHMS:
            raise TokenUnacceptable("its algorithm is not an asymmetric signature")
        return self._checked(token, await keys.key(header.get("kid")), str(header["alg"]), str(issuer))

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


class _KeySet:
    """The keys of one issuer."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, key_id: str | None) -> PyJWK:
        """The key of this id. TokenUnacceptable where there is none, or none can be had."""
        if key_id not in self._keys or self._clock() - self._fetched_at > _KEEP_SECONDS:
            await self._refresh()
        key = self._keys.get(key_id)
        if key is None:
            raise TokenUnacceptable("its key is not among its issuer's")
        return key

    async def _refresh(self) -> None:
        async with self._lock:
            if self._clock() - self._fetched_at < _PAUSE_SECONDS:
                return  # somebody else has just asked
            self._fetched_at = self._clock()
            try:
                self._keys = _usable(await self._fetch())
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, RecursionError) as error:
                if not self._keys:
                    raise TokenUnacceptable("its issuer's keys cannot be had just now") from error

    async def _fetch(self) -> Any:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
            found = await _document(http, self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found["issuer"] != self._issuer:
                raise ValueError("the document is another issuer's")
            return await _document(http, found["jwks_uri"])


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
