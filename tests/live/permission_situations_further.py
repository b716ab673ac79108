"""Further situations of fine-grained admin permissions: policies that combine, groups in groups, mapped roles, lists in bodies."""

from typing import Any

from tests.live.permission_situations import DENIED, UNKNOWN_ID, PermissionSituation, given, one

_BOB, _CAROL = "GET /users/{bob}", "GET /users/{carol}"
_DAVE = "covers user dave only"
_MAP = "POST /users/{bob}/role-mappings/realm"
_R0, _R1, _R2 = ({"id": "{" + name + "}", "name": name} for name in ("r0", "r1", "r2"))
_C0_A, _C0_B, _C1_A = ({"id": "{" + name + "}", "name": name, "clientRole": True} for name in ("c0-a", "c0-b", "c1-a"))


def _denied(says: str, policy: str, **more: Any) -> PermissionSituation:
    """The one permission on the user has a policy that does not permit."""
    return one(
        says,
        _BOB,
        f"permission P denies it (policy {policy.rpartition('+')[2]})",
        given("Users view bob", policy, "P"),
        truth=DENIED,
        passes=False,
        **more,
    )


def _elsewhere(says: str, policy: str, **more: Any) -> PermissionSituation:
    """The policy permits the caller, and the permission is for another user."""
    return one(says, _BOB, _DAVE, given("Users view dave", policy), control=_CAROL, **more)


def _kept_back(says: str, policy: str) -> PermissionSituation:
    """The account holds the role of the policy, and the scope of its client keeps it out of the token."""
    permission, named = given("Users view bob", policy, "P"), f"permission P denies it (policy {policy})"
    return one(says, _BOB, named, permission, truth=DENIED, holds=("r1",), full_scope=False, sure="likely", control=_CAROL, since=(26, 7))


