"""Decides whose requests may get an injected token. Every such request acts with the privileges of the account.

- On a Unix socket: all callers.
- On loopback: all callers whose Host field names this machine or is in ``inbound.allowed_hosts``. A web page that uses DNS rebinding names
  another host.
- On other addresses: callers with an API key or a verified token of a configured issuer; if neither is configured, with a client certificate.

Requests with credentials of their own pass, because they get no injected token.
"""

import platform
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from kcproxy.errors import RequestRefused
from kcproxy.http1.headers import RequestFields
from kcproxy.keycloak.issuer_keys import OnFetch, TokenUnacceptable, ignore_fetch
from kcproxy.model import Target
from kcproxy.network import names_one_of, own_names
from kcproxy.settings import InboundSettings, Settings
from kcproxy.settings.api_keys import ApiKeys, read_keys
from kcproxy.upstream.documents import DocumentClient

if TYPE_CHECKING:
    from kcproxy.keycloak.jwt_verifier import JwtVerifier

KEY_FIELD = b"kcproxy-key"
_BEARER = b"bearer "


class Admission(Struct, frozen=True):
    """What a caller has to show before a token is injected. All None: nothing."""

    keys: ApiKeys | None = None
    jwt_verifier: "JwtVerifier | None" = None
    own_names: frozenset[str] | None = None

    @property
    def open(self) -> bool:
        """Whether callers have to show nothing."""
        return self.keys is None and self.jwt_verifier is None and self.own_names is None

    @property
    def verifies(self) -> bool:
        """Whether callers authenticate, with a key or a token."""
        return self.keys is not None or self.jwt_verifier is not None

    async def check(self, target: Target, head: RequestFields) -> str | None:
        """The caller's name if they have to authenticate. Raises RequestRefused if their request may not get an injected token."""
        shown = self._shown(head)
        if shown is None:
            return None
        if self.jwt_verifier is not None and shown.count(b".") == 2:
            return await _verified(self.jwt_verifier, shown)
        return _known(self.keys, shown, target)

    def check_now(self, target: Target, head: RequestFields) -> str | None:
        """The same without waiting, if there is no ``jwt_verifier``."""
        shown = self._shown(head)
        return None if shown is None else _known(self.keys, shown, target)

    def _shown(self, head: RequestFields) -> bytes | None:
        """The key or token that the caller shows. None if they need not."""
        if self.own_names is not None:
            _check_host(head.text(b"host") or "", self.own_names)
        if self.keys is None and self.jwt_verifier is None:
            return None
        shown = _shown(head)
        if shown is None:
            raise _refusal(
                401, "key-required", "it has no key; send one in the header Kcproxy-Key, or send a token of Keycloak as Authorization"
            )
        return shown


def admission_of(settings: Settings, *, documents: DocumentClient | None = None, on_fetch: OnFetch = ignore_fetch) -> Admission:
    """Admission as configured. ``documents`` fetches the keys of issuers. Raises SettingsError if the file of API keys cannot be used."""
    inbound = settings.inbound
    keys = read_keys(inbound.api_keys_file) if inbound.api_keys_file is not None else None
    jwt_verifier = _jwt_verifier(inbound, documents, on_fetch)
    guarded = not inbound.protected and settings.listen.unix_path is None and settings.listen.is_local
    return Admission(keys, jwt_verifier, own_names(platform.node(), inbound.allowed_hosts) if guarded else None)


def _jwt_verifier(inbound: InboundSettings, documents: DocumentClient | None, on_fetch: OnFetch) -> "JwtVerifier | None":
    if not inbound.jwt_issuers or not inbound.jwt_audience:
        return None
    from kcproxy.keycloak.jwt_verifier import JwtVerifier  # noqa: PLC0415 - jwt loads cryptography, 10 MB that most settings never need

    return JwtVerifier(
        inbound.jwt_issuers,
        inbound.jwt_audience,
        documents=documents,
        max_age_seconds=inbound.jwt_keys_max_age_seconds,
        on_fetch=on_fetch,
    )


def _check_host(host: str, own_names: frozenset[str]) -> None:
    if not _is_own(host, own_names):
        raise _refusal(
            403,
            "foreign-host",
            "its Host field does not name this machine, although it came over loopback; use localhost, or add the name to the setting"
            " inbound.allowed_hosts",
        )


# Clients use one or two names, and parsing one costs as much as matching a path.
_is_own = lru_cache(maxsize=64)(names_one_of)


def _shown(head: RequestFields) -> bytes | None:
    key = head.picked.get(KEY_FIELD)
    return None if key is None else key_in(key)


def key_in(value: bytes) -> bytes:
    """The key or token in the value of the field, which may have the prefix ``Bearer``."""
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value


def _known(keys: ApiKeys | None, shown: bytes, target: Target) -> str:
    key = keys.find(shown) if keys is not None else None
    if key is None:
        raise _refusal(401, "key-unknown", "its key is unknown")
    if not key.opens(target):
        raise _refusal(403, "key-insufficient", f"the key of {key.name} does not allow this operation on this realm")
    return key.name


async def _verified(jwt_verifier: "JwtVerifier", shown: bytes) -> str:
    try:
        claims = await jwt_verifier.verify(shown.decode("ascii"))
    except (TokenUnacceptable, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, TokenUnacceptable) else "it is not a token"
        raise _refusal(401, "key-unknown", f"its token is not accepted: {why}") from error
    return str(claims.get("azp") or claims.get("sub") or "unnamed")


def certificate_withdrawn() -> RequestRefused:
    """The refusal of a request on a connection whose client certificate is no longer trusted."""
    return _refusal(401, "certificate-withdrawn", "its client certificate may no longer be trusted; connect again")


def _refusal(status: int, reason: str, why: str) -> RequestRefused:
    return RequestRefused(
        f"The proxy, not Keycloak, refused to add its account's token to this request: {why}.", status=status, reason=reason
    )
