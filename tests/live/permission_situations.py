"""Situations of fine-grained admin permissions on a real server: what is in force, who calls, what is true, and what must stay refused."""

from dataclasses import dataclass
from typing import Any

MISSING, DENIED = "fine-grained-permission-missing", "fine-grained-permission-denied"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Given:
    """One permission: ``Users view bob``, or without objects ``Users view`` for all, with the names of its policies, separated by ``+``."""

    text: str
    policy: str = "own"
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class PermissionSituation:
    """``call`` and ``control``: method and path, with names in braces instead of IDs. ``named``: what the operator's summary contains.

    ``sure``: the least confidence. ``passes``: whether the first fix of the operator opens the call. ``joins``: a group of which the calling account is a member; ``holds``:
    roles of the realm that it has. ``since``: the first version in which it can be played. ``taken``: another policy has
    the name that the fix would give its own. ``warned``: what the first fix warns of. ``full_scope``: whether the client lets all roles through.
    """

    says: str
    call: str
    truth: str
    named: str
    given: tuple[Given, ...] = ()
    control: str = ""
    json: Any = None
    control_json: Any = None
    roles: tuple[str, ...] = ()
    passes: bool = True
    sure: str = "certain"
    joins: str = ""
    holds: tuple[str, ...] = ()
    since: tuple[int, ...] = ()
    taken: bool = False
    warned: str = ""
    full_scope: bool = True


def given(text: str, policy: str = "own", name: str = "") -> Given:
    return Given(text=text, policy=policy, name=name)


def one(says: str, call: str, named: str, *permissions: Given, control: str = "", truth: str = MISSING, **more: Any) -> PermissionSituation:
    return PermissionSituation(says=says, call=call, truth=truth, named=named, given=permissions, control=control, **more)


