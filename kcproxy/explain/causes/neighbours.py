"""Causes at the endpoints next to the Admin REST API: broker tokens, UMA, the account API, userinfo, introspection.

Each endpoint has its own needs, and Keycloak's own words come first in the sentence. All of them read roles from the token, on every version
(measured on 26.7.5): a role that is granted counts in the next token.
"""

import re

from kcproxy.explain.causes.client_registration import registration_fixes, registration_refused
from kcproxy.explain.causes.neighbour_words import neighbour, own_words, place
from kcproxy.explain.causes.not_keycloak import console_only
from kcproxy.explain.causes.spec import FOR_OPERATION, NOTHING_MORE, REFUSED, CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint import token_refused
from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding
from kcproxy.explain.text import list_of
from kcproxy.model import CallerKind, Cause, RoleSet, TargetKind

_BROKER_TOKEN = re.compile(r"/broker/[^/]+/token/?\Z")
_BROKER, _READ_TOKEN = "broker", "read-token"
_ACCOUNT = "account"
_UMA_ROLE = "uma_protection"
_MANAGE = ("manage-account",)
_ACCOUNT_NEEDS: tuple[tuple[str, str, tuple[RoleSet, ...]], ...] = (
    (r"/groups.*", "GET", (("view-groups",), _MANAGE)),
    (r"/applications/[^/]+/consent", "GET", (("view-consent",), ("manage-consent",), _MANAGE)),
    (r"/applications/[^/]+/consent", "POST PUT DELETE", (("manage-consent",), _MANAGE)),
    (r"/applications.*", "GET", (("view-applications",), _MANAGE)),
    (r"/linked-accounts/.+", "GET POST DELETE", (_MANAGE,)),
    (r"/?|/(?:credentials|sessions|linked-accounts).*", "GET", (("view-profile",), _MANAGE)),
    (r".*", "POST PUT DELETE PATCH", (_MANAGE,)),
)
"""Below ``/realms/{realm}/account``: path, methods, and the sets of roles of the client ``account`` that are enough (measured on 26.7.5)."""
_ANY_ACCOUNT_ROLE: tuple[RoleSet, ...] = (("view-profile",), _MANAGE)


def other_endpoint(context: Context) -> Finding | None:
    """Endpoints next to the Admin REST API. Their refusals have nothing to do with admin roles, except those of client registration."""
    if context.request.target.kind is not TargetKind.OTHER:
        return None
    path = place(context)[1]
    for begins, rule in _RULES:
        if path.startswith(begins):
            return rule(context)
    return None


def _broker(context: Context) -> Finding | None:
    """IdentityBrokerService.retrieveToken: the role is read from the token, before Keycloak looks for the identity provider."""
    if not _BROKER_TOKEN.match(place(context)[1]):
        return neighbour(context, LIKELY, reason="{who} needs a token that a user of realm {realm} got at a login", effect=REFUSED)
    if context.token_is_unread:
        return neighbour(context, LIKELY, reason=_NO_USER, effect=REFUSED, remedy=_SEND_USERS)
    return _missing_role(context, _BROKER, ((_READ_TOKEN,),), certain="not authorized to retrieve tokens" in own_words(context))


_NO_USER = "the request has no access token of a user of realm {realm}"
_SEND_USERS = "Send the user's own access token as Authorization: Bearer; it has to contain the role read-token of the client broker"


def _missing_role(context: Context, owner: str, need: tuple[RoleSet, ...], *, certain: bool = False) -> Finding:
    """The token lacks a role of a client that is not the owner of admin roles."""
    names = " or ".join(list_of(roles) for roles in need)
    return neighbour(
        context,
        CERTAIN if certain else LIKELY,
        f"the token of {context.words['who']} does not contain {names} of the client {owner}, and this endpoint reads roles from the token",
        reason="the token of {who} is missing the role {one_of} (client {owner})",
        effect=FOR_OPERATION,
        facts={"grant": (owner, need[0])},
        one_of=names,
        owner=owner,
    )


def _account(context: Context) -> Finding | None:
    """401 if the token names no role of the client account, otherwise 403 if it names none that is enough (AccountLoader, AccountRestService)."""
    if "User-managed access not enabled" in own_words(context):
        return neighbour(context, CERTAIN, reason=_UMA_IS_OFF, effect=REFUSED, remedy=_SWITCH_UMA_ON)
    if context.token_is_unread:
        return neighbour(context, LIKELY, reason=_NO_USER, effect=REFUSED, remedy=_SEND_ACCOUNTS)
    if context.caller.kind is CallerKind.SERVICE_ACCOUNT and context.answer.status == 401:
        return neighbour(context, LIKELY, reason=_FOR_USERS, effect=REFUSED, remedy=_SEND_ACCOUNTS)
    need, held = account_need(context), set(context.caller.client_roles.get(_ACCOUNT, ()))
    if any(set(roles) <= held for roles in need) and (context.answer.status == 403 or _ACCOUNT in context.caller.audiences):
        reason = "the token of {who} has the role that this endpoint requires (client account), and Keycloak does not accept it, or it is no longer valid"
        return neighbour(context, LIKELY, reason=reason, effect=REFUSED, remedy="Let the user log in again, and use the new token")
    return _missing_role(context, _ACCOUNT, need)


