"""Each type of policy, for callers who are known, half known and unknown."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from kcproxy.permissions import Effect, Identity, Judgement, Names, PermissionSet, Policy, Rules, Situation, judge
from kcproxy.permissions.model import (
    AggregatedCondition,
    ClientCondition,
    ClientScopeCondition,
    Condition,
    GroupCondition,
    GroupMember,
    Logic,
    OpenCondition,
    RegexCondition,
    Required,
    RoleCondition,
    Strategy,
    TimeCondition,
    UserCondition,
)
from kcproxy.permissions.policies import MOST_REASONS
from tests.permissions.building import CALLER, POLICIES, policy_of


def at(*parts: int) -> datetime:
    """A time in the server's own zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - which zone that is, nobody knows


PERMIT, DENY, OPEN = Effect.PERMIT, Effect.DENY, Effect.OPEN
NOW = at(2026, 11, 30, 14, 30, 59, 999)
NAMES = Names(
    group_names={"slash": "a/b"},
    group_paths={"sales": "/sales", "emea": "/sales/emea", "slash": "/a/b"},
    client_scope_names={"extra": "extra"},
)


def judged(
    condition: Condition,
    caller: Identity = CALLER,
    *,
    logic: Logic = Logic.POSITIVE,
    rules: Rules | None = None,
    now: datetime | None = NOW,
    others: tuple[Policy, ...] = (),
) -> Judgement:
    policies = {**POLICIES, **{other.id: other for other in others}, "policy": policy_of(condition, logic)}
    known = PermissionSet(policies=policies, names=NAMES)
    return judge("policy", Situation(identity=caller, permissions=known, rules=rules or Rules(), now=now))


def caller(**facts: object) -> Identity:
    return replace(CALLER, **facts)


USERS = UserCondition(users=frozenset({"caller", "eve"}))


@pytest.mark.parametrize(
    ("who", "effect"),
    [
        (CALLER, PERMIT),
        (caller(account_id="bob"), DENY),
        (caller(account_id=None), OPEN),
        (caller(service_account=True), PERMIT),
        (caller(service_account=True, authorization_services=True), DENY),
        (caller(service_account=True, authorization_services=True, client_id="eve"), PERMIT),
        (caller(service_account=True, authorization_services=None), OPEN),
        (caller(service_account=None, authorization_services=None), OPEN),
        (caller(service_account=None), PERMIT),
        (caller(service_account=None, authorization_services=None, account_id="bob"), DENY),
        (caller(authorization_services=True), PERMIT),
    ],
)
def test_a_user_policy_compares_the_account_or_the_client_with_authorization_services(who: Identity, effect: Effect) -> None:
    assert judged(USERS, who).effect is effect


@pytest.mark.parametrize(
    ("who", "effect"),
    [
        (CALLER, PERMIT),
        (caller(service_account=True), DENY),
        (caller(service_account=True, client_id="eve"), PERMIT),
        (caller(service_account=None), OPEN),
    ],
)
def test_before_26_7_every_service_account_is_its_client(who: Identity, effect: Effect) -> None:
    assert judged(USERS, who, rules=Rules(service_accounts_are_clients=True)).effect is effect


ANY, BOTH = (
    RoleCondition(roles=(Required(id="a"), Required(id="b"))),
    RoleCondition(roles=(Required(id="a", required=True), Required(id="b", required=True))),
)
FETCH = RoleCondition(roles=(Required(id="a"),), fetch_roles=True)


def roles(held: str | None, scope: str | None = None, token: str | None = "") -> Identity:
    return caller(
        held=None if held is None else frozenset(held),
        full_scope=scope is None,
        in_scope=None if scope is None else frozenset(scope),
        in_token=None if token is None else frozenset(token),
    )


@pytest.mark.parametrize(
    ("condition", "who", "live", "from_token"),
    [
        (ANY, roles("a"), PERMIT, DENY),
        (ANY, roles("", token="a"), DENY, PERMIT),
        (ANY, roles("a", scope=""), DENY, DENY),
        (ANY, roles("a", scope="", token="a"), PERMIT, PERMIT),
        (ANY, roles("a", scope="a"), PERMIT, DENY),
        (ANY, roles(None, token=None), OPEN, OPEN),
        (ANY, caller(held=frozenset("a"), full_scope=None, in_token=frozenset()), OPEN, DENY),
        (ANY, caller(held=frozenset("a"), full_scope=None, in_token=frozenset("a")), PERMIT, PERMIT),
        (BOTH, roles("a", token="a"), DENY, DENY),
        (BOTH, roles("ab", token="ab"), PERMIT, PERMIT),
        (FETCH, roles("a", scope=""), PERMIT, PERMIT),
        (FETCH, roles("", token="a"), DENY, DENY),
        (FETCH, roles(None), OPEN, OPEN),
    ],
)
def test_a_role_policy_asks_the_account_within_the_clients_scope_and_earlier_the_token(
    condition: RoleCondition, who: Identity, live: Effect, from_token: Effect
) -> None:
    assert judged(condition, who).effect is live
    assert judged(condition, who, rules=Rules(roles_are_live=False)).effect is from_token


