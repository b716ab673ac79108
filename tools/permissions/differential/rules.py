"""The rules of evaluation one by one: configurations made by hand, each with what the server is expected to do, by version.

Run by the live tests; docs/permissions-evaluation.md tells them in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.permissions.differential.generate import Configuration, questions

YES, NO = ("client", {"name": "yes", "clients": ["client-of:service"]}), ("client", {"name": "no", "clients": ["client-of:person"]})
"""Policies on clients: before 26.7 a service account cannot be named by its account."""
YES_POLICY, NO_POLICY = "policy:0", "policy:1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One case: `allowed` is what a server does from version `since` on, and the opposite holds for earlier ones."""

    says: str
    configuration: Configuration
    allowed: bool
    since: tuple[int, ...] = (26, 2)
    earlier: bool | None = None
    needs: tuple[int, ...] = (26, 2)
    """The first version that has the scopes."""

    def expected(self, version: tuple[int, ...]) -> bool:
        """What a version does."""
        return self.allowed if version >= self.since or self.earlier is None else self.earlier


def _granting(type_name: str, scopes: str, *objects: str, policy: str = YES_POLICY) -> dict[str, Any]:
    found: dict[str, Any] = {"resourceType": type_name, "scopes": scopes.split(","), "policies": [policy] if policy else []}
    return found | ({"resources": list(objects)} if objects else {})


def _denying(type_name: str, scopes: str, *objects: str) -> dict[str, Any]:
    return _granting(type_name, scopes, *objects, policy=NO_POLICY)


def _case(
    says: str,
    probe: str,
    names: Sequence[str],
    permissions: Sequence[Mapping[str, Any]],
    *,
    allowed: bool,
    caller: str = "service",
    policies: Sequence[tuple[str, Mapping[str, Any]]] = (YES, NO),
    **when: Any,
) -> Rule:
    possible = questions(dict.fromkeys(("Users", "Groups", "Clients", "Roles", "Organizations"), _every_scope))
    question = next(each for each in possible if (each.probe, each.names) == (probe, tuple(names)))
    numbered = tuple({"name": f"permission-{place}", **permission} for place, permission in enumerate(permissions))
    configuration = Configuration(policies=tuple(policies), permissions=numbered, questions=((caller, question),))
    return Rule(says=says, configuration=configuration, allowed=allowed, **when)