def account_need(context: Context) -> tuple[RoleSet, ...]:
    """The sets of roles of the client account that are enough, the least powerful first."""
    below = place(context)[1].removeprefix("/account")
    for path, methods, need in _ACCOUNT_NEEDS:
        if context.method in methods.split() and re.fullmatch(path, below):
            return need
    return _ANY_ACCOUNT_ROLE


_FOR_USERS = "{who} is a service account, and the account API is only for users; no role changes that"
_UMA_IS_OFF = "realm {realm} does not let users manage their resources themselves"
_SWITCH_UMA_ON = "Switch User-managed access on (realm {realm}, Realm settings, General) if users are meant to manage their resources"
_SEND_ACCOUNTS = (
    "Send the user's own access token as Authorization: Bearer; it has to contain a role of the client account, such as view-profile"
)


def _uma(context: Context) -> Finding | None:
    """The protection API: for the service account of the resource server (AuthorizationService, UserManagedPermissionService)."""
    said = own_words(context)
    if "not registered as a resource server" in said:
        return neighbour(context, CERTAIN, reason=_NO_RESOURCE_SERVER, effect=REFUSED, remedy=_SWITCH_AUTHORIZATION_ON)
    if _UMA_ROLE in said and context.caller.client_id is not None:
        return _missing_protection(context, context.caller.client_id)
    return neighbour(context, LIKELY, reason=_NO_PROTECTION, effect=REFUSED, remedy=_FETCH_PROTECTION)


def _missing_protection(context: Context, client_id: str) -> Finding:
    finding = _missing_role(context, client_id, ((_UMA_ROLE,),), certain=True)
    if context.caller.kind is CallerKind.SERVICE_ACCOUNT:
        return finding
    return neighbour(
        context,
        CERTAIN,
        f"the token belongs to {context.words['who']}, and the protection API is for the service account of the resource server",
        reason="the token of {who} is not that of the service account of client {client}, and is missing the role uma_protection (client {client})",
        effect=FOR_OPERATION,
        remedy=_FETCH_PROTECTION,
    )


_NO_RESOURCE_SERVER = "client {client} has no authorization services, and the UMA endpoints are for clients that have them"
_SWITCH_AUTHORIZATION_ON = (
    "Use a token of the client that protects the resources; if that is {client}, switch Authorization on for it (Clients, {client}, Settings,"
    " Capability config)"
)
_NO_PROTECTION = (
    "the UMA endpoints require a protection token: one that the service account of the resource server got, with the role uma_protection"
)
_FETCH_PROTECTION = "Fetch a token with grant_type=client_credentials for the client that protects the resources (Authorization is on), and send it as Authorization: Bearer"


def _userinfo(context: Context) -> Finding | None:
    """UserInfoEndpoint: the scope openid, and a session that is alive. An admin role plays no part."""
    if "openid" in own_words(context) or (context.answer.status == 403 and "openid" not in context.caller.scopes):
        scopes = list_of(context.caller.scopes)
        evidence = f"the scope of the token is {scopes}" if scopes else ""
        return neighbour(
            context, CERTAIN if own_words(context) else LIKELY, evidence, reason=_NO_OPENID, effect=FOR_OPERATION, remedy=_ASK_FOR_OPENID
        )
    if context.caller.kind is CallerKind.ANONYMOUS:
        return neighbour(context, CERTAIN, reason="the request has no access token", effect=REFUSED, remedy=_SEND_OPENID)
    return neighbour(context, LIKELY, reason=_NO_SESSION, effect=REFUSED, remedy=_SEND_OPENID)


_NO_OPENID = "the token of {who} is missing the scope openid"
_ASK_FOR_OPENID = "Request the token with scope=openid (at the login, or in the token request), and call userinfo with the new token"
_NO_SESSION = "the token of {who} is not, or is no longer, valid: userinfo requires an access token of a session that has not ended"
_SEND_OPENID = "Fetch a new access token with scope=openid, and send it as Authorization: Bearer"


def _introspection(context: Context) -> Finding | None:
    reason = "introspection requires the credentials of a confidential client, not an access token"
    remedy = "Authenticate with client ID and secret of a confidential client of realm {realm}, as at the token endpoint"
    return neighbour(context, LIKELY, reason=reason, effect=REFUSED, remedy=remedy)


_RULES = (
    ("/clients-registrations/", registration_refused),
    ("/broker/", _broker),
    ("/authz/", _uma),
    ("/account", _account),
    ("/protocol/openid-connect/userinfo", _userinfo),
    ("/protocol/openid-connect/token/introspect", _introspection),
)

OTHER_ENDPOINT = CauseSpec(
    cause=Cause.OTHER_ENDPOINT,
    meaning="The path belongs to Keycloak but not to the Admin REST API. Each of these endpoints has its own needs: userinfo the scope `openid`, client registration an initial access token or "
    "`create-client`, broker tokens `read-token` of the client `broker`, the account API a role of the client `account`, UMA the role `uma_protection` of a resource server.",
    reason="No admin role allows {operation}, which is not part of the Admin REST API: {detail}",
    effect=NOTHING_MORE,
    check="Compare the path with /admin/realms/{{realm}}/…, the beginning of all paths of the Admin REST API.",
    rules=(other_endpoint, console_only, token_refused),
    remedies=(Remedy(summary="Use the credentials that this endpoint requires; no admin role opens it"),),
    fixer=registration_fixes,
    no_role_helps=True,
)

SPECS = (OTHER_ENDPOINT,)
