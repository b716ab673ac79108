"""What a caller is shown does not depend on what Keycloak hides from them: objects, their names, and permissions of others."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from devkit.explain.stage import USER_ID, caller_of, refused
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain import render
from kcproxy.model import Cause, Confidence, Explanation, Facts
from kcproxy.permissions import Object, Permission, PermissionSet, Policy
from kcproxy.permissions.facts import Item, PermissionFacts
from kcproxy.permissions.model import Logic, UserCondition
from tests.explain.test_permissions import CALLER, CATALOG, GROUP_ID, OTHER_GROUP, OTHERS, OWN, permission

_R = "/admin/realms/demo"
_UNKNOWN = "eeee0f0f-3aae-4b0e-af38-629b3432738a"
_CLIENT_ID = "cccc0f0f-3aae-4b0e-af38-629b3432738a"
_OTHER_USER = "dddd0f0f-3aae-4b0e-af38-629b3432738a"
_USER, _GROUP = ObjectPlace(type="Users", path="user-id"), ObjectPlace(type="Groups", path="groupId")
_GROUPS, _CLIENT = ObjectPlace(type="Groups", body="groups"), ObjectPlace(type="Clients", path="client-uuid")
_BY_CLIENT_ID = ObjectPlace(type="Clients", query="clientId")
_OF_ROLE = ObjectPlace(type="Clients", owner_of="client-role")
_MAPPED = ObjectPlace(type="Roles", body="[].id")
_NOT_DAVE = Policy(id="not-dave", name="Not dave", condition=UserCondition(users=frozenset({"dave"})), logic=Logic.NEGATIVE)
_LABELS = {
    USER_ID: "bob",
    _OTHER_USER: "dave",
    GROUP_ID: "/staff",
    OTHER_GROUP: "/sales",
    _CLIENT_ID: "realm-management",
}


def found(*permissions: Permission, granted: tuple[str, ...] = (), role_is_client: bool | None = None, **more: Any) -> Facts:
    policies = {policy.id: policy for policy in (OWN, OTHERS, _NOT_DAVE)}
    known = PermissionFacts(
        client_uuid="pppp0f0f-3aae-4b0e-af38-629b3432738a",
        permissions=PermissionSet(permissions=permissions, policies=policies),
        identity=CALLER,
        labels=_LABELS,
        **more,
    )
    return Facts(granted=granted, full_scope=True, admin_permissions_enabled=True, permissions=known, target_role_is_client=role_is_client)


def explained(call: str, facts: Facts, *, sent: Any = None, for_operator: bool = False) -> Explanation:
    method, path = call.split()
    caller = caller_of(roles={"realm-management": list(facts.granted or ())})
    return refused(method, f"{_R}{path}", caller=caller, catalog=CATALOG, facts=facts, for_operator=for_operator, sent=sent)


def shown(explanation: Explanation, identifier: str) -> str:
    """All that the caller gets, with the identifier that the request has replaced."""
    seen = {"body": render.body(explanation, None), "fields": render.headers(explanation)}
    in_label = identifier.replace("-", "_")
    return json.dumps(seen, sort_keys=True).replace(identifier, "IDENTIFIER").replace(in_label, "IDENTIFIER")


def user(identifier: str = USER_ID, **more: Any) -> dict[str, Any]:
    objects = {_USER: Object(type="Users", id=identifier, groups=more.pop("groups", ()))}
    return {"objects": objects, "named": {_USER: identifier}, **more}


def of_body(name: str, identifier: str | None) -> dict[str, Any]:
    objects = {} if identifier is None else {_GROUPS: Object(type="Groups", id=identifier)}
    return {"items": (Item(objects=objects, named={_GROUPS: name}),)}


def joining(identifier: str, absent: bool) -> dict[str, Any]:
    objects = {
        _USER: Object(type="Users", id=identifier, groups=() if absent else ((OTHER_GROUP,),)),
        _GROUP: Object(type="Groups", id=GROUP_ID),
    }
    gone = frozenset({identifier} if absent else ())
    return {"objects": objects, "named": {_USER: identifier, _GROUP: GROUP_ID}, "absent": gone}


def by_client_id(name: str, identifier: str | None) -> dict[str, Any]:
    objects = {} if identifier is None else {_BY_CLIENT_ID: Object(type="Clients", id=identifier)}
    return {"objects": objects, "named": {_BY_CLIENT_ID: name}}


_TYPE_WIDE = permission("Joins", "Users", "manage-group-membership")
_HIDES_SALES = permission("HideSales", "Groups", "view-members", OTHER_GROUP, policy="others")
_SESSIONS = "GET /ui-ext/sessions/client"


def of_group(name: str, identifier: str | None) -> str:
    facts, sent = found(**of_body(name, identifier)), {"username": "x", "groups": [name]}
    return shown(explained("POST /users", facts, sent=sent), name)


def of_membership(identifier: str, absent: bool) -> str:
    facts = found(_TYPE_WIDE, **joining(identifier, absent))
    return shown(explained(f"PUT /users/{identifier}/groups/{GROUP_ID}", facts), identifier)


def of_client(identifier: str, method: str = "PUT") -> str:
    facts = found(objects={_CLIENT: Object(type="Clients", id=identifier)}, named={_CLIENT: identifier})
    return shown(explained(f"{method} /clients/{identifier}", facts), identifier)


def of_sessions(name: str, identifier: str | None) -> str:
    return shown(explained(_SESSIONS, found(**by_client_id(name, identifier))), name)


def of_user(*permissions: Permission, granted: tuple[str, ...] = (), **more: Any) -> str:
    identifier = more.pop("identifier", USER_ID)
    return shown(explained(f"GET /users/{identifier}", found(*permissions, granted=granted, **user(identifier, **more))), identifier)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(of_group("/staff", GROUP_ID), of_group("/nope", None), id="a group by its path in a body"),
        pytest.param(of_sessions("shop", _CLIENT_ID), of_sessions("nope", None), id="a client by its client ID in a query"),
        pytest.param(of_membership(USER_ID, False), of_membership(_UNKNOWN, True), id="a user, with a scope on all users"),
        pytest.param(of_client(_CLIENT_ID), of_client(OTHER_GROUP), id="a built-in client that is changed"),
        pytest.param(of_client(_CLIENT_ID, "DELETE"), of_client(OTHER_GROUP, "DELETE"), id="a built-in client that is deleted"),
        pytest.param(
            of_user(_HIDES_SALES, granted=("query-users",), groups=((OTHER_GROUP,),)),
            of_user(_HIDES_SALES, granted=("query-users",), identifier=_UNKNOWN),
            id="a member of a group that is hidden by permissions of others",
        ),
        pytest.param(
            of_user(permission("Closed", "Users", "view", USER_ID, policy="others")),
            of_user(permission("Closed", "Users", "view", _OTHER_USER, policy="others")),
            id="a user who is denied by name",
        ),
        pytest.param(
            of_user(permission("All", "Users", "view"), permission("Closed", "Users", "view", USER_ID, policy="others")),
            of_user(
                permission("All", "Users", "view"),
                permission("Closed", "Users", "view", USER_ID, policy="others"),
                identifier=_UNKNOWN,
                absent=frozenset({_UNKNOWN}),
            ),
            id="a denied user, for a caller who may view all others",
        ),
        pytest.param(
            of_user(groups=((GROUP_ID,),), server={("Users", USER_ID, "view"): True}),
            of_user(identifier=_UNKNOWN, absent=frozenset({_UNKNOWN})),
            id="a user of whom Keycloak's own evaluation says more",
        ),
    ],
)
def test_a_known_object_and_an_unknown_one_get_equal_bytes(one: str, other: str) -> None:
    assert one == other
    assert "fine-grained-permission" in one


def test_the_kind_of_a_role_in_a_list_is_hidden_with_the_role() -> None:
    of_realm, of_client = (ObjectPlace(type="Roles", body="[].roleId", role_of=kind) for kind in ("realm", "client"))
    owner, role = ObjectPlace(type="Clients", body="[].clientId"), Object(type="Roles", id=OTHER_GROUP)
    named, sent = {of_realm: OTHER_GROUP, of_client: OTHER_GROUP}, {"roleId": OTHER_GROUP}
    kinds = (
        Item(objects={of_realm: role}, beside=frozenset({of_client, owner}), named=named, body={**sent, "clientRole": False}, sent=sent),
        Item(
            objects={of_client: role, owner: Object(type="Clients", id=_CLIENT_ID)},
            beside=frozenset({of_realm}),
            named=named,
            body={**sent, "clientRole": True},
            sent=sent,
        ),
        Item(named=named, body=sent, sent=sent),
    )
    users = {ObjectPlace(type="Users", path="id"): Object(type="Users", id=USER_ID)}
    call = f"POST /ui-ext/role-mapping-delete/users/{USER_ID}"

    explanations = [explained(call, found(items=(item,), objects=users)) for item in kinds]

    assert len({shown(each, "-") for each in explanations}) == 1
    assert explanations[0].verdict.cause is Cause.FINE_GRAINED_PERMISSION_MISSING
    assert explanations[0].verdict.confidence is Confidence.LIKELY


def test_names_are_those_of_the_request_unless_the_caller_may_view_the_object() -> None:
    hidden = explained(f"PUT /users/{USER_ID}/groups/{GROUP_ID}", found(**joining(USER_ID, False)))
    viewed = explained(
        f"PUT /users/{USER_ID}/groups/{GROUP_ID}",
        found(permission("B", "Users", "view", USER_ID), permission("S", "Groups", "view", GROUP_ID), **joining(USER_ID, False)),
    )

    assert not [name for name in ("bob", "/staff") if name in shown(hidden, "-")]
    assert "manage-membership on group /staff and manage-group-membership on user bob" in viewed.summary


@pytest.mark.parametrize("role", ["query-users", "query-clients", "query-groups"])
def test_a_query_role_shows_no_names(role: str) -> None:
    place = found(objects={_CLIENT: Object(type="Clients", id=_CLIENT_ID)}, named={_CLIENT: _CLIENT_ID}, granted=(role,))

    assert "bob" not in of_user(granted=(role,))
    assert "realm-management " not in explained(f"GET /clients/{_CLIENT_ID}", place).summary.replace("of realm-management ", "")


def test_objects_of_the_callers_own_permission_are_counted_unless_they_may_view_them() -> None:
    maps = permission("Mapper", "Users", "manage", _OTHER_USER)
    call, facts = f"PUT /users/{USER_ID}", found(maps, **user())
    viewing = found(maps, permission("Sees", "Users", "view", _OTHER_USER), **user())

    assert "permission Mapper covers 1 other user only" in explained(call, facts).summary
    assert not [name for name in ("dave", _OTHER_USER) if name in shown(explained(call, facts), "-")]
    assert "permission Mapper covers user dave only" in explained(call, viewing).summary
    assert "permission Mapper covers user dave only" in explained(call, facts, for_operator=True).summary


def test_a_group_that_is_named_by_its_path_has_no_commands_with_its_id() -> None:
    facts = found(permission("All", "Users", "manage"), **of_body("/staff", GROUP_ID))
    explanation = explained("POST /users", facts, sent={"username": "x", "groups": ["/staff"]})

    assert "manage-membership on group /staff" in explanation.summary
    assert GROUP_ID not in shown(explanation, "-")
    assert not explanation.fixes[0].kcadm


def test_policies_of_others_are_in_no_fix() -> None:
    unused, denying = found(**user()), found(permission("P", "Users", "view", _OTHER_USER, policy="others"), **user())

    texts = [shown(explained(f"GET /users/{USER_ID}", facts), "-") for facts in (unused, denying)]

    assert not [name for name in ("Not dave", "Support team", "others") if any(name in text.replace("and others", "") for text in texts)]


def test_a_denial_that_the_refusal_itself_shows_is_said_without_its_permission() -> None:
    facts = found(permission("All", "Users", "view manage"), permission("Closed", "Users", "manage", USER_ID, policy="others"), **user())
    explanation = explained(f"PUT /users/{USER_ID}", facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.CERTAIN)
    assert "lacks the scope manage on user bob: a permission denies it" in explanation.summary
    assert "Ask the operator" in explanation.fixes[0].summary
    assert "Closed" not in shown(explanation, "-")


def test_a_denied_scope_that_stands_for_another_one_is_a_denial_for_the_caller_as_well() -> None:
    own = permission("Sales", "Groups", "view-members manage-members", GROUP_ID)
    facts = found(own, permission("Closed", "Users", "manage", USER_ID, policy="others"), **user(groups=((GROUP_ID,),)))
    explanation = explained(f"PUT /users/{USER_ID}/reset-password", facts)

    assert explanation.verdict.cause is Cause.FINE_GRAINED_PERMISSION_DENIED
    assert "Closed" not in shown(explanation, "-")


def test_what_two_objects_have_in_common_is_said_once() -> None:
    facts = found(
        permission("U", "Users", "manage-group-membership"), permission("G", "Groups", "manage-membership"), **joining(USER_ID, True)
    )
    explanation = explained(f"PUT /users/{USER_ID}/groups/{GROUP_ID}", facts)

    assert explanation.summary.count("a permission denies it, or what the call names does not exist") == 1


def test_a_denial_of_an_object_that_the_caller_may_not_view_is_likely_and_may_be_an_object_that_does_not_exist() -> None:
    facts = found(permission("All", "Users", "view"), permission("Closed", "Users", "view", USER_ID, policy="others"), **user())
    explanation = explained(f"GET /users/{USER_ID}", facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.FINE_GRAINED_PERMISSION_DENIED, Confidence.LIKELY)
    assert "a permission denies it, or what the call names does not exist" in explanation.summary


def test_with_permissions_of_others_in_force_nothing_is_certain_for_the_caller() -> None:
    for name in (USER_ID, _OTHER_USER):
        facts = found(permission("Closed", "Users", "view", name, policy="others"), **user())
        assert explained(f"GET /users/{USER_ID}", facts).verdict.confidence is Confidence.LIKELY


@pytest.mark.parametrize("kind", [True, False, None])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_for_a_role_of_an_unknown_kind_both_roles_and_the_permission_are_named_and_none_is_certain(method: str, kind: bool | None) -> None:
    objects = {_OF_ROLE: Object(type="Clients", id=_CLIENT_ID)} if kind else {}
    explanation = explained(f"{method} /roles-by-id/{OTHER_GROUP}", found(role_is_client=kind, objects=objects))

    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert {explanation.verdict.cause, *(each.cause for each in explanation.verdict.alternatives)} >= {
        Cause.ROLE_MISSING,
        Cause.FINE_GRAINED_PERMISSION_MISSING,
    }
    assert len([fix for fix in explanation.fixes if fix.roles]) == 2
    assert shown(explanation, "-") == shown(explained(f"{method} /roles-by-id/{OTHER_GROUP}", found()), "-")


def test_without_look_ups_the_permission_for_a_role_of_a_client_is_an_alternative() -> None:
    explanation = refused("GET", f"{_R}/roles-by-id/{OTHER_GROUP}", caller=caller_of(roles={"realm-management": []}), catalog=CATALOG)

    assert Cause.FINE_GRAINED_PERMISSION_MISSING in [each.cause for each in explanation.verdict.alternatives]


def test_a_role_of_the_realm_has_no_permission_among_the_alternatives_for_the_operator() -> None:
    explanation = explained(f"GET /roles-by-id/{OTHER_GROUP}", found(role_is_client=False), for_operator=True)

    assert explanation.verdict.confidence is Confidence.CERTAIN
    assert not explanation.verdict.alternatives


@pytest.mark.parametrize("known", [True, False])
def test_whether_the_client_in_the_path_is_a_special_one_is_hidden_from_those_who_see_no_clients(known: bool) -> None:
    call, facts = f"GET /clients/{_CLIENT_ID}/authz/resource-server", replace(found(), permissions=None)

    one, other = (explained(call, replace(facts, target_is_permissions=each)) for each in (known, None))

    assert shown(one, "-") == shown(other, "-")


@pytest.mark.parametrize("role", ["view-clients", ""])
def test_the_id_of_a_role_that_is_tried_as_that_of_a_client_is_no_client(role: str) -> None:
    as_client, asked = ObjectPlace(type="Clients", body="[].id"), Object(type="Roles", id=OTHER_GROUP)
    path, views = {_CLIENT: Object(type="Clients", id=_UNKNOWN)}, permission("All", "Clients", "view")
    seen: list[str] = []
    for known in (True, False):
        objects = {_MAPPED: asked, as_client: Object(type="Clients", id=OTHER_GROUP)}
        gone = {("Clients", OTHER_GROUP), *(() if known else (("Roles", OTHER_GROUP),))}
        item = Item(objects=objects, named=dict.fromkeys(objects, OTHER_GROUP), body={"id": OTHER_GROUP})
        facts = found(views, items=(item,), objects=path, absent_as=frozenset(gone), granted=(role,) if role else ())
        facts = facts if known else without_label(facts, OTHER_GROUP)
        seen.append(shown(explained(f"POST /clients/{_UNKNOWN}/roles/r/composites", facts, sent=[{"id": OTHER_GROUP}]), "-"))

    assert seen[0] == seen[1]
    assert "/sales" not in seen[0]


def without_label(facts: Facts, identifier: str) -> Facts:
    assert isinstance(facts.permissions, PermissionFacts)
    labels = {key: label for key, label in facts.permissions.labels.items() if key != identifier}
    return replace(facts, permissions=replace(facts.permissions, labels=labels, absent=frozenset({identifier})))


def test_a_mapped_role_is_called_by_its_id() -> None:
    item = Item(objects={_MAPPED: Object(type="Roles", id=OTHER_GROUP)}, named={_MAPPED: OTHER_GROUP}, body={"id": OTHER_GROUP})
    facts = found(permission("M", "Users", "map-roles", USER_ID), items=(item,), **user())

    explanation = explained(f"POST /users/{USER_ID}/role-mappings/realm", facts, sent=[{"id": OTHER_GROUP}])

    assert f"but lacks the scope map-role on role {OTHER_GROUP}" in explanation.summary
    assert "bob" not in explanation.summary