def groups(*members: str, claim: str | None = None, extend: bool = False) -> GroupCondition:
    return GroupCondition(groups=tuple(GroupMember(id=name, extend_children=extend) for name in members), claim=claim)


@pytest.mark.parametrize(
    ("condition", "who", "effect"),
    [
        (groups("sales"), caller(groups=("/sales",)), PERMIT),
        (groups("sales"), caller(groups=("/sales/emea",)), DENY),
        (groups("sales", extend=True), caller(groups=("/sales/emea",)), PERMIT),
        (groups("sales", extend=True), caller(groups=("/sales-eu",)), DENY),
        (groups("emea"), caller(groups=("/sales",)), DENY),
        (groups("sales"), caller(groups=None), OPEN),
        (groups("unknown"), caller(groups=("/sales",)), OPEN),
        (groups("unknown"), caller(groups=()), DENY),
        (groups("sales", claim="groups"), caller(groups=(), claims={"groups": ["/sales"]}), PERMIT),
        (groups("emea", claim="groups"), caller(groups=(), claims={"groups": ["emea"]}), PERMIT),
        (groups("slash", claim="groups"), caller(groups=(), claims={"groups": ["a/b"]}), PERMIT),
        (groups("slash", claim="groups"), caller(groups=(), claims={"groups": ["b"]}), DENY),
        (groups("sales", claim="groups"), caller(groups=("/sales",), claims={"groups": ["/staff"]}), DENY),
        (groups("sales", claim="groups"), caller(groups=("/sales",), claims={"groups": []}), PERMIT),
        (groups("sales", claim="groups"), caller(groups=("/sales",), claims=None), OPEN),
    ],
)
def test_a_group_policy_reads_the_claim_and_else_the_accounts_groups(condition: GroupCondition, who: Identity, effect: Effect) -> None:
    assert judged(condition, who).effect is effect


def test_before_26_6_children_are_found_by_the_beginning_of_the_path() -> None:
    cousin = caller(groups=("/sales-eu",))

    assert judged(groups("sales", extend=True), cousin, rules=Rules(child_groups_by_prefix=True)).effect is PERMIT


@pytest.mark.parametrize(
    ("condition", "who", "effect"),
    [
        (ClientCondition(clients=frozenset({"client"})), CALLER, PERMIT),
        (ClientCondition(clients=frozenset({"other"})), CALLER, DENY),
        (ClientCondition(clients=frozenset({"client"})), caller(client_id=None), OPEN),
        (ClientScopeCondition(scopes=(Required(id="extra"),)), caller(claims={"scope": "openid extra"}), PERMIT),
        (ClientScopeCondition(scopes=(Required(id="extra"),)), caller(claims={"scope": "openid"}), DENY),
        (ClientScopeCondition(scopes=(Required(id="extra"),)), caller(claims={}), OPEN),
        (ClientScopeCondition(scopes=(Required(id="unknown"),)), caller(claims={"scope": "openid"}), OPEN),
        (RegexCondition(claim="email", pattern=".*@example\\.org"), caller(claims={"email": "a@example.org"}), PERMIT),
        (RegexCondition(claim="email", pattern=".*@example\\.org"), caller(claims={"email": "a@example.org.evil"}), DENY),
        (RegexCondition(claim="email", pattern=".*"), caller(claims={}), DENY),
        (RegexCondition(claim="email", pattern=".*"), caller(claims=None), OPEN),
        (RegexCondition(claim="address.country", pattern="DE"), caller(claims={"address": {"country": "DE"}}), PERMIT),
        (RegexCondition(claim="address.country", pattern="DE"), caller(claims={}), DENY),
        (RegexCondition(claim="address.country", pattern="DE"), caller(claims={"address": "DE"}), OPEN),
        (RegexCondition(claim="groups", pattern="/a"), caller(claims={"groups": ["/a", "/b"]}), PERMIT),
        (RegexCondition(claim="age", pattern="4[0-9]"), caller(claims={"age": 42}), PERMIT),
        (RegexCondition(claim="a\\.b", pattern=".*"), caller(claims={"a.b": "x"}), OPEN),
        (RegexCondition(claim="email", pattern="(a+)+"), caller(claims={"email": "aaaa"}), OPEN),
        (RegexCondition(claim="kc.client.id", pattern=".*", context=True), CALLER, OPEN),
        (OpenCondition(type="js", why="it is a script"), CALLER, OPEN),
    ],
)
def test_policies_on_the_token(condition: Condition, who: Identity, effect: Effect) -> None:
    assert judged(condition, who).effect is effect


