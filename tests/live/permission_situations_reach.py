"""Situations of fine-grained admin permissions about how far a fix reaches: other accounts, other members, other objects of a list."""

from tests.live.permission_situations import DENIED, given, one

_NOT_FOUND_BEFORE = (26, 7)
_RESET = {"type": "password", "value": "An-other-pass-1", "temporary": False}

REACH = (
    # whom a policy permits
    one("a policy of everybody but one user permits the caller", "GET /users/{bob}", "covers user carol only", given("Users view carol", "not-others"), control="GET /users/{dave}"),
    one("a policy of everybody but one client permits the caller", "GET /users/{bob}", "covers user carol only", given("Users view carol", "not-c1"), control="GET /users/{dave}"),
    one("a policy of the caller's client, through which users log in, permits the caller", "GET /users/{bob}", "covers user carol only", given("Users view carol", "own-client"), control="GET /users/{dave}"),
    one("a policy that no permission uses permits everybody but one", "GET /clients/{c0}", "view on client c0", given("Users view carol", "not-others"), control="GET /clients/{c1}"),
    one("another policy has the name of the new one", "GET /users/{bob}", "view on user bob", control="GET /users/{carol}", taken=True),
    # members of a group
    one("leaving a group, nothing in force", "DELETE /users/{finn}/groups/{emea}", "manage-group-membership on user finn", control="DELETE /users/{eve}/groups/{emea}"),
    one("leaving a group, the group's side is given", "DELETE /users/{gina}/groups/{emea}", "but lacks the scope manage-group-membership on user gina", given("Groups manage-membership emea"), control="DELETE /users/{eve}/groups/{emea}"),
    # groups with a slash in their name
    one("a group with a slash in its name is not below another group", "GET /users/{nia}", "view on user nia: no permission gives it", given("Groups view-members sales", "others", "Closed"), control="GET /users/{carol}"),
    one("a group with a slash in its name denies", "GET /users/{nia}", "permission Closed denies it (policy others)", given("Users view"), given("Groups view-members sales/south", "others", "Closed"), truth=DENIED, passes=False),
    # what kcproxy does not judge itself, and what no permission opens
    one("a policy of another hour", "GET /users/{bob}", "permission Hours denies it (policy other-hour)", given("Users view bob", "other-hour", "Hours"), truth=DENIED, passes=False, sure="likely"),
    one("the permissions of the realm are read", "GET /clients/{admin-permissions}/authz/resource-server/permission", "missing the role view-realm", given("Clients view"), truth="role-missing", control="GET /users/{bob}", since=_NOT_FOUND_BEFORE),
    # lists
    one("clients are listed by client ID", "GET /clients?clientId=c0", "query-clients", control="GET /clients/{c1}", since=_NOT_FOUND_BEFORE),
    one("clients are listed by client ID, the one may be viewed", "GET /clients?clientId=c0", "query-clients", given("Clients view c0"), control="GET /clients/{c1}", since=_NOT_FOUND_BEFORE),
    one("users are listed by name", "GET /users?username=carol&exact=true", "view on user carol", control="GET /users/{dave}", since=_NOT_FOUND_BEFORE),
    one("users are searched, one of them may be viewed", "GET /users?search=b", "query-users", given("Users view bob"), control="GET /users/{dave}", since=_NOT_FOUND_BEFORE),
    one("groups below a group are listed", "GET /groups/{sales}/children", "view on group /sales/emea", given("Groups view sales"), control="GET /groups/{staff}/children", since=_NOT_FOUND_BEFORE),
    one("a group is read by its path", "GET /group-by-path/sales/emea", "view on group /sales/emea", control="GET /group-by-path/staff"),
    # paths without a slash, bodies that are not there, administrators
    one("a user is created in a group without a slash", "POST /users", "manage-membership on group /sales/emea", given("Users manage"), json={"username": "made-6", "groups": ["sales/emea"]}, control="POST /users", control_json={"username": "made-7", "groups": ["other/"]}, since=(26, 7)),
    one("all roles of a user are taken away", "DELETE /users/{hank}/role-mappings/realm", "map-role on role r0", control="DELETE /users/{ivy}/role-mappings/realm"),
    one("the password of an administrator is reset", "PUT /users/{chief}/reset-password", "reset-password on user chief", json=_RESET, control="PUT /users/{carol}/reset-password", warned="manage-users", since=(26, 4)),
)  # fmt: skip