class _Every(tuple[str, ...]):
    """Contains every scope."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        return True


_every_scope = _Every()
_ROLE: tuple[str, Mapping[str, Any]] = ("role", {"name": "role", "roles": [{"id": "role-0", "required": True}]})
_FETCHED: tuple[str, Mapping[str, Any]] = ("role", {**_ROLE[1], "fetchRoles": True})
_COUSINS: tuple[str, Mapping[str, Any]] = ("group", {"name": "group", "groups": [{"id": "group-0", "extendChildren": True}]})
_ACCOUNT: tuple[str, Mapping[str, Any]] = ("user", {"name": "account", "users": ["account:service", "account:person"]})
_SERVER: tuple[str, Mapping[str, Any]] = ("user", {"name": "account", "users": ["account:resource-server"]})
_EMAIL: tuple[str, Mapping[str, Any]] = ("regex", {"name": "regex", "targetClaim": "email", "pattern": ".*@example\\.org"})
U, G = "Users", "Groups"

# One case a line.
# fmt: off
RULES: tuple[Rule, ...] = (
    _case("a permission on the object", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=True),
    _case("a permission on another object", "get-user", ["user-0"], [_granting(U, "view", "user-1")], allowed=False),
    _case("a denial for all users closes every scope", "get-user", ["user-0"], [_granting(U, "view"), _denying(U, "manage")], allowed=False),
    _case("a grant on the user escapes it", "get-user", ["user-0"], [_granting(U, "view", "user-0"), _denying(U, "manage")], allowed=True),
    _case("what concerns no single user escapes it, too", "create-user", [], [_granting(U, "manage"), _denying(U, "view")], allowed=True),
    _case("a denial for all clients closes every scope", "get-client", ["client-0"], [_granting("Clients", "view"), _denying("Clients", "map-roles")], allowed=False),
    _case("a denial for all groups closes every scope", "get-group", ["group-0"], [_granting(G, "view"), _denying(G, "manage")], allowed=False),
    _case("a specific grant of the scope wins over a denial for all", "get-user", ["user-0"], [_granting(U, "view", "user-0"), _denying(U, "view")], allowed=True),
    _case("a specific permission with another scope does not matter", "get-user", ["user-0"], [_granting(U, "view"), _denying(U, "manage", "user-0")], allowed=True),
    _case("a specific denial", "get-user", ["user-0"], [_granting(U, "view"), _denying(U, "view", "user-0")], allowed=False),
    _case("view-members of the group opens its members", "get-user", ["user-1"], [_granting(G, "view-members", "group-0")], allowed=True),
    _case("and the members of the groups below", "get-user", ["user-2"], [_granting(G, "view-members", "group-0")], allowed=True),
    _case("but not those of the group above", "get-user", ["user-1"], [_granting(G, "view-members", "group-1")], allowed=False),
    _case("view-members of all groups denied closes users in groups", "get-user", ["user-1"], [_granting(U, "view"), _denying(G, "view-members")], allowed=False),
    _case("and not users in none", "get-user", ["user-0"], [_granting(U, "view"), _denying(G, "view-members")], allowed=True),
    _case("and not those who are named", "get-user", ["user-1"], [_granting(U, "view", "user-1"), _denying(G, "view-members")], allowed=True),
    _case("a denial on the user's group beats a grant on the user", "get-user", ["user-1"], [_granting(U, "view", "user-1"), _denying(G, "view-members", "group-0")], allowed=False),
    _case("a denial on the user beats a grant on their group", "get-user", ["user-1"], [_granting(G, "view-members", "group-0"), _denying(U, "view", "user-1")], allowed=False),
    _case("view denied on the group closes view of its members: the names are the same", "get-user", ["user-1"], [_granting(U, "view", "user-1"), _denying(G, "view", "group-0")], allowed=False),
    _case("another scope denied on the group does not", "get-user", ["user-1"], [_granting(U, "view", "user-1"), _denying(G, "manage-membership", "group-0")], allowed=True, since=(26, 4), earlier=False),
    _case("a permission without policies neither grants", "get-user", ["user-0"], [_granting(U, "view", "user-0", policy="")], allowed=False),
    _case("nor denies", "get-user", ["user-0"], [_granting(U, "view", "user-0"), _granting(U, "view,manage", policy="")], allowed=True),
    _case("manage resets passwords", "reset-password", ["user-0"], [_granting(U, "manage", "user-0")], allowed=True),
    _case("unless a permission on the user speaks of it", "reset-password", ["user-0"], [_granting(U, "manage", "user-0"), _denying(U, "reset-password", "user-0")], allowed=False, needs=(26, 4)),
    _case("or one on all users does", "reset-password", ["user-0"], [_granting(U, "manage", "user-0"), _denying(U, "reset-password")], allowed=False, needs=(26, 4)),
    _case("reset-password alone does, too", "reset-password", ["user-0"], [_granting(U, "reset-password", "user-0")], allowed=True, needs=(26, 4)),
    _case("a role held outside the client's scope does not count", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=False, caller="narrow", policies=(_ROLE,)),
    _case("unless the policy fetches roles", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=True, caller="narrow", policies=(_FETCHED,)),
    _case("a lightweight token's roles count", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=True, caller="light", policies=(_ROLE,)),
    _case("and its e-mail does not", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=False, caller="light", policies=(_EMAIL,)),
    _case("a group whose path begins alike is no child", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=False, caller="narrow", policies=(_COUSINS,), since=(26, 6), earlier=True),
    _case("a person is named by their account", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=True, caller="person", policies=(_ACCOUNT,)),
    _case("a service account is named by its account", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=True, policies=(_ACCOUNT,), since=(26, 7), earlier=False),
    _case("an account whose client has authorization services is not named by its id", "get-user", ["user-0"], [_granting(U, "view", "user-0")], allowed=False, caller="resource-server", policies=(_SERVER,)),
)
# fmt: on