_JOIN = "PUT /users/{bob}/groups/{staff}"
_RESET = {"type": "password", "value": "An-other-pass-1", "temporary": False}
SITUATIONS = (
    # each type of resource, nothing in force
    one("a user is read", "GET /users/{bob}", "view on user bob", control="GET /users/{carol}"),
    one("a user is changed", "PUT /users/{bob}", "manage on user bob", control="PUT /users/{carol}", json={"firstName": "X"}),
    one("a password is reset", "PUT /users/{bob}/reset-password", "reset-password on user bob", control="PUT /users/{carol}/reset-password", json=_RESET),
    one("a user is impersonated", "POST /users/{bob}/impersonation", "impersonate on user bob", control="POST /users/{carol}/impersonation", json={}, sure="likely"),
    one("a group is read", "GET /groups/{sales}", "view on group /sales", control="GET /groups/{staff}"),
    one("a group is changed", "PUT /groups/{sales}", "manage on group /sales", control="PUT /groups/{staff}", json={"name": "sales"}, control_json={"name": "staff"}),
    one("members of a group are listed", "GET /groups/{sales}/members", "view-members on group /sales", control="GET /groups/{staff}/members"),
    one("a client is read", "GET /clients/{c0}", "view on client c0", control="GET /clients/{c1}"),
    one("a secret of a client is read", "GET /clients/{c0}/client-secret", "view on client c0", control="GET /clients/{c1}/client-secret"),
    one("a client is changed", "PUT /clients/{c0}", "manage on client c0", control="PUT /clients/{c1}", json={"clientId": "c0", "description": "d"}, control_json={"clientId": "c1"}),
    one("an organization is read", "GET /organizations/{o0}", "view on organization", control="GET /organizations/{o1}", since=(26, 7)),
    one("a user is created", "POST /users", "manage on all users", json={"username": "made-1"}, control="POST /groups", control_json={"name": "made"}),
    # two-sided
    one(
        "joining a group, the group's side is missing",
        _JOIN,
        "has the scope manage-group-membership on user bob, but lacks the scope manage-membership on group /staff: permission Support covers group /sales only",
        given("Groups manage-membership sales", name="Support"),
        given("Users manage-group-membership bob"),
        control="PUT /users/{carol}/groups/{staff}",
    ),
    one("joining a group, the user's side is missing", _JOIN, "but lacks the scope manage-group-membership on user bob", given("Groups manage-membership staff"), control="PUT /users/{carol}/groups/{staff}"),
    one("joining a group, both sides are missing", _JOIN, "manage-group-membership on user bob", control="PUT /users/{carol}/groups/{staff}"),
    one(
        "joining a group through the scope for members",
        _JOIN,
        "but lacks the scope manage-membership on group /staff",
        given("Groups manage-membership-of-members emea"),
        control="PUT /users/{bob}/groups/{other}",
        since=(26, 6),
    ),
    one("mapping a role, the role's side is missing", "POST /users/{bob}/role-mappings/realm", "but lacks the scope map-role on role r0", given("Users map-roles bob"), json=[{"id": "{r0}", "name": "r0"}], control="POST /users/{bob}/role-mappings/realm", control_json=[{"id": "{r1}", "name": "r1"}]),
    one("mapping a role, the user's side is missing", "POST /users/{bob}/role-mappings/realm", "but lacks the scope map-roles on user bob", given("Roles map-role r0"), json=[{"id": "{r0}", "name": "r0"}], control="POST /users/{carol}/role-mappings/realm", control_json=[{"id": "{r0}", "name": "r0"}]),
    one("a user is created in a hidden group", "POST /users", "but lacks the scope view on group /staff", given("Groups manage-members,view-members,manage-membership staff", name="Creatives"), roles=("view-clients",), json={"username": "made-2", "groups": ["/staff"]}, control="POST /users", control_json={"username": "made-5", "groups": ["/other"]}, since=(26, 7)),
    # another object, another scope
    one("the permission is for another user", "GET /users/{bob}", "covers user dave only", given("Users view dave"), control="GET /users/{carol}"),
    one("the permission has another scope", "PUT /users/{bob}", "gives view only", given("Users view bob"), control="PUT /users/{carol}", json={"firstName": "X"}),
    one("the group of the permission is not the user's", "GET /users/{carol}", "view on user carol", given("Groups view-members sales"), control="GET /users/{dave}"),
    one("view of the group is not view of its members", "GET /users/{bob}", "view on user bob", given("Groups view emea"), control="GET /users/{carol}"),
    one("the caller views one group and asks for another", "GET /groups/{staff}", "covers group /sales only", given("Groups view sales"), control="GET /groups/{other}"),
    one("the caller views a client and changes it", "PUT /clients/{c0}", "gives view only", given("Clients view c0"), json={"clientId": "c0"}, control="PUT /clients/{c1}", control_json={"clientId": "c1"}),
    # denials
    one("another permission names the user", "GET /users/{bob}", "permission Closed denies it (policy others)", given("Users view"), given("Users view bob", "others", "Closed"), truth=DENIED, passes=False),
    one("a permission for all denies in any scope", "GET /groups/{sales}", "permission Wide denies it (policy others)", given("Groups manage", "others", "Wide"), truth=DENIED, control="GET /groups/{staff}"),
    one("a group of the user denies", "GET /users/{bob}", "permission Team denies it (policy others)", given("Users view"), given("Groups view-members emea", "others", "Team"), truth=DENIED, passes=False),
    one("the group above denies", "GET /users/{bob}", "permission Team denies it (policy others)", given("Users view"), given("Groups view-members sales", "others", "Team"), truth=DENIED, passes=False),
    one("a denial of a client", "GET /clients/{c0}", "permission Closed denies it (policy others)", given("Clients view c0", "others", "Closed"), truth=DENIED, passes=False),
    one("reset-password for others only", "PUT /users/{bob}/reset-password", "permission Reset denies it (policy others)", given("Users manage bob"), given("Users reset-password bob", "others", "Reset"), truth=DENIED, json=_RESET, passes=False),
    # policies
    one("the caller lacks the role of the policy", "GET /users/{bob}", "permission P denies it (policy role)", given("Users view bob", "role", "P"), truth=DENIED, passes=False),
    one("the caller is not in the group of the policy", "GET /users/{bob}", "permission P denies it (policy group)", given("Users view bob", "group", "P"), truth=DENIED, passes=False),
    one("the policy names another client", "GET /users/{bob}", "permission P denies it (policy client)", given("Users view bob", "client", "P"), truth=DENIED, passes=False),
    one("a negative policy", "GET /users/{bob}", "permission P denies it (policy not-own)", given("Users view bob", "not-own", "P"), truth=DENIED, passes=False),
    one("an aggregated policy that needs both", "GET /users/{bob}", "permission P denies it (policy both)", given("Users view bob", "both", "P"), truth=DENIED, passes=False),
    one("a regular expression that does not match", "GET /users/{bob}", "permission P denies it (policy regex)", given("Users view bob", "regex", "P"), truth=DENIED, passes=False),
    one("a time that is over", "GET /users/{bob}", "permission P denies it (policy past)", given("Users view bob", "past", "P"), truth=DENIED, passes=False),
    one("a permission for the role that the caller has, for another user", "GET /users/{bob}", "covers user dave only", given("Users view dave", "own-or-others"), control="GET /users/{carol}"),
    # the caller sees that the user exists
    one("query-users, nothing else", "GET /users/{bob}", "view on user bob", roles=("query-users",), control="GET /users/{carol}"),
    one("an ID that no user has", f"GET /users/{UNKNOWN_ID}", "view on user", passes=False),
)  # fmt: skip
