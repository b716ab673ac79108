"""Refusals that depend on the target of the call: protected roles, roles of clients by their ID, and defects of single versions."""

from devkit.lab import Attempt, Lab
from kcproxy.model import Cause
from tests.live.registry import ALL, NEW, holding, situation

RESERVED_NAMES_DEFECT = "26.7.1"
OTHER_REALMS_DEFECT = "26.4.0"


@situation(
    "R3",
    "a realm role that is named admin is changed by a realm-admin",
    Cause.KNOWN_DEFECT,
    sure="likely",
    versions=(RESERVED_NAMES_DEFECT,),
)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/roles", {"name": "admin"})
    attempt = await holding(lab, "realm-admin", method="PUT", path="/roles/admin")
    attempt.json = {"name": "admin", "description": "mine"}
    return attempt


@situation("R4", "the role create-realm of master is changed by a server administrator", Cause.PROTECTED_OBJECT, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    role = await lab.admin("GET", "/admin/realms/master/roles/admin")
    await lab.admin("POST", f"/admin/realms/master/users/{caller.account}/role-mappings/realm", [role])
    path = "/admin/realms/master/roles/create-realm"
    json = {"name": "create-realm", "description": "mine"}
    return Attempt(method="PUT", path=path, token=await lab.token(caller), client=caller, json=json)


@situation("R4b", "a role of realm-management is changed by its ID", Cause.PROTECTED_OBJECT, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    _, role = await lab.role(lab.realm, "realm-management", "view-users")
    attempt = await holding(lab, "realm-admin", method="PUT", path=f"/roles-by-id/{role['id']}")
    attempt.json = {**role, "description": "mine"}
    return attempt


@situation("T-client-role", "a role of a client is deleted by its ID, with manage-realm", Cause.ROLE_MISSING, versions=ALL, fixed=True)
async def _(lab: Lab) -> Attempt:
    owner = await lab.make_client()
    base = f"/admin/realms/{lab.realm}/clients/{owner.uuid}/roles"
    await lab.admin("POST", base, {"name": "staff"})
    role = await lab.admin("GET", f"{base}/staff")
    return await holding(lab, "manage-realm", method="DELETE", path=f"/roles-by-id/{role['id']}")


@situation(
    "R5", "roles of another realm are assigned in master by its creator", Cause.KNOWN_DEFECT, sure="likely", versions=(OTHER_REALMS_DEFECT,)
)
async def _(lab: Lab) -> Attempt:
    caller, other = await lab.make_client("master"), await lab.make_client("master")
    roles = ("manage-clients", "view-realm")
    await lab.grant(caller, "manage-users", owner="master-realm")
    await lab.grant(caller, *roles, owner=f"{lab.realm}-realm")
    found = [await lab.role("master", f"{lab.realm}-realm", role) for role in roles]
    path = f"/admin/realms/master/users/{other.account}/role-mappings/clients/{found[0][0]}"
    return Attempt(method="POST", path=path, token=await lab.token(caller), client=caller, json=[role for _, role in found])


@situation(
    "R5b", "an administrator's role is assigned by a realm-admin", Cause.KNOWN_DEFECT, sure="likely", versions=(OTHER_REALMS_DEFECT,)
)
async def _(lab: Lab) -> Attempt:
    other = await lab.make_client()
    owner, role = await lab.role(lab.realm, "realm-management", "view-users")
    attempt = await holding(lab, "realm-admin", method="POST", path=f"/users/{other.account}/role-mappings/clients/{owner}")
    attempt.json = [role]
    return attempt


@situation(
    "R5c", "a role that is named admin is assigned by a realm-admin", Cause.KNOWN_DEFECT, sure="likely", versions=(OTHER_REALMS_DEFECT,)
)
async def _(lab: Lab) -> Attempt:
    other = await lab.make_client()
    await lab.admin("POST", f"/admin/realms/{lab.realm}/roles", {"name": "admin"})
    role = await lab.admin("GET", f"/admin/realms/{lab.realm}/roles/admin")
    attempt = await holding(lab, "realm-admin", method="POST", path=f"/users/{other.account}/role-mappings/realm")
    attempt.json = [role]
    return attempt
