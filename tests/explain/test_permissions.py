"""Fine-grained admin permissions in explanations."""

import json
import shlex
from typing import Any

import pytest
from msgspec.structs import replace

from devkit.explain.stage import USER_ID, caller_of, causes, refused, table
from kcproxy import catalog as catalogs
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain import render
from kcproxy.explain.fixes.commands import CURL_HEAD
from kcproxy.explain.notices.notice import notice
from kcproxy.model import Cause, Confidence, Explanation, Facts, RequestFacts
from kcproxy.permissions import Identity, Object, Permission, PermissionSet, Policy
from kcproxy.permissions.facts import PermissionFacts, PolicyRole
from kcproxy.permissions.model import Logic, OpenCondition, RegexCondition, Required, RoleCondition, UserCondition

_R = "/admin/realms/demo"
MISSING = Cause.FINE_GRAINED_PERMISSION_MISSING.value


@pytest.mark.parametrize("roles", [[], ["query-users"]])
def test_without_look_ups_it_is_an_open_alternative_with_its_check(roles: list[str]) -> None:
    explanation = refused("GET", f"{_R}/users/{USER_ID}", caller=caller_of(roles={"realm-management": roles}))

    (other,) = [each for each in explanation.verdict.alternatives if each.cause.value == MISSING]
    assert "may use fine-grained admin permissions" in other.summary
    assert "the scope view on the user" in other.check


@pytest.mark.parametrize(
    ("path", "roles", "version", "facts"),
    [
        pytest.param("/events", [], "26.7.4", None, id="no permission opens the operation"),
        pytest.param(f"/users/{USER_ID}", [], "26.1.4", None, id="the version has no permissions"),
        pytest.param(f"/users/{USER_ID}", ["view-events"], "26.7.4", None, id="the caller holds another role"),
        pytest.param(f"/users/{USER_ID}", [], "26.7.4", Facts(admin_permissions_enabled=False), id="permissions are off"),
    ],
)
def test_it_is_none_where_it_cannot_be_the_cause(path: str, roles: list[str], version: str, facts: Facts | None) -> None:
    explanation = refused("GET", f"{_R}{path}", caller=caller_of(roles={"realm-management": roles}), catalog=table(version), facts=facts)

    assert MISSING not in causes(explanation)


def test_a_call_that_takes_no_role_is_refused_by_permissions_if_at_all() -> None:
    call = f"{_R}/ui-ext/available-roles/users/{USER_ID}"
    explanation = refused("GET", call, caller=caller_of(roles={"realm-management": []}), catalog=CATALOG)
    off = refused("GET", call, caller=caller_of(roles={}), catalog=CATALOG, facts=Facts(admin_permissions_enabled=False))

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.LIKELY)
    assert any("takes no role where permissions are off" in line for line in explanation.verdict.evidence)
    assert MISSING not in causes(off)


def test_a_query_role_alone_gives_what_permissions_let_view() -> None:
    fix = explained(looked_up(), path="/users/count").fixes[-1]

    assert (fix.roles, fix.gives) == (("query-users",), "only the users that permissions let the caller view")


def test_permissions_do_not_count_for_tokens_of_another_realm() -> None:
    explanation = refused("GET", f"{_R}/users/{USER_ID}", caller=caller_of(realm="master"))

    assert MISSING not in causes(explanation)


CALLER = Identity(
    account_id="alice", client_id="app", held=frozenset(), full_scope=True, in_token=frozenset(), groups=(), claims={}, service_account=True
)
OWN = Policy(id="own", name="Only alice", condition=UserCondition(users=frozenset({"alice"})))
OTHERS = Policy(id="others", name="Support team", condition=UserCondition(users=frozenset({"carol"})))
GROUP_ID, OTHER_GROUP = "aaaa0f0f-3aae-4b0e-af38-629b3432738a", "bbbb0f0f-3aae-4b0e-af38-629b3432738a"
USER, GROUP = ObjectPlace(type="Users", path="user-id"), ObjectPlace(type="Groups", path="groupId")
CATALOG = catalogs.load("26.7.5")


def permission(name: str, type_name: str, scopes: str, *objects: str, policy: str = "own") -> Permission:
    return Permission(
        id=f"id-of-{name}", name=name, type=type_name, scopes=frozenset(scopes.split()), objects=frozenset(objects), policies=(policy,)
    )


