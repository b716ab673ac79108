"""The inspector: what tokens cannot show, looked up with an optional read-only account, and from public documents without one.

Only what concerns the caller himself is looked up: his account, his client, his realm. Where Keycloak refused to believe the token
(401), the account's eyes are opened only for a token that is provably the realm's own, so that a forged one learns nothing.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kcproxy.explain.claims import realm_roles_of, roles_of_client
from kcproxy.explain.context import is_own_service_account, owner_of_roles
from kcproxy.explain.rules import guards
from kcproxy.explain.rules.not_keycloak import is_boilerplate
from kcproxy.keycloak import jwks
from kcproxy.keycloak.jwks import is_signed_by
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.representations import (
    addressing,
    is_offline,
    is_readable,
    public_facts,
    query_value,
    role_names,
    roles_elsewhere,
    segment,
    session_in,
    shows_less,
    take,
    writes_sub,
)
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Answer, Caller, CallerKind, Facts, RequestFacts, TargetKind
from kcproxy.observe.events import Observer
from kcproxy.settings import Settings
from kcproxy.upstream.interface import Upstream

LEAST_ROLES = ("view-clients", "view-realm", "view-users")
"""What the inspector's account needs in each realm that it looks into: measured, nothing less shows all that is looked up."""

_SHARE_OF_BUDGET = 0.9  # what is left is for putting the answer together
_CLAIM_DOUBT_SECONDS = 30
_MAX_SESSIONS = 500  # of a client with more, a session that is not among these may still be alive


@dataclass(frozen=True, slots=True)
class _Where:
    """The realm's path, the client that owns the admin roles, and that client's id."""

    base: str
    container: str
    owner: str
    server_wide: bool = False


