"""Who made a call, for the record of use and the log: by the account whose token was added, or by the claims of a token that Keycloak accepted.

The claims are read once for each token, after its first success. A token that Keycloak never accepted has no identity here, so that invented
names reach neither the record nor the log.
"""

from collections.abc import Mapping

from kcproxy.catalog import Catalog
from kcproxy.explain.claims import read_caller
from kcproxy.explain.context import MASTER, REALM_MANAGEMENT
from kcproxy.model import Caller, CallerKind
from kcproxy.observe.events import RequestRecord
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.request_variant import variant_of
from kcproxy.usage.model import UseCaller
from kcproxy.usage.tally import KnownCaller, UseTally

MAX_TOKENS = 2_000
MAX_TOKEN_BYTES = 4 << 20
REALM_ROLES = ""
"""The owner of realm roles in the record."""
_REALM_CLIENT = "-realm"
_ADMIN_REALM_ROLES = frozenset({"admin", "create-realm"})

Token = str | bytes
"""An injected token, or the whole value of an Authorization field."""


class CallerIdentities:
    """The identities of tokens, by token. Bounded: of two generations, the older one is dropped."""

    def __init__(self, tally: UseTally) -> None:
        """``tally`` notes the roles of each token."""
        self._tally = tally
        self._young: dict[Token, KnownCaller | None] = {}
        self._old: dict[Token, KnownCaller | None] = {}
        self._young_bytes = 0

    def describe(self, record: RequestRecord, exchange: Exchange, catalog: Catalog) -> None:
        """Add the caller, and the variant of the operation, to the record of an exchange that has ended."""
        known = record.used_by = self.of(exchange)
        if known is not None:
            record.reduced = exchange.reduced
            if self._tally.recording:
                record.variant = variant_of(exchange, catalog)

    def of(self, exchange: Exchange) -> KnownCaller | None:
        """The caller of an exchange that has ended; None if there is none, or if it is not verified."""
        token: Token | None = exchange.token
        if token is None:
            token = exchange.head.picked.get(b"authorization")
            if token is None:
                return None
        found = self._young.get(token)
        if found is not None:
            return found
        if token in self._old or token in self._young:
            return self._keep(token, self._old.get(token))
        if exchange.token is None and exchange.status >= 400:
            return None
        return self._keep(token, self._read(exchange, token))

    def _keep(self, token: Token, known: KnownCaller | None) -> KnownCaller | None:
        if token not in self._young:
            if len(self._young) >= MAX_TOKENS or self._young_bytes + len(token) > MAX_TOKEN_BYTES:
                self._old, self._young, self._young_bytes = self._young, {}, 0
            self._young[token] = known
            self._young_bytes += len(token)
        return known

    def _read(self, exchange: Exchange, token: Token) -> KnownCaller | None:
        account = exchange.account if exchange.token is not None else None
        caller = read_caller(f"Bearer {token}" if isinstance(token, str) else token.decode("latin-1"), injected=account is not None)
        if account is not None:
            user: UseCaller | None = UseCaller(
                client=account.client_id, token_realm=account.token_realm, kind=CallerKind.SERVICE_ACCOUNT, injected=True
            )
        else:
            user = named(caller)
        known = None if user is None else self._tally.know(user)
        if known is not None:
            self._tally.name_roles(known.caller, dict(admin_roles(caller)))
        return known


def named(caller: Caller) -> UseCaller | None:
    """The caller as its token names it; None if the token names no client or no realm."""
    if caller.client_id is None or caller.realm is None:
        return None
    return UseCaller(client=caller.client_id, token_realm=caller.realm, kind=caller.kind)


def admin_roles(caller: Caller) -> Mapping[str, tuple[str, ...]]:
    """The roles in a token that allow calls of the Admin REST API, by owner."""
    if caller.realm != MASTER:
        roles = caller.client_roles.get(REALM_MANAGEMENT, ())
        return {REALM_MANAGEMENT: roles} if roles else {}
    found = {client: roles for client, roles in caller.client_roles.items() if client.endswith(_REALM_CLIENT) and roles}
    realm_roles = tuple(role for role in caller.realm_roles if role in _ADMIN_REALM_ROLES)
    return found | ({REALM_ROLES: realm_roles} if realm_roles else {})
