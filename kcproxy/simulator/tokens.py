"""The token endpoint: client credentials, password and refresh grants, with the claims that 24.0.5 and 26.7.4 put into tokens.

Errors and their order follow Keycloak's TokenEndpoint, ClientCredentialsGrantType and ResourceOwnerPasswordGrantType.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from msgspec import Struct

from kcproxy.simulator.call import Reply
from kcproxy.simulator.state import LIGHTWEIGHT_CLIENTS, MASTER, Client, Realm, Role, Session, User, effective_roles, in_scope, new_id
from kcproxy.simulator.world import World

_REFRESH_SECONDS = 1800
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_BAD_CREDENTIALS = "Invalid client or Invalid client credentials"


class TokenRefused(Exception):
    """An error of the token endpoint (RFC 6749, section 5.2), in Keycloak's words."""

    def __init__(self, status: int, error: str, description: str) -> None:
        """Status and the two members of the body."""
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


class TokenRequest(Struct, frozen=True, kw_only=True):
    """One request: the form, the Authorization header, the client's address and the called address."""

    form: Mapping[str, str]
    authorization: str | None
    issuer: str
    peer: str
    now_seconds: float


def answer(world: World, realm: Realm, request: TokenRequest) -> Reply:
    """The token endpoint's answer."""
    try:
        return Reply(status=200, json=_grant(world, realm, request), headers=_NO_STORE)
    except TokenRefused as refused:
        body = {"error": refused.error, "error_description": refused.description}
        return Reply(status=refused.status, json=body, headers=_NO_STORE)


def _grant(world: World, realm: Realm, request: TokenRequest) -> dict[str, Any]:
    grant = request.form.get("grant_type")
    if grant is None:
        raise TokenRefused(400, "invalid_request", "Missing form parameter: grant_type")
    if grant not in {"client_credentials", "password", "refresh_token"}:
        raise TokenRefused(400, "unsupported_grant_type", "Unsupported grant_type")
    if not realm.enabled:
        raise TokenRefused(403, "access_denied", "Realm not enabled")
    client = _authenticated_client(realm, request, secret_needed=grant != "client_credentials")
    if grant == "client_credentials":
        return _client_credentials(world, realm, client, request)
    session = _password_login(world, realm, client, request) if grant == "password" else _refreshed(realm, client, request)
    return _user_tokens(world, realm, session, request)


def _authenticated_client(realm: Realm, request: TokenRequest, *, secret_needed: bool) -> Client:
    """The authenticated client; public clients do not authenticate."""
    client_id, secret = _client_credentials_of(request)
    client = realm.client(client_id)
    if client is None or not client.enabled:
        raise TokenRefused(401, "invalid_client", _BAD_CREDENTIALS)
    if client.public:
        if not secret_needed:
            raise TokenRefused(401, "unauthorized_client", "Public client not allowed to retrieve service account")
        return client
    if client.bearer_only or client.secret is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
        raise TokenRefused(401, "unauthorized_client", _BAD_CREDENTIALS)
    return client