def looked_up(*permissions: Permission, groups: tuple[tuple[str, ...], ...] = (), granted: tuple[str, ...] = (), **more: Any) -> Facts:
    found = PermissionFacts(
        client_uuid="pppp0f0f-3aae-4b0e-af38-629b3432738a",
        permissions=PermissionSet(permissions=permissions, policies={"own": OWN, "others": OTHERS}),
        identity=CALLER,
        objects={USER: Object(type="Users", id=USER_ID, groups=groups), GROUP: Object(type="Groups", id=GROUP_ID)},
        labels={USER_ID: "bob", GROUP_ID: "/staff", OTHER_GROUP: "/sales"},
        **more,
    )
    return Facts(granted=granted, full_scope=True, admin_permissions_enabled=True, permissions=found)


def explained(facts: Facts, method: str = "GET", path: str = f"/users/{USER_ID}", *, for_operator: bool = True) -> Explanation:
    caller = caller_of(roles={"realm-management": list(facts.granted or ())})
    return refused(method, f"{_R}{path}", caller=caller, catalog=CATALOG, facts=facts, for_operator=for_operator)


def test_the_missing_side_of_a_two_sided_need_is_named_with_the_permission_that_covers_others() -> None:
    facts = looked_up(
        permission("Support", "Groups", "manage-membership", OTHER_GROUP), permission("Bob", "Users", "manage-group-membership", USER_ID)
    )

    explanation = explained(facts, "PUT", f"/users/{USER_ID}/groups/{GROUP_ID}")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert (
        "ervice-account-app has the scope manage-group-membership on user bob, but lacks the scope manage-membership on group /staff:"
        " permission Support covers group /sales only"
    ) in explanation.summary
    assert "Add group /staff to the permission Support" in explanation.fixes[0].summary
    assert GROUP_ID in explanation.fixes[0].kcadm[0]
    assert OTHER_GROUP in explanation.fixes[0].kcadm[0]
    assert "make a permission" in explanation.fixes[1].summary.lower()
    assert explanation.fixes[-1].roles == ("manage-users",)


def test_a_denial_is_named_to_operators_only() -> None:
    facts = looked_up(permission("Own", "Users", "view", USER_ID), permission("Closed", "Users", "view", USER_ID, policy="others"))

    operators, callers = explained(facts), explained(facts, for_operator=False)

    assert (operators.verdict.cause, operators.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.CERTAIN)
    assert "permission Closed denies it (policy Support team)" in operators.summary
    assert "Closed" in operators.fixes[0].summary
    text = json.dumps(render.document(callers))
    assert "Closed" not in text
    assert "Support team" not in text


def test_a_hidden_object_that_exists_and_one_that_does_not_get_equal_words() -> None:
    denied = looked_up(permission("Closed", "Users", "view", USER_ID, policy="others"), groups=((GROUP_ID,),))
    unknown = looked_up(permission("Closed", "Users", "view", "somebody-else", policy="others"), absent=frozenset({USER_ID}))

    one, other = (render.document(explained(facts, for_operator=False)) for facts in (denied, unknown))

    assert one == other
    assert one["confidence"] != "certain"
    assert "bob" not in json.dumps(one)


def test_where_the_servers_own_evaluation_differs_both_are_said() -> None:
    explanation = explained(looked_up(server={("Users", USER_ID, "view"): True}))

    assert explanation.verdict.confidence is Confidence.LIKELY
    assert any("policy/evaluate" in line for line in explanation.verdict.evidence)


def test_an_open_policy_is_decided_by_the_server_and_not_certain() -> None:
    script = Policy(id="js", name="Script", condition=OpenCondition(type="js", why="it is a script"))
    facts = looked_up(permission("Own", "Users", "view", USER_ID, policy="js"), server={("Users", USER_ID, "view"): False})
    assert isinstance(facts.permissions, PermissionFacts)
    known = replace(facts.permissions.permissions, policies={"js": script})
    facts = replace(facts, permissions=replace(facts.permissions, permissions=known))

    explanation = explained(facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.LIKELY)
    assert "permission Own denies it (policy Script)" in explanation.summary
    assert "Change the permission Own" in explanation.fixes[0].summary
    assert any("policy/evaluate" in line for line in explanation.verdict.evidence)


def test_a_user_with_more_groups_than_are_read_gets_a_fix_for_this_user_with_a_warning() -> None:
    facts = looked_up(permission("Team", "Groups", "view-members", GROUP_ID), server={("Users", USER_ID, "view"): False})
    assert isinstance(facts.permissions, PermissionFacts)
    objects = {USER: Object(type="Users", id=USER_ID, groups=None)}

    fix = explained(replace(facts, permissions=replace(facts.permissions, objects=objects))).fixes[0]

    assert not fix.roles
    assert "user bob" in fix.summary
    assert "Not all groups of the user were read" in (fix.warning or "")


