"""Verifies access tokens of named issuers (RFC 7519, RFC 9068). They authenticate callers of the proxy, never the proxy to Keycloak."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from jwt import PyJWK

from kcproxy.keycloak.issuer_keys import IssuerKeys, OnFetch, TokenUnacceptable, ignore_fetch
from kcproxy.settings.values import ASYMMETRIC_ALGORITHMS
from kcproxy.upstream.documents import DocumentClient

_MAX_TOKEN_CHARACTERS = 65_536
_LEEWAY_SECONDS = 5
DEFAULT_MAX_AGE_SECONDS = 86_400.0

_OTHER_KINDS = {"id": "an ID token", "refresh": "a refresh token", "offline": "an offline token", "logout": "a logout token"}
"""Kinds of tokens by Keycloak's claim ``typ`` (TokenUtil), in lower case."""


class JwtVerifier:
    """Verifies tokens with the ``keys`` of each issuer. For one event loop; nothing is fetched before the first token."""

    def __init__(
        self,
        issuers: Sequence[str],
        audience: str,
        *,
        documents: DocumentClient | None = None,
        max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS,
        on_fetch: OnFetch = ignore_fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Accept the ``issuers``, as they stand in ``iss``, if ``audience`` is among ``aud``. ``clock`` is monotonic.

        ``max_age_seconds`` limits the use of keys that cannot be fetched again.
        """
        self._audience = audience
        documents = documents or DocumentClient()
        self.keys = {
            issuer: IssuerKeys(issuer, documents, max_age_seconds=max_age_seconds, on_fetch=on_fetch, clock=clock) for issuer in issuers
        }

    def take_over(self, before: "JwtVerifier") -> None:
        """Start with the keys that another verifier has fetched of the same issuers."""
        for issuer, keys in self.keys.items():
            if issuer in before.keys:
                keys.take_over(before.keys[issuer])

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of an access token. Raises TokenUnacceptable if anything is wrong with it, or if it is no access token."""
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise TokenUnacceptable("it is too large")
        header, issuer = _unverified(token)
        keys = self.keys.get(issuer) if isinstance(issuer, str) else None
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


def _unverified(token: str) -> tuple[Mapping[str, Any], Any]:
    """Header and issuer, which choose the key."""
    try:
        return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenUnacceptable("it is no token") from error


def _check_kind(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Raises TokenUnacceptable for all but access tokens that need no further proof.

    Keycloak names the kind in the claim ``typ`` (``Bearer``: TokenUtil), other issuers in the header (``at+jwt``: RFC 9068, section 2.1). A
    token that says neither may be an ID token. A token that is bound to a key or a certificate (RFC 9449, RFC 8705) needs a proof, which is not
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
    """A text in lower case; "" if there is none, "?" (no known kind) if it is no text."""
    if value is None:
        return ""
    return value.lower() if isinstance(value, str) and value else "?"
