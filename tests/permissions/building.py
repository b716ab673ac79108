"""Small permissions for tests: one caller, policies that say yes or no to them."""

from kcproxy.permissions import Identity, Object, Permission, PermissionSet, Policy, Rules, Situation
from kcproxy.permissions.model import Condition, Logic, OpenCondition, UserCondition

CALLER = Identity(account_id="caller", client_id="client", held=frozenset(), full_scope=True, in_token=frozenset(), groups=(), claims={})
YES = Policy(id="yes", name="Yes", condition=UserCondition(users=frozenset({"caller"})))
NO = Policy(id="no", name="No", condition=UserCondition(users=frozenset({"somebody"})))
SCRIPT = Policy(id="script", name="Script", condition=OpenCondition(type="js", why="it is a script, which only the server can run"))
POLICIES = {policy.id: policy for policy in (YES, NO, SCRIPT)}


def permission(text: str, policy: str = "yes", *policies: str) -> Permission:
    """`Users view,manage bob,eve` for two users, `Users view` for all of them."""
    type_name, scopes, *objects = text.split(" ")
    return Permission(
        id=f"{text}/{policy}",
        name=f"{text} ({policy})",
        type=type_name,
        scopes=frozenset(scopes.split(",")),
        objects=frozenset(objects[0].split(",")) if objects else frozenset(),
        policies=(policy, *policies) if policy else (),
    )


def situation(*permissions: Permission, caller: Identity = CALLER, rules: Rules | None = None, complete: bool = True) -> Situation:
    """A realm with these permissions."""
    known = PermissionSet(permissions=permissions, policies=POLICIES, complete=complete)
    return Situation(identity=caller, permissions=known, rules=rules or Rules())


def user(identifier: str | None = "bob", *groups: tuple[str, ...]) -> Object:
    """A user with the chains of groups that they are in."""
    return Object(type="Users", id=identifier, groups=groups)


def policy_of(condition: Condition, logic: Logic = Logic.POSITIVE) -> Policy:
    """A policy to be judged by itself."""
    return Policy(id="policy", name="Policy", condition=condition, logic=logic)
