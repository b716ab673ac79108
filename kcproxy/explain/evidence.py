"""Evidence about roles: what the token contains, what it proves on this version, and what look-ups gave."""

from kcproxy.explain.context import Context, version_key
from kcproxy.explain.permission_needs import permission_need
from kcproxy.explain.text import list_of, shown
from kcproxy.model import RoleSet

_MAX_ROLES_LISTED = 12
_UNREAD = (
    "the request had no readable token, so nothing is known about the roles of the caller",
    "Keycloak responds with 401 to such a request: something in between may have added its own token",
)
USER_MAY_NOT_EXIST = (
    "the user ID may also not exist: Keycloak responds in the same way to callers who are not allowed to look up users,"
    " and says only to others that there is no such user"
)
_LOOK_USERS_UP = frozenset({"query-users", "view-users", "manage-users"})


def token_evidence(context: Context) -> tuple[str, ...]:
    """What the token shows about roles of the client that owns the admin roles, and what that proves on this version."""
    caller, container, who = context.caller, context.container, context.words["who"]
    roles = caller.client_roles.get(container, ())
    if roles:
        line = f"the token of {who} contains {listed(roles)} of {container}"
    elif context.token_is_unread:
        return _UNREAD
    elif context.roles_are_hidden:
        line = f"the token of {who} is a lightweight token: it does not show roles, so their absence proves nothing"
    elif not caller.has_roles_claims:
        line = f"the token of {who} contains no roles at all: neither realm_access nor resource_access is in it"
    else:
        line = f"the token of {who} contains no role of {container}"
    return (line, *_other_realms(context), _worth(context))


def _other_realms(context: Context) -> tuple[str, ...]:
    """The other realms that a token of master has admin roles for: the path may name the wrong realm."""
    if not context.from_master or context.caller.client_roles.get(context.container):
        return ()
    others = [client for client in context.caller.client_roles if client.endswith("-realm") and client != context.container]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"it contains only roles of {list_of([shown(client) for client in others[:3]])}{more}",) if others else ()


def _worth(context: Context) -> str:
    version = context.words["version"]
    if context.grants_live:
        return f"Keycloak {version} checks the current grants, not the roles in the token"
    return f"Keycloak {version} checks the roles in the token"


def listed(roles: RoleSet) -> str:
    """The first roles by name, and how many more there are."""
    more = len(roles) - _MAX_ROLES_LISTED
    return list_of(roles[:_MAX_ROLES_LISTED]) + (f" and {more} more" if more > 0 else "")


def grant_evidence(context: Context) -> tuple[str, ...]:
    """What look-ups gave about grants and scope."""
    facts, lines = context.facts, []
    if facts.granted is not None:
        granted = f"has {listed(facts.granted)}" if facts.granted else "has no role"
        lines.append(f"looked up: {context.words['who']} {granted} of {context.words['container']}")
    if facts.full_scope is not None:
        lines.append(f"looked up: client {context.words['client']} has full scope {'on' if facts.full_scope else 'off'}")
    if facts.in_scope is not None and not facts.full_scope:
        lets = listed(facts.in_scope) if facts.in_scope else "no role"
        lines.append(f"looked up: the scope of client {context.words['client']} contains {lets} of {context.words['container']}")
    return tuple(lines)


def known_roles(context: Context) -> frozenset[str]:
    """The granted roles if they were looked up, otherwise the roles in the token."""
    granted = context.facts.granted
    return context.held if granted is None else context.catalog.closure(granted)


def admin_roles_in(context: Context) -> tuple[str, ...]:
    """Names of admin roles among the roles in the request body (a list of role representations)."""
    body = context.request.body
    names = names_in(body) if isinstance(body, list) else frozenset()
    return tuple(sorted(names & {*context.catalog.roles, "admin"})) if names else ()


def names_in(body: object) -> frozenset[str]:
    """The names in a representation, or in a list of them."""
    items = body if isinstance(body, list) else [body]
    return frozenset(item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str))


def user_may_not_exist(context: Context) -> tuple[str, ...]:
    """A remark if Keycloak hides from this caller that a user does not exist (UsersResource.user)."""
    hidden = "/users/{user-id}" in context.template and not _LOOK_USERS_UP & known_roles(context)
    return (USER_MAY_NOT_EXIST,) if hidden else ()


def is_borrowed(context: Context) -> bool:
    """Whether the role table is that of another minor version, which may require other roles."""
    requirement = context.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return False
    return version_key(requirement.asked_keycloak)[:2] != version_key(requirement.keycloak)[:2]


def permissions_could_open(context: Context) -> bool:
    """Whether the realm uses fine-grained permissions and one could allow the call."""
    return bool(context.facts.admin_permissions_enabled) and permission_need(context) is not None


def scope_is_suspect(context: Context) -> bool:
    """Whether the token has no roles at all: with full scope it would contain at least the default roles of the realm."""
    return not context.caller.has_roles_claims and not context.roles_are_hidden