@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        (TimeCondition(), PERMIT),
        (TimeCondition(not_before=at(2026, 11, 30, 14, 30, 59)), PERMIT),
        (TimeCondition(not_before=at(2026, 11, 30, 14, 31)), DENY),
        (TimeCondition(not_after=at(2026, 11, 30, 14, 30, 59)), PERMIT),
        (TimeCondition(not_after=at(2026, 11, 30, 14, 30, 58)), DENY),
        (TimeCondition(hour=(9, 14)), PERMIT),
        (TimeCondition(hour=(9, 13)), DENY),
        (TimeCondition(minute=(30, 30)), PERMIT),
        (TimeCondition(day_of_month=(1, 29)), DENY),
        (TimeCondition(month=(11, 12), year=(2026, 2026)), PERMIT),
        (TimeCondition(hour=(22, 6)), DENY),
    ],
)
def test_a_time_policy_includes_both_ends(condition: TimeCondition, effect: Effect) -> None:
    assert judged(condition).effect is effect
    assert judged(condition, now=None).effect is OPEN


def aggregated(strategy: Strategy, *policies: str) -> AggregatedCondition:
    return AggregatedCondition(policies=policies, strategy=strategy)


@pytest.mark.parametrize(
    ("policies", "unanimous", "affirmative", "consensus"),
    [
        (("yes",), PERMIT, PERMIT, PERMIT),
        (("yes", "no"), DENY, PERMIT, DENY),
        (("yes", "yes", "no"), DENY, PERMIT, PERMIT),
        (("no",), DENY, DENY, DENY),
        ((), DENY, DENY, DENY),
        (("yes", "script"), OPEN, PERMIT, OPEN),
        (("no", "script"), DENY, OPEN, DENY),
        (("yes", "unread"), OPEN, PERMIT, OPEN),
    ],
)
def test_an_aggregated_policy_combines_by_its_strategy(
    policies: tuple[str, ...], unanimous: Effect, affirmative: Effect, consensus: Effect
) -> None:
    assert judged(aggregated(Strategy.UNANIMOUS, *policies)).effect is unanimous
    assert judged(aggregated(Strategy.AFFIRMATIVE, *policies)).effect is affirmative
    assert judged(aggregated(Strategy.CONSENSUS, *policies)).effect is consensus


def test_negative_logic_turns_a_result_round_and_leaves_what_is_open() -> None:
    assert judged(USERS, logic=Logic.NEGATIVE).effect is DENY
    assert judged(USERS, caller(account_id="bob"), logic=Logic.NEGATIVE).effect is PERMIT
    assert judged(USERS, caller(account_id=None), logic=Logic.NEGATIVE).effect is OPEN
    assert judged(aggregated(Strategy.UNANIMOUS), logic=Logic.NEGATIVE).effect is PERMIT


def test_policies_that_contain_each_other_are_open() -> None:
    one = Policy(id="one", name="One", condition=aggregated(Strategy.UNANIMOUS, "two"))
    two = Policy(id="two", name="Two", condition=aggregated(Strategy.UNANIMOUS, "one"))

    result = judged(aggregated(Strategy.UNANIMOUS, "one"), others=(one, two))

    assert result.effect is OPEN
    assert "nested too deeply" in result.why[0]


def test_an_open_result_says_which_policy_lacks_what() -> None:
    assert judged(USERS, caller(account_id=None)).why == ("policy Policy: the caller's account",)
    assert judged(aggregated(Strategy.UNANIMOUS, "script")).why == ("policy Script: it is a script, which only the server can run",)


def test_policies_that_share_their_parts_are_judged_once_each() -> None:
    names = [f"layer-{layer}" for layer in range(7)]
    layers = [
        Policy(id=name, name=name, condition=aggregated(Strategy.UNANIMOUS, *([names[layer + 1]] * 200 if layer < 6 else ["script"] * 200)))
        for layer, name in enumerate(names)
    ]

    result = judged(aggregated(Strategy.UNANIMOUS, *["layer-0"] * 200), others=tuple(layers))

    assert result.effect is OPEN
    assert len(result.why) <= MOST_REASONS


ABOUT = at(2026, 6, 15)


@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        (TimeCondition(), PERMIT),
        (TimeCondition(not_after=at(2020, 1, 1)), DENY),
        (TimeCondition(not_after=at(2020, 1, 1), hour=(9, 17)), DENY),
        (TimeCondition(not_before=at(2999, 1, 1)), DENY),
        (TimeCondition(not_before=at(2020, 1, 1)), PERMIT),
        (TimeCondition(not_before=at(2020, 1, 1), not_after=at(2999, 1, 1), year=(2026, 2030)), PERMIT),
        (TimeCondition(year=(2020, 2025)), DENY),
        (TimeCondition(year=(2027, 2030)), DENY),
        (TimeCondition(not_after=at(2026, 6, 15)), OPEN),
        (TimeCondition(not_before=at(2026, 6, 16)), OPEN),
        (TimeCondition(not_before=at(2020, 1, 1), hour=(9, 17)), OPEN),
        (TimeCondition(month=(1, 1)), OPEN),
    ],
)
def test_far_from_its_ends_a_time_is_decided_without_the_servers_clock(condition: TimeCondition, effect: Effect) -> None:
    policy = Policy(id="p", name="P", condition=condition)
    situation = Situation(identity=Identity(), permissions=PermissionSet(policies={"p": policy}), about=ABOUT)

    assert judge("p", situation).effect is effect
