"""The way through the Admin console: steps in the words on its buttons, and a link to the page of the first step that can be linked.

Words and addresses are those of the server's own version (``console_labels``). A link and its steps name the same page: without the
client's internal id that is the list of clients, in which the steps go on.
"""

from kcproxy.explain.fixes import url
from kcproxy.explain.fixes.console_labels import Labels, labels
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.text import shown
from kcproxy.model import RoleSet

_MAX_NAME_CHARACTERS = 300
"""Longer than any name that Keycloak takes: a step has it whole."""
_CONSOLE = "/admin/master/console/#"
_PERMISSIONS_V2_SINCE = (26, 2)
Steps = tuple[str, ...]


def console_grant(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> Steps:
    """To the account's role mappings, and what to do there."""
    words = labels(version)
    if to.is_service_account and to.client_id:
        account = f"{words['clients']}, {_name(to.client_id)}, tab {words['serviceAccount']}"
    else:
        account = f"{words['users']}, {_name(to.username or to.user_id or 'the calling user')}, tab {words['roleMapping']}"
    return (f"Choose the realm {_name(to.realm)}", account, *_assign(words, container, roles))


def console_scope(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> Steps:
    """To the client's own scope mappings, and what to do there."""
    words, client = labels(version), _name(to.client_id or "the client")
    dedicated = words["dedicatedScopeName"].replace("{{clientName}}", client)
    tab = f"{words['clients']}, {client}, tab {words['clientScopes']}, {dedicated}, tab {words['scope']}"
    return (f"Choose the realm {_name(to.realm)}", tab, *_assign(words, container, roles))


def _assign(words: Labels, container: str | None, roles: RoleSet) -> Steps:
    of = "" if container is None else f" in the row of the client {_name(container)}"
    ticks = tuple(f"Search for {shown(role)} and tick it{of}" for role in roles)
    return (_first(words, of_client=container is not None), *ticks, words["assign"])


def _first(words: Labels, *, of_client: bool) -> str:
    if words.assign_opens_menu:
        return f"{words['assignRole']}, {words['clientRoles' if of_client else 'realmRoles']}"
    change = f": change {words['filterByRoles']} to {words['filterByClients']}" if of_client else ""
    return words["assignRole"] + change


def console_permission(realm: str, who: str, *, version: tuple[int, ...]) -> Steps:
    """To a new fine-grained permission, in the realm's list since 26.2, before that on the resource's own tab."""
    words = labels(version)
    if version < _PERMISSIONS_V2_SINCE:
        return (
            f"Choose the realm {realm}",
            f"Open the resource, tab {words['permissions']}, and switch {words['permissionsEnabled']} on",
            "Open the permission of the scope that the call needs (view, manage, map-roles …)",
            f"Add a policy that names {who}, {words['save']}",
        )
    return (
        f"Choose the realm {realm}",
        f"{words['permissions']}, {words['createPermission']}, choose the type of resource",
        f"{words['name']}: a name for the permission",
        f"{words['authorizationScopes']}: the scope that the call needs (view, manage, map-roles …)",
        f"{words['enforceAccessTo']}: Specific, and choose the one resource",
        f"{words['policies']}: {words['createNewPolicy']} that names {who}, or {words['assignExistingPolicies']}",
        words["save"],
        "If the call lists resources, grant the matching query- role as well",
    )


def _name(name: str) -> str:
    return shown(name, _MAX_NAME_CHARACTERS)


def console_url(base: str | None, to: Grantee, *, version: tuple[int, ...]) -> str | None:
    """The account's role mappings: the tab of its client if the client's id is known, the user's own page for users; otherwise the list."""
    if to.is_service_account:
        return _link(base, to, "clients", *((to.client_uuid, labels(version).service_account_tab) if to.client_uuid else ()))
    return _link(base, to, "users", *((to.user_id, "role-mapping") if to.user_id else ()))


def console_scope_url(base: str | None, to: Grantee) -> str | None:
    """The client's own scope mappings, or the list of clients."""
    return _link(base, to, "clients", *((to.client_uuid, "clientScopes", "dedicated", "scope") if to.client_uuid else ()))


def _link(base: str | None, to: Grantee, *location: str) -> str | None:
    origin = url.link(base)
    # The console's own addresses are in the fragment, so that the rest is a path of its own.
    return None if origin is None else url.below(f"{origin}{_CONSOLE}", to.realm, *location)