def test_the_first_fix_makes_a_permission_for_this_object_alone() -> None:
    facts = looked_up()
    assert isinstance(facts.permissions, PermissionFacts)
    known = replace(facts.permissions.permissions, policies={"others": OTHERS})
    fix = explained(replace(facts, permissions=replace(facts.permissions, permissions=known))).fixes[0]

    policy, made = (json.loads(shlex.split(line)[-1]) for line in fix.kcadm)
    assert policy == {"name": policy["name"], "users": ["alice"], "logic": "POSITIVE"}
    assert (made["resources"], made["scopes"], made["policies"]) == ([USER_ID], ["view"], [policy["name"]])
    assert (fix.curl[0], fix.curl[-1]) == ("(", ")")
    assert [line.split()[0] for line in fix.curl[len(CURL_HEAD) : -1]] == ["keycloak", "keycloak"]
    assert not [line for line in fix.curl if "ADMIN_TOKEN" in line and line not in CURL_HEAD]  # it is on no command line
    assert len(fix.console) == 6


def test_a_created_user_in_a_group_requires_view_of_the_group_for_callers_who_query() -> None:
    groups = ObjectPlace(type="Groups", body="groups")
    facts = looked_up(
        permission("Creatives", "Groups", "manage-members view-members manage-membership", GROUP_ID), granted=("view-clients",)
    )
    assert isinstance(facts.permissions, PermissionFacts)
    facts = replace(facts, permissions=replace(facts.permissions, objects={groups: Object(type="Groups", id=GROUP_ID)}))
    caller = caller_of(roles={"realm-management": ["view-clients"]})

    explanation = refused(
        "POST", f"{_R}/users", sent={"username": "x", "groups": ["/staff"]}, caller=caller, catalog=CATALOG, facts=facts, for_operator=True
    )

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert "view on group /staff" in explanation.summary
    assert explanation.fixes[0].summary == "Add the scope view to the permission Creatives"


@pytest.mark.parametrize("path", ["groups", "groups/count"])
def test_groups_that_the_request_does_not_name_leave_no_question(path: str) -> None:
    explanation = explained(looked_up(), path=f"/users/{USER_ID}/{path}")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert "view on user bob" in explanation.fixes[0].summary or "view for user bob" in explanation.fixes[0].summary


def at(facts: Facts, **places: tuple[ObjectPlace, Object]) -> Facts:
    """The facts with these objects only."""
    assert isinstance(facts.permissions, PermissionFacts)
    return replace(facts, permissions=replace(facts.permissions, objects=dict(places.values())))


CLIENT_ID = "cccc0f0f-3aae-4b0e-af38-629b3432738a"
IN_PATH = (ObjectPlace(type="Clients", path="client-uuid"), Object(type="Clients", id=CLIENT_ID))


def test_reading_a_built_in_client_is_decided_and_changing_it_is_not() -> None:
    facts = looked_up()
    assert isinstance(facts.permissions, PermissionFacts)
    built_in = replace(facts.permissions, labels={CLIENT_ID: "realm-management"})
    facts = at(replace(facts, permissions=built_in), client=IN_PATH)

    assert explained(facts, path=f"/clients/{CLIENT_ID}").verdict.cause.value == MISSING
    assert explained(facts, "PUT", f"/clients/{CLIENT_ID}").verdict.confidence is not Confidence.CERTAIN


def test_a_role_of_a_client_by_its_id_is_decided_by_the_client_that_owns_it() -> None:
    owner = (ObjectPlace(type="Clients", owner_of="client-role"), Object(type="Clients", id=CLIENT_ID))
    facts = replace(at(looked_up(), client=owner), target_role_is_client=True)

    explanation = explained(facts, path=f"/roles-by-id/{OTHER_GROUP}")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert CLIENT_ID in explanation.fixes[0].kcadm[-1]


def test_a_list_that_takes_no_role_takes_a_permission_where_they_are_on() -> None:
    user = (ObjectPlace(type="Users", path="id"), Object(type="Users", id=USER_ID))

    explanation = explained(at(looked_up(), user=user), path=f"/ui-ext/available-roles/users/{USER_ID}")

    assert explanation.verdict.cause.value == MISSING
    assert Cause.UNEXPLAINED not in causes(explanation)


@pytest.mark.parametrize("path", ["roles/r0/composites/realm", "evaluate-scopes/scope-mappings/demo/granted"])
def test_a_permission_that_would_leave_the_list_empty_is_no_fix(path: str) -> None:
    explanation = explained(at(looked_up(), client=IN_PATH), path=f"/clients/{CLIENT_ID}/{path}")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert f"view on client {CLIENT_ID}" in explanation.summary
    assert explanation.fixes[0].roles
    assert all(fix.summary for fix in explanation.fixes)


