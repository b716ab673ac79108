"""Client-credentials grants (RFC 6749, section 4.4) at the token endpoints of realms.

``TokenGrants`` says which requests to send and reads the responses; ``TokenEndpoint`` sends them.
"""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from kcproxy.errors import TokenFetchError, UpstreamError
from kcproxy.explain.token_failure import why_no_token
from kcproxy.http1.json_body import json_object
from kcproxy.keycloak.client_auth import SIGNED, Proof, prove, with_previous_secret
from kcproxy.settings import AccountSettings, UpstreamSettings
from kcproxy.upstream.interface import Upstream

_MAX_RESPONSE_BYTES = 1 << 20
_REFUSED = frozenset({400, 401})
"""Status codes with which Keycloak refuses a secret, or an assertion that is signed with one."""
_DEFAULT_LIFETIME_SECONDS = 60.0
_MAX_WORDS_CHARACTERS = 300
_FOREIGN = "which is not the response of a token endpoint; check that {setting} is Keycloak's address and that no other server responds"
_TOKEN = re.compile(r"[!-~]+")  # no character that could end its header field


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """A token and its lifetime in seconds."""

    token: str = field(repr=False)
    lifetime_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request to send. ``path``: below the origin. ``body``: a form, or None for a GET."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)


Reply: TypeAlias = tuple[int, bytes | None]
"""Status code and body."""
Steps: TypeAlias = Generator[TokenRequest, Reply, TokenResponse]
"""Yields requests, gets replies, returns the token. Raises TokenFetchError."""


class TokenGrants:
    """The steps of token requests. The only state are the issuers that signed assertions name as their audience."""

    def __init__(self, *, origin: str, base_path: str, now: Callable[[], float], setting: str = "upstream.url") -> None:
        """``now`` gives seconds since the epoch, for assertions. ``setting``: where the address comes from, for messages."""
        self._setting = setting
        self._origin = origin
        self._base_path = base_path
        self._now = now
        self._issuers: dict[str, str] = {}

    def grant(self, account: AccountSettings) -> Steps:
        """One token. Raises TokenFetchError with Keycloak's own words."""
        status, document, assertion = yield from self._request_token(account)
        if status == 401 and account.secret is not None and account.secret.path is not None:
            # The file may have been replaced after it was read and before Keycloak compared the secret.
            status, document, assertion = yield from self._request_token(account)
        if status in _REFUSED and (other := with_previous_secret(account)) is not None:
            # During a rotation, Keycloak has one of two secrets, and nobody knows when it changes.
            accepted, granted, _ = yield from self._request_token(other)
            if accepted == 200:
                return self._granted(account, accepted, granted, None)
        if status != 200:
            self._issuers.pop(account.token_realm, None)
        return self._granted(account, status, document, assertion)

    def _request_token(self, account: AccountSettings) -> Generator[TokenRequest, Reply, tuple[int, dict[str, Any] | None, str | None]]:
        """Status code, document, and the assertion that was sent, if any."""
        audience = (yield from self._issuer(account.token_realm)) if account.auth in SIGNED else ""
        proof = prove(account, audience=audience, now_epoch_seconds=self._now())
        path = f"{self._realm_path(account.token_realm)}/protocol/openid-connect/token"
        status, body = yield TokenRequest(method="POST", path=path, body=_form(account, proof), authorization=proof.authorization)
        return status, json_object(body), proof.form.get("client_assertion")

    def _issuer(self, realm: str) -> Generator[TokenRequest, Reply, str]:
        """Keycloak's own name for the realm, which differs from its address if a hostname is configured."""
        if realm not in self._issuers:
            status, body = yield TokenRequest(method="GET", path=f"{self._realm_path(realm)}/.well-known/openid-configuration")
            issuer = (json_object(body) or {}).get("issuer") if status == 200 else None
            if not isinstance(issuer, str):
                return f"{self._origin}{self._realm_path(realm)}"
            self._issuers[realm] = issuer
        return self._issuers[realm]

    def _realm_path(self, realm: str) -> str:
        return f"{self._base_path}/realms/{quote(realm, safe='')}"

    def _granted(self, account: AccountSettings, status: int, document: dict[str, Any] | None, assertion: str | None) -> TokenResponse:
        token = (document or {}).get("access_token")
        if status == 200 and isinstance(token, str) and _TOKEN.fullmatch(token):
            lifetime = (document or {}).get("expires_in")
            usable = isinstance(lifetime, int | float) and lifetime > 0
            return TokenResponse(token=token, lifetime_seconds=float(lifetime) if usable and lifetime else _DEFAULT_LIFETIME_SECONDS)
        error, description = _words(document, "error"), _words(document, "error_description")
        said = " ".join(filter(None, (error, f"({description})" if description else None)))
        why = why_no_token(
            realm=account.token_realm,
            client_id=account.client_id,
            status=status,
            error=error,
            description=description,
            assertion=assertion,
        )
        plain = f"Keycloak gives the account {account.client_id} of realm {account.token_realm} no token: " + (
            f"{status} {said}." if said else f"{status}, {_FOREIGN.format(setting=self._setting)}"
        )
        raise TokenFetchError(
            f"{plain} {why}" if why else plain,
            error=error or "unreadable",
            description=description,
            status=status,
        )


class TokenEndpoint:
    """Requests tokens."""

    def __init__(self, settings: UpstreamSettings, upstream: Upstream, *, now: Callable[[], float]) -> None:
        """``now`` gives seconds since the epoch, for assertions."""
        self._settings = settings
        self._upstream = upstream
        self._grants = TokenGrants(origin=settings.origin, base_path=settings.base_path, now=now)

    async def grant(self, account: AccountSettings) -> TokenResponse:
        """One token. Raises TokenFetchError with Keycloak's own words, or with the reason why it could not be asked."""
        steps = self._grants.grant(account)
        try:
            request = next(steps)
            while True:
                request = steps.send(await self._exchange(request))
        except StopIteration as end:
            granted: TokenResponse = end.value
            return granted
        except UpstreamError as error:
            raise TokenFetchError(f"No token for the account {account.client_id}: {error}", error=error.kind) from error

    async def _exchange(self, request: TokenRequest) -> Reply:
        origin = self._settings.origin
        headers = [(b"Host", origin.partition("://")[2].encode()), (b"Accept", b"application/json")]
        if request.authorization:
            headers.append((b"Authorization", request.authorization.encode()))
        if request.body is not None:
            headers += [(b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Length", b"%d" % len(request.body))]
        response = await self._upstream.exchange(request.method, request.path, headers, request.body)
        try:
            return response.status, await response.read(_MAX_RESPONSE_BYTES)
        finally:
            response.release()


def _form(account: AccountSettings, proof: Proof) -> bytes:
    fields = {"grant_type": "client_credentials", **proof.form}
    if account.scopes:
        fields["scope"] = " ".join(account.scopes)
    return urlencode(fields).encode()


def _words(document: dict[str, Any] | None, name: str) -> str | None:
    value = (document or {}).get(name)
    return value[:_MAX_WORDS_CHARACTERS] if isinstance(value, str) else None
