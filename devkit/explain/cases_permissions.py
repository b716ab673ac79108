"""Refusals by fine-grained admin permissions, with the permissions that look-ups found."""

from devkit.explain.case import Case
from devkit.explain.stage import USER_ID, caller_of
from kcproxy import catalog as catalogs
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.model import Cause, Facts
from kcproxy.permissions import Identity, Object, Permission, PermissionSet, Policy
from kcproxy.permissions.facts import PermissionFacts
from kcproxy.permissions.model import UserCondition

_PATH = f"/admin/realms/demo/users/{USER_ID}"
_CALLER = Identity(account_id="alice", client_id="app", full_scope=True, groups=(), claims={}, service_account=True)
_POLICIES = {
    "own": Policy(id="own", name="Only the app", condition=UserCondition(users=frozenset({"alice"}))),
    "others": Policy(id="others", name="Support team", condition=UserCondition(users=frozenset({"carol"}))),
}


def permission(name: str, scope: str, *users: str, policy: str) -> Permission:
    """A permission on users, or on all of them."""
    return Permission(id=name, name=name, type="Users", scopes=frozenset({scope}), objects=frozenset(users), policies=(policy,))


def looked_up(*permissions: Permission) -> Facts:
    """What an inspector finds about a caller who holds query-users."""
    found = PermissionFacts(
        client_uuid="d0d0d0d0-3aae-4b0e-af38-629b3432738a",
        permissions=PermissionSet(permissions=permissions, policies=_POLICIES),
        identity=_CALLER,
        objects={ObjectPlace(type="Users", path="user-id"): Object(type="Users", id=USER_ID)},
        labels={USER_ID: "bob"},
    )
    return Facts(granted=("query-users",), full_scope=True, admin_permissions_enabled=True, permissions=found)


_ASK = {"caller": caller_of(roles={"realm-management": ["query-users"]}), "catalog": catalogs.load("26.7.5"), "for_operator": True}
PERMISSIONS = (
    Case(
        id="P-missing",
        says="a permission covers another user only",
        method="GET",
        path=_PATH,
        truth=Cause.FINE_GRAINED_PERMISSION_MISSING,
        ask=_ASK,
        facts=looked_up(permission("Readers", "view", "e0e0e0e0-3aae-4b0e-af38-629b3432738a", policy="own")),
    ),
    Case(
        id="P-denied",
        says="another permission names the user and denies the caller",
        method="GET",
        path=_PATH,
        truth=Cause.FINE_GRAINED_PERMISSION_DENIED,
        ask=_ASK,
        facts=looked_up(permission("Readers", "view", policy="own"), permission("Board members", "view", USER_ID, policy="others")),
    ),
)
