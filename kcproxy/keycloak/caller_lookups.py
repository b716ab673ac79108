"""Look-ups about one caller: account, session, client and realm. They fill the draft of the facts that an explanation uses."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.keycloak import jwks
from kcproxy.keycloak.facts_draft import FactsDraft
from kcproxy.keycloak.jwks import is_signed_by
from kcproxy.keycloak.lookup_client import Lookup, LookupClient
from kcproxy.keycloak.representations import client_named, flag, is_lightweight, number, query_value, segment, session_in, text
from kcproxy.model import Caller, RequestFacts

MASTER = "master"
MOST_AT_ONCE = 16
"""Look-ups of one refusal at the same time: fewer than all together may have, so that none of them is refused."""
_MAX_SESSIONS = 500  # of a client with more sessions, one that is not in the list may still be alive


def realm_path(realm: str) -> str:
    """The realm's path in the Admin REST API."""
    return f"/admin/realms/{segment(realm)}"


def is_offline(caller: Caller) -> bool:
    """Whether the token may live on an offline session: by its scope, or as newer versions say in its id."""
    return "offline_access" in caller.scopes or (caller.token_id or "").startswith("of")


@dataclass(slots=True, kw_only=True)
class CallerLookups:
    """The look-ups for one refusal. ``token`` is the caller's, "" if the request has none; ``facts`` is what they found so far.

    ``now_epoch_seconds``: when they began; 0 if that is not known.
    """

    client: LookupClient
    request: RequestFacts
    caller: Caller
    token: str = field(default="", repr=False)
    facts: FactsDraft = field(default_factory=FactsDraft)
    now_epoch_seconds: float = 0.0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE), repr=False)

    def covers(self, realm: str) -> bool:
        """Whether the inspector's account is configured for the realm."""
        return self.client.covers(realm)

    async def get(self, path: str, what: str) -> Lookup:
        """One resource as it is at this moment: an operator may just have granted a role."""
        async with self._slots:
            return await self.client.get(path, what, volatile=True)

    async def keys(self, realm: str) -> Lookup:
        """The realm's published keys, and the library that checks a signature with them."""
        path = f"/realms/{segment(realm)}/protocol/openid-connect/certs"
        keys, _ = await asyncio.gather(self.client.get(path, "keys", public=True), jwks.loaded())
        return keys

    async def is_genuine(self) -> bool:
        """Whether the caller's realm signed the token."""
        keys = await self.keys(self.caller.realm or "")
        return bool(self.token and keys.object and is_signed_by(self.token, keys.object))

    async def look_up_realm(self, realm: str | None) -> None:
        """The switches of a realm."""
        if realm is None or not self.covers(realm):
            return
        found, facts = (await self.get(realm_path(realm), "realm")).object, self.facts
        facts.admin_permissions_enabled = flag(found, "adminPermissionsEnabled")
        client = found.get("adminPermissionsClient")
        facts.permissions_client_uuid = text(client, "id") if isinstance(client, dict) else None
        facts.organizations_enabled = flag(found, "organizationsEnabled")
        facts.realm_enabled = flag(found, "enabled")
        facts.ssl_required = text(found, "sslRequired")
        facts.realm_not_before_epoch_seconds = number(found, "notBefore")

    async def look_up_client(self, realm: str) -> Mapping[str, Any]:
        """The client that the token was issued to; an empty object if it was not found."""
        client_id = self.caller.client_id
        if client_id is None:
            return {}
        items = (await self.get(f"{realm_path(realm)}/clients?clientId={query_value(client_id)}", "client")).items
        found = client_named(client_id, items)
        if items is None or (not found and not await self._sees_clients(realm)):
            return {}
        self._note_client(found)
        return found

    def _note_client(self, found: Mapping[str, Any]) -> None:
        facts = self.facts
        facts.client_known = bool(found)
        facts.client_uuid = text(found, "id")
        facts.client_enabled = flag(found, "enabled")
        facts.client_bearer_only = flag(found, "bearerOnly")
        facts.client_public = flag(found, "publicClient")
        facts.service_accounts_enabled = flag(found, "serviceAccountsEnabled")
        facts.direct_grants_enabled = flag(found, "directAccessGrantsEnabled")
        facts.full_scope = flag(found, "fullScopeAllowed")
        facts.client_not_before_epoch_seconds = number(found, "notBefore")
        facts.lightweight = is_lightweight(found) if found else None

    async def _sees_clients(self, realm: str) -> bool:
        """Whether an empty list means that there is no such client: some versions response 200 and an empty list without view-clients too."""
        return await self.client_uuid(realm, "master-realm" if realm == MASTER else "realm-management") is not None

    async def client_uuid(self, realm: str, client_id: str) -> str | None:
        """The internal id of a client that never changes."""
        found = await self.client.get(f"{realm_path(realm)}/clients?clientId={query_value(client_id)}", "client")
        return text(client_named(client_id, found.items), "id")

    async def look_up_account(self, realm: str) -> None:
        """The account that the session names, or else ``sub``."""
        account, facts = self.facts.account_id or self.caller.subject, self.facts
        if account is None:
            return
        found = await self.get(f"{realm_path(realm)}/users/{segment(account)}", "account")
        if found.status in {200, 404}:
            facts.account_known = found.status == 200
        facts.account_enabled = flag(found.object, "enabled")
        facts.account_not_before_epoch_seconds = number(found.object, "notBefore")

    async def look_up_session(self, realm: str) -> None:
        """Whether the account of ``sub`` has the session of the token."""
        caller = self.caller
        if caller.session_id is None or caller.subject is None:
            return
        sessions = (await self.get(f"{realm_path(realm)}/users/{segment(caller.subject)}/sessions", "sessions")).items
        if sessions is not None:
            self.facts.session_alive = session_in(sessions, caller) is not None

    async def look_up_session_of_client(self, realm: str, client: Mapping[str, Any]) -> None:
        """The session in the client's list: for offline sessions, and for tokens that name no account (lightweight ones)."""
        uuid, facts = text(client, "id"), self.facts
        if self.caller.session_id is None or uuid is None:
            return
        lists = await self._session_lists(f"{realm_path(realm)}/clients/{segment(uuid)}")
        session = next((found for items in lists if (found := session_in(items or [], self.caller))), None)
        if session is not None:
            facts.session_alive = True
            facts.account_id = text(session, "userId") or facts.account_id
            facts.account_name = text(session, "username") or facts.account_name
        elif all(items is not None and len(items) < _MAX_SESSIONS for items in lists):
            facts.session_alive = False

    async def _session_lists(self, path: str) -> list[list[Any] | None]:
        kinds = ("user-sessions", "offline-sessions") if is_offline(self.caller) else ("user-sessions",)
        return [(await self.get(f"{path}/{kind}?first=0&max={_MAX_SESSIONS}", "sessions")).items for kind in kinds]

    async def mappers(self, realm: str, client: Mapping[str, Any]) -> list[Any] | None:
        """Every protocol mapper that applies to a token of this client: its own, and those of its client scopes. None if not found out."""
        path = self.evaluation_path(realm, client)
        if path is None:
            return None
        mappers = (await self.get(f"{path}/protocol-mappers?{self.scope_query}", "mappers")).items
        own = client.get("protocolMappers")
        return None if mappers is None else [*mappers, *(own if isinstance(own, list) else [])]

    @property
    def scope_query(self) -> str:
        """The token's scopes as a parameter of Keycloak's scope evaluation."""
        return f"scope={query_value(' '.join(self.caller.scopes))}"

    def evaluation_path(self, realm: str, client: Mapping[str, Any]) -> str | None:
        """Where Keycloak evaluates the scopes of a client. None without the client's id."""
        uuid = text(client, "id")
        return None if uuid is None else f"{realm_path(realm)}/clients/{segment(uuid)}/evaluate-scopes"
