"""Who else gets something from a policy or permission of the caller: nobody, if it is said to be the caller's alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kcproxy.permissions import Identity, Permission, PermissionSet, Policy, Rules, Situation, decide
from kcproxy.permissions.additions import AdditionKind, additions
from kcproxy.permissions.alone import names_only_caller, only_caller
from kcproxy.permissions.model import (
    AggregatedCondition,
    ClientCondition,
    Condition,
    GroupCondition,
    GroupMember,
    Logic,
    Names,
    OpenCondition,
    Required,
    RoleCondition,
    Strategy,
    TimeCondition,
    UserCondition,
)
from kcproxy.permissions.policies import Effect, judge
from tests.permissions.building import CALLER, permission, user

SERVICE = replace(CALLER, service_account=True, users_log_in=False)
LOGGED_IN = replace(CALLER, service_account=True, users_log_in=True)
NAMED = UserCondition(users=frozenset({"caller"}))


def there(*policies: Policy, caller: Identity = SERVICE, rules: Rules | None = None) -> Situation:
    return Situation(identity=caller, permissions=PermissionSet(policies={each.id: each for each in policies}), rules=rules or Rules())


def policy(condition: Condition, logic: Logic = Logic.POSITIVE, name: str = "policy") -> Policy:
    return Policy(id=name, name=name, condition=condition, logic=logic)


@pytest.mark.parametrize(
    ("it", "caller", "alone"),
    [
        pytest.param(policy(NAMED), SERVICE, True, id="a user policy that names the caller"),
        pytest.param(policy(UserCondition(users=frozenset({"dave"})), Logic.NEGATIVE), SERVICE, False, id="a negative one on another user"),
        pytest.param(policy(NAMED, Logic.NEGATIVE), SERVICE, False, id="a negative one on the caller"),
        pytest.param(policy(UserCondition(users=frozenset({"caller", "deleted"}))), SERVICE, False, id="one that names a second account"),
        pytest.param(policy(ClientCondition(clients=frozenset({"client"}))), SERVICE, True, id="the client, which only its service account uses"),
        pytest.param(policy(ClientCondition(clients=frozenset({"client"}))), LOGGED_IN, False, id="the client, through which users log in"),
        pytest.param(policy(ClientCondition(clients=frozenset({"client"}))), replace(SERVICE, users_log_in=None), False, id="the client, of which nothing is known"),
        pytest.param(policy(ClientCondition(clients=frozenset({"other"})), Logic.NEGATIVE), SERVICE, False, id="a negative one on another client"),
        pytest.param(policy(ClientCondition(clients=frozenset({"client", "other"}))), SERVICE, False, id="two clients"),
    ],
)  # fmt: skip
def test_a_policy_is_the_callers_alone_only_if_it_names_nothing_else(it: Policy, caller: Identity, alone: bool) -> None:
    assert names_only_caller(it, there(it, caller=caller)) is alone


@pytest.mark.parametrize(
    ("strategy", "policies", "alone"),
    [
        (Strategy.UNANIMOUS, ("own", "wide"), True),
        (Strategy.AFFIRMATIVE, ("own", "wide"), False),
        (Strategy.AFFIRMATIVE, ("own",), True),
        (Strategy.CONSENSUS, ("own", "wide", "second"), False),
        (Strategy.CONSENSUS, ("own", "wide"), True),
        (Strategy.UNANIMOUS, ("wide",), False),
        (Strategy.UNANIMOUS, ("all",), True),
        (Strategy.UNANIMOUS, ("any",), False),
        (Strategy.UNANIMOUS, (), False),
    ],
)
def test_a_permission_is_the_callers_alone_only_if_a_policy_that_names_them_is_required(
    strategy: Strategy, policies: tuple[str, ...], alone: bool
) -> None:
    wide = UserCondition(users=frozenset({"dave"}))
    known = there(
        policy(NAMED, name="own"),
        policy(wide, Logic.NEGATIVE, "wide"),
        policy(wide, Logic.NEGATIVE, "second"),
        policy(AggregatedCondition(policies=("own", "wide"), strategy=Strategy.UNANIMOUS), name="all"),
        policy(AggregatedCondition(policies=("own", "wide"), strategy=Strategy.AFFIRMATIVE), name="any"),
    )

    assert only_caller(Permission(id="p", name="p", type="Users", scopes=frozenset(), policies=policies, strategy=strategy), known) is alone


def test_a_policy_of_everybody_but_one_is_not_reused_and_its_permission_comes_last() -> None:
    not_dave = Policy(id="not-dave", name="Not dave", logic=Logic.NEGATIVE, condition=UserCondition(users=frozenset({"dave"})))
    known = replace(
        there(not_dave),
        permissions=PermissionSet(permissions=(permission("Users view carol", "not-dave"),), policies={"not-dave": not_dave}),
    )

    first, second = additions(decide(user(), "view", known), known)

    assert (first.kind, first.policy, first.for_others) == (AdditionKind.NEW_PERMISSION, None, False)
    assert (second.kind, second.for_others) == (AdditionKind.ADD_OBJECT, True)


def test_where_policies_know_only_the_client_a_new_permission_is_for_all_who_use_it() -> None:
    old = Rules(service_accounts_are_clients=True)
    found = [
        additions(decide(user(), "view", known), known)[0] for known in (there(caller=each, rules=old) for each in (SERVICE, LOGGED_IN))
    ]

    assert [each.for_others for each in found] == [False, True]


def test_what_others_have_by_another_permission_is_named_because_they_lose_it() -> None:
    others = Policy(id="team", name="Team", condition=RoleCondition(roles=(Required(id="r1"),)))
    team = (permission("Users view", "team"), permission("Groups view-members sales", "team"), permission("Users manage", "team"))
    known = replace(there(others), permissions=PermissionSet(permissions=team, policies={"team": others}))
    known = replace(known, identity=replace(SERVICE, held=frozenset({"r2"})))

    proposed = additions(decide(user("bob"), "view", known), known)

    assert [each.name for each in proposed[0].takes] == ["Users view (team)"]
    of_member = additions(decide(user("bob", ("sales",)), "manage", known), known)[0]
    assert [each.name for each in of_member.takes] == ["Users manage (team)"]


# Random policies: what is said to be the caller's alone permits no other identity.

_ACCOUNTS, _CLIENTS, _ROLES = ("caller", "dave", "erin"), ("client", "other"), ("r1", "r2")


def some(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), max_size=2)


_SIMPLE: st.SearchStrategy[Condition] = st.one_of(
    some(*_ACCOUNTS).map(lambda users: UserCondition(users=users)),
    some(*_CLIENTS).map(lambda clients: ClientCondition(clients=clients)),
    some(*_ROLES).map(lambda roles: RoleCondition(roles=tuple(Required(id=role) for role in roles))),
    st.booleans().map(lambda below: GroupCondition(groups=(GroupMember(id="g", extend_children=below),))),
    st.just(TimeCondition()),
    st.just(OpenCondition(type="js", why="a script")),
)
_IDS = ("a", "b", "c")


@st.composite
def _policies(draw: st.DrawFn) -> dict[str, Policy]:
    made: dict[str, Policy] = {}
    for name in _IDS:
        parts = st.lists(st.sampled_from(sorted(made)), max_size=3, unique=True) if made else st.just([])
        combined = st.builds(AggregatedCondition, policies=parts.map(tuple), strategy=st.sampled_from(Strategy))
        made[name] = policy(draw(st.one_of(_SIMPLE, combined)), draw(st.sampled_from(Logic)), name)
    return made


@st.composite
def _identity(draw: st.DrawFn, account: str | None = None) -> Identity:
    roles = draw(some(*_ROLES))
    return Identity(
        account_id=account or draw(st.sampled_from(_ACCOUNTS)),
        client_id=draw(st.sampled_from(_CLIENTS)),
        held=roles,
        full_scope=True,
        in_token=roles,
        groups=draw(st.sampled_from([(), ("/g",)])),
        claims={},
        service_account=draw(st.booleans()) if account else False,
        authorization_services=draw(st.booleans()),
        users_log_in=draw(st.sampled_from([True, False, None])),
    )


@given(policies=_policies(), caller=_identity("caller"), other=_identity(), strategy=st.sampled_from(Strategy), rules=st.booleans())
def test_what_is_the_callers_alone_permits_no_other_identity(
    policies: dict[str, Policy], caller: Identity, other: Identity, strategy: Strategy, rules: bool
) -> None:
    # Of a client through which no user logs in, there are no other tokens.
    if other.account_id == "caller" or (other.client_id == caller.client_id and caller.users_log_in is False):
        return
    known = PermissionSet(policies=policies, names=Names(group_paths={"g": "/g"}))
    its = Rules(service_accounts_are_clients=rules)
    own, others = (Situation(identity=each, permissions=known, rules=its) for each in (caller, other))

    for each in policies.values():
        assert not names_only_caller(each, own) or judge(each.id, others).effect is Effect.DENY
    whole = Permission(id="p", name="p", type="Users", scopes=frozenset({"view"}), policies=_IDS, strategy=strategy)
    if only_caller(whole, own):
        on_bob = replace(whole, objects=frozenset({"bob"}))
        theirs = replace(others, permissions=replace(known, permissions=(on_bob,)))
        assert decide(user(), "view", theirs).outcome.value in {"denied", "missing"}