def test_an_object_that_was_not_found_makes_the_cause_likely_only() -> None:
    explanation = explained(at(looked_up(), client=IN_PATH), "POST", f"/clients/{CLIENT_ID}/roles/x/composites")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.LIKELY)


@pytest.mark.parametrize("path", [f"/users/{USER_ID}/groups", f"/users/{USER_ID}/role-mappings/realm/available", "/users"])
@pytest.mark.parametrize("roles", [[], ["query-users"]])
def test_a_list_may_hold_only_what_permissions_let_see(path: str, roles: list[str]) -> None:
    request = RequestFacts(target=CATALOG.target("GET", f"{_R}{path}"))

    text = notice(request, caller_of(roles={"realm-management": roles}), CATALOG)

    assert text is not None
    assert "fine-grained admin permissions" in text


def test_a_caller_with_the_role_gets_no_such_notice() -> None:
    request = RequestFacts(target=CATALOG.target("GET", f"{_R}/users/{USER_ID}/groups"))

    assert notice(request, caller_of(roles={"realm-management": ["view-users"]}), CATALOG) is None


def with_policies(facts: Facts, **policies: Policy) -> Facts:
    assert isinstance(facts.permissions, PermissionFacts)
    return replace(facts, permissions=replace(facts.permissions, permissions=replace(facts.permissions.permissions, policies=policies)))


def test_a_policy_of_everybody_but_one_is_not_reused_for_the_caller_alone() -> None:
    not_dave = Policy(id="not-dave", name="Not dave", logic=Logic.NEGATIVE, condition=UserCondition(users=frozenset({"dave"})))
    fix = explained(with_policies(looked_up(), **{"not-dave": not_dave})).fixes[0]

    assert "alone" in fix.summary
    assert "not-dave" not in " ".join(fix.kcadm)
    assert [json.loads(shlex.split(line)[-1]).get("users") for line in fix.kcadm] == [["alice"], None]


def test_operators_are_warned_that_others_lose_what_another_permission_gives_them() -> None:
    facts = looked_up(permission("Team", "Users", "view", policy="others"), permission("Own", "Users", "manage", USER_ID))

    operators, callers = explained(facts, for_operator=True), explained(facts, for_operator=False)

    assert "Others who have view on this user by permission Team lose it" in (operators.fixes[0].warning or "")
    assert not [fix for fix in callers.fixes if "lose it" in (fix.warning or "")]


ASKED = ("Users", USER_ID, "view")


def by_role(*, client: str | None = None, **identity: Any) -> Facts:
    """A permission by a role that the account holds; Keycloak's own evaluation takes it for effective."""
    policy = Policy(id="own", name="Has r1", condition=RoleCondition(roles=(Required(id="r1-id"),)))
    facts = looked_up(
        permission("Mine", "Users", "view", USER_ID), server={ASKED: True}, roles={"r1-id": PolicyRole(name="r1", client=client)}
    )
    facts = with_policies(facts, own=policy)
    assert isinstance(facts.permissions, PermissionFacts)
    held = {"held": frozenset({"r1-id"}), "full_scope": False, "in_scope": frozenset(), **identity}
    found = replace(facts.permissions, identity=replace(CALLER, **held))
    return replace(facts, permissions=found, full_scope=False, in_scope=())


@pytest.mark.parametrize("client", [None, "shop"])
def test_a_role_that_the_client_keeps_out_of_the_token_is_let_through_first(client: str | None) -> None:
    explanation = explained(by_role(client=client))

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.LIKELY)
    assert "permission Mine denies it (policy Has r1)" in explanation.summary
    assert any("policy/evaluate" in line for line in explanation.verdict.evidence)
    assert "r1" in explanation.fixes[0].summary
    assert "through the scope of client" in explanation.fixes[0].summary
    assert "Roles that this role contains" in (explanation.fixes[0].warning or "")
    assert "scope-mappings" in " ".join(explanation.fixes[0].kcadm)


def test_the_servers_evaluation_does_not_settle_what_rests_on_the_token() -> None:
    explanation = explained(by_role(in_token=None))

    assert MISSING in causes(explanation)
    assert explanation.verdict.confidence is not Confidence.CERTAIN


def test_a_claim_that_the_token_lacks_is_denied_though_the_servers_evaluation_allows_it() -> None:
    policy = Policy(id="own", name="Mail", condition=RegexCondition(claim="email", pattern=".*"))
    facts = with_policies(looked_up(permission("Mine", "Users", "view", USER_ID), server={ASKED: True}), own=policy)

    explanation = explained(facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.LIKELY)


def test_a_part_without_a_role_names_its_scope() -> None:
    explanation = explained(looked_up(), "POST", f"/users/{USER_ID}/role-mappings/realm")

    assert "without the role  " not in explanation.summary
    assert "query without" not in explanation.summary