FURTHER = (
    # logic, decision strategies, aggregated policies
    _elsewhere("a negative policy that permits, for another user", "not-others"),
    _denied("an aggregated policy with negative logic", "not-own-or-others"),
    _denied("a consensus of one in three", "one-of-three"),
    _elsewhere("a consensus of two in three, for another user", "two-of-three"),
    _denied("an aggregated policy inside another", "nested-both"),
    _denied("two policies of which one does not permit", "own+others"),
    # time, regular expression, client, client scope
    _denied("a time that is to come", "future"),
    _elsewhere("a time that has begun, for another user", "since"),
    _elsewhere("a regular expression that matches, for another user", "account"),
    _denied("a regular expression with negative logic", "not-account"),
    _elsewhere("a policy that names the caller's client, for another user", "own-client"),
    _denied("a client scope that the token does not have", "scope"),
    # roles and groups of the caller
    _elsewhere("a role that comes with a group, for another user", "role", joins="team", since=(26, 7)),
    _elsewhere("a role that another role contains, for another user", "role", holds=("above-r1",), since=(26, 7)),
    _elsewhere("a group that is below that of the policy, for another user", "sales", joins="emea"),
    _denied("a group that is below that of the policy, which does not extend to it", "sales-alone", joins="emea"),
    _kept_back("a role of the realm that the account holds and the client does not let through", "role"),
    # groups of the user
    one("view of a group that is denied is denied for its members", _BOB, "permission Team denies it (policy others)", given("Users view"), given("Groups view emea", "others", "Team"), truth=DENIED, passes=False),
    one("a permission on the group above lets view its members, not change them", "PUT /users/{bob}", "manage on user bob", given("Groups view-members sales"), json={"firstName": "X"}, control="PUT /users/{carol}"),
    one("a permission on the group below does not count for the group above", "GET /groups/{sales}/members", "view-members on group /sales", given("Groups view-members emea"), control="GET /groups/{staff}/members"),
    one("a user whose group above may be managed is impersonated", "POST /users/{bob}/impersonation", "impersonate on user bob", given("Groups manage-members sales"), json={}, control="POST /users/{carol}/impersonation", sure="likely"),
    one("a denial for all users where another user is permitted", _BOB, "permission Wide denies it (policy others)", given("Users view dave"), given("Users manage", "others", "Wide"), truth=DENIED, control=_CAROL),
    one("a new user joins two groups, of which one is covered", "POST /users", "manage-membership on group /other", given("Groups manage-members,manage-membership staff", name="Staff"), json={"username": "made-3", "groups": ["/staff", "/other"]}, control="POST /users", control_json={"username": "made-4", "groups": ["/sales"]}),
    # mapped roles
    one("two roles are mapped, of which one is covered", _MAP, "but lacks the scope map-role on role r1", given("Users map-roles bob"), given("Roles map-role r0"), json=[_R0, _R1], control=_MAP, control_json=[_R2]),
    one("two roles are mapped, of which one is denied", _MAP, "permission Closed denies it (policy others)", given("Users map-roles bob"), given("Roles map-role r0"), given("Roles map-role r1", "others", "Closed"), json=[_R0, _R1], truth=DENIED, passes=False),
    one("a role of a client is mapped", "POST /users/{bob}/role-mappings/clients/{c0}", "but lacks the scope map-role on role c0-a", given("Users map-roles bob"), json=[_C0_A], control="POST /users/{bob}/role-mappings/clients/{c0}", control_json=[_C0_B]),
    one("a role is mapped to a group", "POST /groups/{sales}/role-mappings/realm", "map-role on role r0", given("Groups manage-membership,manage sales"), json=[_R0], control="POST /groups/{sales}/role-mappings/realm", control_json=[_R1]),
    one("roles of both kinds are taken away at once", "POST /ui-ext/role-mapping-delete/users/{bob}", "but lacks the scope map-role on role c0-a", given("Users map-roles bob"), given("Roles map-role r0"), json=[{"roleId": "{r0}"}, {"roleId": "{c0-a}", "clientId": "{c0}"}], control="POST /ui-ext/role-mapping-delete/users/{bob}", control_json=[{"roleId": "{r1}"}, {"roleId": "{c0-b}", "clientId": "{c0}"}], since=(26, 6)),
    one("roles of both kinds are taken away, nothing is covered", "POST /ui-ext/role-mapping-delete/users/{bob}", "map-role on role r0", json=[{"roleId": "{r0}"}, {"roleId": "{r1}"}, {"roleId": "{c0-a}", "clientId": "{c0}"}], control="POST /ui-ext/role-mapping-delete/users/{bob}", control_json=[{"roleId": "{r2}"}], since=(26, 6)),
    # scope mappings and composites
    one("a role goes into the scope of a client", "POST /clients/{c0}/scope-mappings/realm", "but lacks the scope map-role-client-scope on role r0", given("Clients manage c0"), json=[_R0], control="POST /clients/{c0}/scope-mappings/realm", control_json=[_R1], since=(26, 5)),
    one("two roles of another client go into the scope of a client", "POST /clients/{c1}/scope-mappings/clients/{c0}", "but lacks the scope map-role-client-scope on role c0-b", given("Clients manage c1"), given("Roles map-role-client-scope c0-a"), json=[_C0_A, _C0_B], control="POST /clients/{c0}/scope-mappings/clients/{c1}", control_json=[_C1_A], since=(26, 5)),
    one("a role of another client becomes part of a client's role", "POST /clients/{c0}/roles/c0-a/composites", "but lacks the scope map-role-composite on role c1-a", given("Clients manage c0"), json=[_C1_A], control="POST /clients/{c1}/roles/c1-a/composites", control_json=[_C0_B]),
    one("the scopes of a client are changed", "PUT /clients/{c0}/default-client-scopes/{s0}", "manage on all clients", given("Clients view c0"), json={}, control="PUT /groups/{staff}", control_json={"name": "staff"}, since=(26, 7)),
    one("roles that are available for the scope of their own client", "GET /clients/{c0}/scope-mappings/clients/{c0}/available", "view on client c0", control="GET /clients/{c1}/scope-mappings/clients/{c1}/available"),
    # organizations
    one("an organization is viewed and changed", "PUT /organizations/{o0}", "but lacks the scope manage on organization", given("Organizations view o0"), json={"name": "o0", "alias": "o0", "domains": [{"name": "o0.example"}]}, control="PUT /organizations/{o1}", control_json={"name": "o1", "alias": "o1", "domains": [{"name": "o1.example"}]}, since=(26, 7)),
    one("a user becomes a member of an organization", "POST /organizations/{o0}/members", "but lacks the scope manage on user bob", given("Organizations view,manage o0"), json="{bob}", control="POST /organizations/{o1}/members", control_json="{carol}", since=(26, 7)),
    # IDs that nothing has
    one("an ID that no client has", f"GET /clients/{UNKNOWN_ID}", "view on client", passes=False),
    one("an ID that no user has, in a group that is covered", f"PUT /users/{UNKNOWN_ID}/groups/{{staff}}", "manage-group-membership on user", given("Groups manage-membership staff"), passes=False),
)  # fmt: skip
