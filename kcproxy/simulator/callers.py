"""The caller of the Admin REST API and their roles, as in Keycloak's AdminRoot."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import jwt
from msgspec import Struct

from kcproxy.simulator.call import Refusal
from kcproxy.simulator.state import LIGHTWEIGHT_CLIENTS, MASTER, REALM_MANAGEMENT, Client, Realm, User
from kcproxy.simulator.tokens import visible_client_roles, visible_realm_roles
from kcproxy.simulator.world import World


class Principal(Struct, frozen=True, kw_only=True):
    """A caller with a valid token: the issuing realm, the user, the client, the claims."""

    realm: Realm
    user: User
    client: Client
    claims: Mapping[str, Any]


def authenticate(world: World, authorization: str | None, base_url: str, now_seconds: float) -> Principal:
    """The caller of a bearer token. Raises Refusal 401 without a reason for anything else, as Keycloak does."""
    scheme, _, token = (authorization or "").partition(" ")
    claims = _verified(world, token.strip(), base_url) if scheme.lower() == "bearer" else None
    if claims is None or claims.get("typ") != "Bearer" or claims["exp"] <= now_seconds:
        raise Refusal(401, "HTTP 401 Unauthorized")
    realm = world.realms[unquote(claims["iss"].rpartition("/")[2])]
    client, user = realm.client(str(claims.get("azp"))), _user_of(realm, claims)
    if client is None or user is None or not client.enabled or not user.enabled or claims["iat"] < user.not_before_seconds:
        raise Refusal(401, "HTTP 401 Unauthorized")
    return Principal(realm=realm, user=user, client=client, claims=claims)


def _verified(world: World, token: str, base_url: str) -> dict[str, Any] | None:
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        return None
    prefix = f"{base_url}/realms/"
    if not isinstance(issuer, str) or not issuer.startswith(prefix):
        return None
    realm = world.realms.get(unquote(issuer.removeprefix(prefix)))
    return realm.keys.verified(token) if realm is not None else None


def _user_of(realm: Realm, claims: Mapping[str, Any]) -> User | None:
    """The user, by the session of the token if it has one, otherwise by its subject. If a session has ended, its tokens are invalid."""
    session_id = claims.get("sid") or claims.get("session_state")
    if session_id is not None:
        session = realm.sessions.get(str(session_id))
        return session.user if session is not None else None
    return realm.users.get(str(claims.get("sub")))


def admin_roles(world: World, principal: Principal, realm: Realm | None) -> frozenset[str]:
    """The caller's roles for a realm, including composites. Raises Refusal 403 if the token's realm is neither that one nor master.

    For an operation of the whole server, ``realm`` is None, and the roles of the caller's own realm count.
    """
    target = realm or principal.realm
    if principal.realm is not target and principal.realm.name != MASTER:
        raise Refusal(403, "HTTP 403 Forbidden")
    name = f"{target.name}-realm" if principal.realm.name == MASTER else REALM_MANAGEMENT
    container = principal.realm.client(name)
    if container is None:
        return frozenset()
    if world.dialect.live_grants or principal.client.client_id in LIGHTWEIGHT_CLIENTS:
        return visible_client_roles(principal.client, principal.user, container)
    return _claimed(principal.claims, name)


def master_realm_roles(world: World, principal: Principal) -> frozenset[str]:
    """Realm roles of a caller from master; empty for any other."""
    if principal.realm.name != MASTER:
        return frozenset()
    if world.dialect.live_grants or principal.client.client_id in LIGHTWEIGHT_CLIENTS:
        return visible_realm_roles(principal.client, principal.user)
    return frozenset((principal.claims.get("realm_access") or {}).get("roles", ()))


def _claimed(claims: Mapping[str, Any], client_id: str) -> frozenset[str]:
    return frozenset(((claims.get("resource_access") or {}).get(client_id) or {}).get("roles", ()))