def _client_credentials_of(request: TokenRequest) -> tuple[str, str]:
    """client_secret_basic (both parts form-encoded, RFC 6749 section 2.3.1) or client_secret_post."""
    scheme, _, value = (request.authorization or "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise TokenRefused(401, "invalid_client", _BAD_CREDENTIALS) from error
        return unquote_plus(name), unquote_plus(secret)
    return request.form.get("client_id", ""), request.form.get("client_secret", "")


def _client_credentials(world: World, realm: Realm, client: Client, request: TokenRequest) -> dict[str, Any]:
    account = realm.service_account(client)
    if not client.service_accounts or account is None:
        raise TokenRefused(401, "unauthorized_client", "Client not enabled to retrieve service account")
    visible = in_scope(client, effective_roles(account))
    claims = _head(world, realm, client, request, kind="trrtcc") | _audience(client, visible)
    claims |= {"sub": account.id, "typ": "Bearer", "azp": client.client_id, "acr": "1"} | _roles(visible)
    claims |= {"scope": "email profile", "clientHost": request.peer, "email_verified": account.email_verified}
    claims |= {"preferred_username": account.username, "clientAddress": request.peer, "client_id": client.client_id}
    return {
        "access_token": realm.keys.sign(claims),
        "expires_in": realm.token_seconds,
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": "email profile",
    }


def _password_login(world: World, realm: Realm, client: Client, request: TokenRequest) -> Session:
    if not client.direct_access:
        raise TokenRefused(400, "unauthorized_client", "Client not allowed for direct access grants")
    user = realm.user(request.form.get("username", ""))
    password = request.form.get("password", "")
    if user is None or user.password is None or not secrets.compare_digest(user.password.encode(), password.encode()):
        raise TokenRefused(world.dialect.wrong_password_status, "invalid_grant", "Invalid user credentials")
    if not user.enabled:
        raise TokenRefused(400, "invalid_grant", "Account disabled")
    # The default user profile requires all three; only master's own administrator does not need them.
    if user.required_actions or (realm.name != MASTER and None in {user.email, user.first_name, user.last_name}):
        raise TokenRefused(400, "invalid_grant", "Account is not fully set up")
    session_id = secrets.token_urlsafe(18) if world.dialect.live_grants else new_id()
    started = int(request.now_seconds * 1000)
    session = Session(id=session_id, user=user, client=client, started_milliseconds=started, address=request.peer)
    realm.sessions[session.id] = session
    return session


def _refreshed(realm: Realm, client: Client, request: TokenRequest) -> Session:
    claims = realm.keys.verified_refresh(request.form.get("refresh_token", ""))
    if claims is None:
        raise TokenRefused(400, "invalid_grant", "Invalid refresh token")
    session = realm.sessions.get(str(claims.get("sid")))
    if session is None or claims["exp"] <= request.now_seconds:
        raise TokenRefused(400, "invalid_grant", "Token is not active")
    if session.client is not client:
        raise TokenRefused(400, "invalid_grant", "Invalid refresh token. Token client and authorized client don't match")
    return session


def _user_tokens(world: World, realm: Realm, session: Session, request: TokenRequest) -> dict[str, Any]:
    client, user = session.client, session.user
    lightweight = client.client_id in LIGHTWEIGHT_CLIENTS
    visible = [] if lightweight else in_scope(client, effective_roles(user))
    claims = _head(world, realm, client, request, kind="onltro" if lightweight else "onrtro") | _audience(client, visible)
    if not (lightweight and world.dialect.live_grants):
        claims["sub"] = user.id
    claims |= {"typ": "Bearer", "azp": client.client_id, _session_claim(world): session.id}
    if not lightweight:
        claims |= {"acr": "1"} | _roles(visible)
    claims["scope"] = "email profile"
    if not (lightweight and world.dialect.live_grants):
        claims |= {"email_verified": user.email_verified, "preferred_username": user.username}
    refresh = _head(world, realm, client, request, kind="") | {
        "exp": int(request.now_seconds) + _REFRESH_SECONDS,
        "aud": request.issuer,
        "typ": "Refresh",
        "azp": client.client_id,
        "sid": session.id,
    }
    return {
        "access_token": realm.keys.sign(claims),
        "expires_in": realm.token_seconds,
        "refresh_expires_in": _REFRESH_SECONDS,
        "refresh_token": realm.keys.sign_refresh(refresh),
        "token_type": "Bearer",
        "not-before-policy": user.not_before_seconds,
        "session_state": session.id,
        "scope": "email profile",
    }


def _session_claim(world: World) -> str:
    return "sid" if world.dialect.live_grants else "session_state"


def _head(world: World, realm: Realm, client: Client, request: TokenRequest, *, kind: str) -> dict[str, Any]:
    issued = int(request.now_seconds)
    token_id = f"{kind}:{new_id()}" if kind and world.dialect.live_grants else new_id()
    # Keycloak lets a client's own attribute override the realm's life time.
    own = client.fields.get("attributes")
    lifetime = int(own.get("access.token.lifespan") or realm.token_seconds) if isinstance(own, dict) else realm.token_seconds
    return {"exp": issued + lifetime, "iat": issued, "jti": token_id, "iss": request.issuer}


def _audience(client: Client, visible: list[Role]) -> dict[str, Any]:
    """``aud``: the other clients whose roles are in the token (AudienceResolveProtocolMapper)."""
    names = list(dict.fromkeys(role.client.client_id for role in visible if role.client is not None and role.client is not client))
    return {"aud": names[0] if len(names) == 1 else names} if names else {}


def _roles(visible: list[Role]) -> dict[str, Any]:
    """``realm_access`` and ``resource_access``: roles that are granted and in the client's scope (protocol mappers of scope ``roles``)."""
    realm_roles = [role.name for role in visible if role.client is None]
    by_client: dict[str, list[str]] = {}
    for role in visible:
        if role.client is not None:
            by_client.setdefault(role.client.client_id, []).append(role.name)
    claims: dict[str, Any] = {}
    if realm_roles:
        claims["realm_access"] = {"roles": realm_roles}
    if by_client:
        claims["resource_access"] = {name: {"roles": names} for name, names in by_client.items()}
    return claims


def visible_client_roles(client: Client, user: User, container: Client) -> frozenset[str]:
    """The role names of one client that the user has and that are in the client's scope."""
    return frozenset(role.name for role in _visible(client, user) if role.client is container)


def visible_realm_roles(client: Client, user: User) -> frozenset[str]:
    """The realm role names that the user has and that are in the client's scope."""
    return frozenset(role.name for role in _visible(client, user) if role.client is None)


def _visible(client: Client, user: User) -> list[Role]:
    return in_scope(client, effective_roles(user))
