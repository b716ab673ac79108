"""Which looked-up facts about the target of a call its caller may be shown: those that Keycloak shows them as well.

The inspector sees more than the caller. What it finds about roles and clients that are not the caller's own goes to the operator's record
(log, page, ``doctor``); the response has it only if a call of the caller themselves would show it.
"""

from msgspec.structs import replace

from kcproxy.catalog import Catalog
from kcproxy.model import Facts

CLIENT_ROLE = "client-role"
"""The variant of operations on a role by its ID that applies to roles of clients."""

_ROLE_BY_ID = "/admin/realms/{realm}/roles-by-id/{role-id}"
_CLIENT = "/admin/realms/{realm}/clients/{client-uuid}"


def is_about_target(facts: Facts) -> bool:
    """Whether anything was looked up that may be hidden from the caller."""
    found = (
        facts.target_role_is_client,
        facts.roles_are_built_in,
        facts.roles_in_body,
        facts.target_is_built_in,
        facts.target_is_permissions,
    )
    return any(each is not None for each in found)


def visible_facts(facts: Facts, catalog: Catalog, roles: frozenset[str], *, master: bool, passes_plainly: bool) -> Facts:
    """The facts without those that Keycloak hides from a caller with these effective roles; the same object if nothing is hidden.

    ``passes_plainly``: the roles allow the call for ordinary roles in its body. Then the refusal itself shows that they are admin roles.
    """
    found = facts
    sees_client_roles = _reads(catalog, _ROLE_BY_ID, roles, master=master, variant=CLIENT_ROLE)
    sees_either_kind = sees_client_roles or _reads(catalog, _ROLE_BY_ID, roles, master=master)  # the other kind is a 403
    if facts.roles_in_body is not None and not sees_either_kind:
        found = replace(found, roles_in_body=None)
    if facts.target_role_is_client is not None:
        if not sees_either_kind:
            found = replace(found, target_role_is_client=None)
        if not (sees_client_roles if facts.target_role_is_client else sees_either_kind):
            found = replace(found, target_is_built_in=None)
    about_client = facts.target_is_built_in if facts.target_role_is_client is None else None
    if (about_client is not None or facts.target_is_permissions is not None) and not _reads(catalog, _CLIENT, roles, master=master):
        found = replace(found, target_is_built_in=None, target_is_permissions=None)
    shown_by_refusal = facts.roles_are_built_in and passes_plainly
    if facts.roles_are_built_in is not None and not shown_by_refusal and not _reads(catalog, _CLIENT, roles, master=master):
        found = replace(found, roles_are_built_in=None)
    return found


def _reads(catalog: Catalog, path: str, roles: frozenset[str], *, master: bool, variant: str | None = None) -> bool:
    """Whether the roles are let in to read what is at this path."""
    entry = catalog.find("GET", path)
    if entry is None:
        return False
    place = entry if variant is None else next((each for each in entry.variants if each.id == variant), None)
    if place is None:
        return False
    requirement = (place.master if master else None) or place.requirement
    return bool(requirement.admits) and catalog.satisfies(roles, requirement.admits)