class Inspector:
    """``facts`` within a budget. Safe to ask for every refusal; gives what it could find out in time."""

    def __init__(self, reader: LookupClient, *, budget_seconds: float = 0.3, now: Callable[[], float] = time.time) -> None:
        """``now`` gives seconds since the epoch."""
        self._reader = reader
        self.budget_seconds = budget_seconds
        self._now = now

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None = None) -> Facts | None:
        """What is known about the caller's own account, client and realm; None where nothing was asked. Never raises."""
        if request.target.kind not in {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN} or not is_readable(caller):
            return None
        known: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self.budget_seconds * _SHARE_OF_BUDGET):
                await self._find_out(request, caller, answer, authorization, known)
        except TimeoutError:
            # What was found by then is what there is; the reader goes on for the next one.
            self._reader.given_up(self.budget_seconds * _SHARE_OF_BUDGET)
        return Facts(**known) if known else None

    async def close(self) -> None:
        """End the look-ups under way."""
        await self._reader.close()

    async def _find_out(
        self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None, known: dict[str, Any]
    ) -> None:
        if answer.status == 401:
            await self._why_not_believed(request, caller, authorization, known)
        elif (
            answer.status == 403
            and request.target.operation is not None
            and caller.realm in {request.target.realm or caller.realm, "master"}
            and (is_boilerplate(answer.error or "") or await self._is_genuine(caller, authorization))
        ):
            await self._what_counts(request, caller, known)
        elif answer.status == 404 and caller.realm is not None and caller.realm == request.target.realm:
            await self._realm(caller.realm, known)

    async def _is_genuine(self, caller: Caller, authorization: str | None) -> bool:
        """Whether the token is the realm's own, where the refusal's words leave it open that Keycloak ever saw it: a gateway believes anything."""
        keys = await self._reader.get(f"/realms/{segment(caller.realm or '')}/protocol/openid-connect/certs", "keys", public=True)
        await jwks.loaded()
        token = (authorization or "").partition(" ")[2].strip()
        return bool(token and keys.object and is_signed_by(token, keys.object))

    # 401

    async def _why_not_believed(self, request: RequestFacts, caller: Caller, authorization: str | None, known: dict[str, Any]) -> None:
        if caller.realm is None:
            return
        base = f"/realms/{segment(caller.realm)}"
        document = f"{base}/.well-known/openid-configuration"
        discovery, own, keys, _ = await asyncio.gather(
            self._reader.get(document, "discovery", public=True, fields=addressing(request)),
            self._reader.get(document, "discovery", public=True),
            self._reader.get(f"{base}/protocol/openid-connect/certs", "keys", public=True),
            jwks.loaded(),
        )
        public_facts(discovery, own, keys, known)
        token = (authorization or "").partition(" ")[2].strip()
        signed = is_signed_by(token, keys.object) if token and keys.object else None
        if signed is not None:
            known["signature_valid"] = signed
        expires = caller.expires_at_epoch_seconds
        expired = expires is not None and self._now() - expires > _CLAIM_DOUBT_SECONDS
        if signed and not expired and self._covers(caller.realm):
            await self._who_is_left(caller, caller.realm, known)

    async def _who_is_left(self, caller: Caller, realm: str, known: dict[str, Any]) -> None:
        base = f"/admin/realms/{segment(realm)}"
        if caller.subject is not None and not is_offline(caller):
            looked = self._account(base, caller, known), self._session(base, caller, known)
            client, *_ = await asyncio.gather(self._client(realm, caller.client_id, known), self._realm(realm, known), *looked)
            if known.get("account_known") is False and caller.session_id is not None:
                await self._by_session(base, caller, client, known)
            return
        client, _ = await asyncio.gather(self._client(realm, caller.client_id, known), self._realm(realm, known))
        await self._session_of_client(base, caller, client, known)
        await self._account(base, caller, known)

    async def _by_session(self, base: str, caller: Caller, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        """``sub`` is nobody's id: the account is gone, or a mapper put another sub into the token (pairwise) and the session tells."""
        await self._session_of_client(base, caller, client, known)
        if known.get("account_id") is not None:
            await self._account(base, caller, known)
        elif any(writes_sub(mapper) for mapper in await self._mappers_of(base, caller, client) or []):
            del known["account_known"]

    async def _account(self, base: str, caller: Caller, known: dict[str, Any]) -> None:
        account = known.get("account_id") or caller.subject
        if account is None:
            return
        found = await self._reader.get(f"{base}/users/{segment(account)}", "account", volatile=True)
        if found.status in {200, 404}:
            known["account_known"] = found.status == 200
        if isinstance(found.object.get("enabled"), bool):
            known["account_enabled"] = found.object["enabled"]
        take(found.object, known, "notBefore", "account_not_before_epoch_seconds", int)

    async def _session(self, base: str, caller: Caller, known: dict[str, Any]) -> None:
        """Whether the account of ``sub`` has the session of the token."""
        if caller.session_id is None or caller.subject is None:
            return
        sessions = (await self._reader.get(f"{base}/users/{segment(caller.subject)}/sessions", "sessions", volatile=True)).items
        if sessions is not None:
            known["session_alive"] = session_in(sessions, caller) is not None

    async def _session_of_client(self, base: str, caller: Caller, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        """The session by the client's list: for offline sessions, and for tokens that name no account (lightweight ones)."""
        if caller.session_id is None or not isinstance(client.get("id"), str):
            return
        path = f"{base}/clients/{segment(client['id'])}"
        kinds = ("user-sessions", "offline-sessions") if is_offline(caller) else ("user-sessions",)
        lists = [(await self._reader.get(f"{path}/{kind}?first=0&max={_MAX_SESSIONS}", "sessions", volatile=True)).items for kind in kinds]
        session = next((found for items in lists if (found := session_in(items or [], caller))), None)
        if session is not None:
            known["session_alive"] = True
            take(session, known, "userId", "account_id", str)
            take(session, known, "username", "account_name", str)
        elif all(items is not None and len(items) < _MAX_SESSIONS for items in lists):
            known["session_alive"] = False

    # 403

    async def _what_counts(self, request: RequestFacts, caller: Caller, known: dict[str, Any]) -> None:
        container, home = owner_of_roles(caller, request.target.realm)
        if home is None or not self._covers(home):
            return
        base = f"/admin/realms/{segment(home)}"
        owner, client, *_ = await asyncio.gather(
            self._find_client(base, container),
            self._client(home, caller.client_id, known),
            self._realm(request.target.realm, known),
        )
        if owner is None:
            return
        if caller.subject is None:
            await self._session_of_client(base, caller, client, known)
        await asyncio.gather(
            self._scope(base, caller, owner, client, known),
            self._mappers(base, caller, client, known),
            self._grants(_Where(base, container, owner, request.target.realm is None), caller, client, known),
        )
        await self._target(request, known)

    async def _target(self, request: RequestFacts, known: dict[str, Any]) -> None:
        """Whether the client in the path is a built-in one: asked only for a caller who can see every client himself."""
        uuid, realm = request.target.parameters.get("client-uuid"), request.target.realm
        if uuid is None or realm is None or not {"view-clients", "manage-clients"} & set(known.get("granted") or ()):
            return
        built_in = await self._find_client(f"/admin/realms/{segment(realm)}", "realm-management")
        if built_in is not None:
            known["target_is_built_in"] = built_in == uuid
        operation = request.target.operation
        if known.get("admin_permissions_enabled") and operation is not None and guards.AUTHORIZATION in operation.path:
            permissions = await self._find_client(f"/admin/realms/{segment(realm)}", "admin-permissions")
            known["target_is_permissions"] = permissions == uuid

    async def _grants(self, where: _Where, caller: Caller, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        base, owner = where.base, where.owner
        service_account = await self._service_account(base, client)
        unnamed = caller.kind is CallerKind.UNKNOWN and caller.session_id is None
        is_service_account = unnamed or is_own_service_account(caller)
        if is_service_account and service_account is not None:
            known["service_account_id"] = service_account
        account = service_account if is_service_account else known.get("account_id") or caller.subject
        if account is None:
            return
        granted = await self._effective(base, account, owner)
        if granted is None and caller.session_id is not None and not is_service_account:
            await self._session_of_client(base, caller, client, known)  # a mapper may have put another sub into the token
            account = known.get("account_id", account)
            granted = await self._effective(base, account, owner)
        if granted is not None:
            known["granted"] = granted
        if granted is not None and not is_service_account and "account_name" not in known:
            await self._name(base, account, known)
        if where.server_wide:
            await self._realm_roles(base, account, caller, client, known)
        if not caller.lightweight and shows_less(caller, where.container, known):
            await self._fresh_token(where, caller, client, account, known)
        if not is_service_account and service_account is not None:
            known["granted_to_service_account"] = await self._effective(base, service_account, owner)
        elsewhere = await self._reader.get(f"{base}/users/{segment(account)}/role-mappings", "grants", volatile=True)
        if elsewhere.object and granted is not None:
            known["granted_elsewhere"] = roles_elsewhere(elsewhere.object, where.container)

    async def _name(self, base: str, account: str, known: dict[str, Any]) -> None:
        """The account's own name: a mapper may have put an address into ``preferred_username``, and commands take the name."""
        found = (await self._reader.get(f"{base}/users/{segment(account)}", "account", volatile=True)).object
        take(found, known, "username", "account_name", str)
        take(found, known, "id", "account_id", str)

    async def _fresh_token(self, where: _Where, caller: Caller, client: Mapping[str, Any], account: str, known: dict[str, Any]) -> None:
        """What a token of this client and account would name of the owning client's roles: Keycloak's own example (nothing is issued)."""
        if not isinstance(client.get("id"), str):
            return
        query = f"scope={query_value(' '.join(caller.scopes))}&userId={segment(account)}"
        path = f"{where.base}/clients/{segment(client['id'])}/evaluate-scopes/generate-example-access-token?{query}"
        token = await self._reader.get(path, "example token", volatile=True)
        if token.status != 200 or not isinstance(token.json, dict):
            return
        known["fresh_token_roles"] = roles_of_client(token.json, where.container)
        known["fresh_token_realm_roles"] = realm_roles_of(token.json)

    async def _realm_roles(self, base: str, account: str, caller: Caller, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        """Realm roles of master, which open server-wide operations: granted, and let through by the client."""
        path = f"{base}/users/{segment(account)}/role-mappings/realm/composite"
        granted = role_names((await self._reader.get(path, "grants", volatile=True)).items)
        if granted is not None:
            known["realm_roles_granted"] = granted
        if client.get("fullScopeAllowed") is not False or not isinstance(client.get("id"), str):
            return
        scope = query_value(" ".join(caller.scopes))
        path = f"{base}/clients/{segment(client['id'])}/evaluate-scopes/scope-mappings/master/granted?scope={scope}"
        in_scope = role_names((await self._reader.get(path, "scope", volatile=True)).items)
        if in_scope is not None:
            known["realm_roles_in_scope"] = in_scope

    async def _service_account(self, base: str, client: Mapping[str, Any]) -> str | None:
        if not client.get("serviceAccountsEnabled") or not isinstance(client.get("id"), str):
            return None
        path = f"{base}/clients/{segment(client['id'])}/service-account-user"
        found = (await self._reader.get(path, "service account", volatile=True)).object.get("id")
        return found if isinstance(found, str) else None

    async def _effective(self, base: str, account: str, owner: str) -> tuple[str, ...] | None:
        path = f"{base}/users/{segment(account)}/role-mappings/clients/{segment(owner)}/composite"
        return role_names((await self._reader.get(path, "grants", volatile=True)).items)

    async def _scope(self, base: str, caller: Caller, owner: str, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        if not isinstance(client.get("id"), str):
            return
        scope = query_value(" ".join(caller.scopes))
        path = f"{base}/clients/{segment(client['id'])}/evaluate-scopes/scope-mappings/{segment(owner)}/granted?scope={scope}"
        found = role_names((await self._reader.get(path, "scope", volatile=True)).items)
        if found is not None:
            known["in_scope"] = found

    async def _mappers(self, base: str, caller: Caller, client: Mapping[str, Any], known: dict[str, Any]) -> None:
        mappers = await self._mappers_of(base, caller, client)
        if mappers is not None:
            kinds = [item.get("protocolMapper") for item in mappers if isinstance(item, dict)]
            known["role_mapper_attached"] = "oidc-usermodel-client-role-mapper" in kinds

    async def _mappers_of(self, base: str, caller: Caller, client: Mapping[str, Any]) -> list[Any] | None:
        """Every mapper that applies to a token of this client: its own, and those of its client scopes."""
        if not isinstance(client.get("id"), str):
            return None
        scope = query_value(" ".join(caller.scopes))
        path = f"{base}/clients/{segment(client['id'])}/evaluate-scopes/protocol-mappers?scope={scope}"
        mappers = (await self._reader.get(path, "mappers", volatile=True)).items
        if mappers is None:
            return None
        own = client.get("protocolMappers")
        return [*mappers, *(own if isinstance(own, list) else [])]

    # both

    async def _realm(self, realm: str | None, known: dict[str, Any]) -> None:
        if realm is None or not self._covers(realm):
            return
        found = (await self._reader.get(f"/admin/realms/{segment(realm)}", "realm", volatile=True)).object
        take(found, known, "adminPermissionsEnabled", "admin_permissions_enabled", bool)
        take(found, known, "organizationsEnabled", "organizations_enabled", bool)
        take(found, known, "enabled", "realm_enabled", bool)
        take(found, known, "sslRequired", "ssl_required", str)
        take(found, known, "notBefore", "realm_not_before_epoch_seconds", int)

    async def _client(self, realm: str, client_id: str | None, known: dict[str, Any]) -> Mapping[str, Any]:
        if client_id is None:
            return {}
        path = f"/admin/realms/{segment(realm)}/clients?clientId={query_value(client_id)}"
        items = (await self._reader.get(path, "client", volatile=True)).items
        if items is None:
            return {}
        found = next((item for item in items if isinstance(item, dict) and item.get("clientId") == client_id), {})
        if not found and not await self._sees_clients(realm):
            return {}
        known["client_known"] = bool(found)
        take(found, known, "id", "client_uuid", str)
        take(found, known, "enabled", "client_enabled", bool)
        take(found, known, "bearerOnly", "client_bearer_only", bool)
        take(found, known, "publicClient", "client_public", bool)
        take(found, known, "serviceAccountsEnabled", "service_accounts_enabled", bool)
        take(found, known, "directAccessGrantsEnabled", "direct_grants_enabled", bool)
        take(found, known, "fullScopeAllowed", "full_scope", bool)
        take(found, known, "notBefore", "client_not_before_epoch_seconds", int)
        if found:
            attributes = found.get("attributes")
            lightweight = attributes.get("client.use.lightweight.access.token.enabled") if isinstance(attributes, dict) else None
            known["lightweight"] = lightweight == "true"
        return found

    async def _sees_clients(self, realm: str) -> bool:
        """Whether an empty list means that there is none: without view-clients some versions answer 200 and an empty list too."""
        built_in = "master-realm" if realm == "master" else "realm-management"
        return await self._find_client(f"/admin/realms/{segment(realm)}", built_in) is not None

    async def _find_client(self, base: str, client_id: str) -> str | None:
        items = (await self._reader.get(f"{base}/clients?clientId={query_value(client_id)}", "client")).items
        found = next((item for item in items or [] if isinstance(item, dict) and item.get("clientId") == client_id), {})
        uuid = found.get("id")
        return uuid if isinstance(uuid, str) else None

    def _covers(self, realm: str) -> bool:
        account = self._reader.account
        return account is not None and ("*" in account.realms or realm in account.realms)


def inspector_of(settings: Settings, upstream: Upstream, tokens: TokenSource, observer: Observer) -> Inspector:
    """The inspector of these settings; without an account it reads public documents only."""
    own = settings.inspector
    if own is None:
        return Inspector(LookupClient(settings.upstream, upstream, observer))
    reader = LookupClient(
        settings.upstream,
        upstream,
        observer,
        account=own.account,
        tokens=tokens,
        cache_seconds=own.cache_seconds,
        max_per_second=own.max_lookups_per_second,
    )
    return Inspector(reader, budget_seconds=own.budget_seconds)
