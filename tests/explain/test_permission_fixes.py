"""The fixes of fine-grained admin permissions: names that are taken, requests that name nothing, what objects may do themselves, long lists."""

import json
import shlex
from typing import Any

import pytest
from msgspec.structs import replace

from devkit.explain.stage import USER_ID, caller_of, refused
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain.fixes.permission_terraform import ONE_USER
from kcproxy.explain.fixes.policy_names import MOST_CHARACTERS, free_name
from kcproxy.model import Confidence, Explanation, Facts
from kcproxy.permissions import Object
from kcproxy.permissions.facts import Item, PermissionFacts
from tests.explain.test_permissions import CATALOG, CLIENT_ID, MISSING, OTHERS, explained, looked_up, permission, with_policies

_R = "/admin/realms/demo"
_USER, _ROLE = ObjectPlace(type="Users", path="user-id"), ObjectPlace(type="Roles", body="[].id")
_BOB = Object(type="Users", id=USER_ID, groups=())
_MAPPINGS = f"/users/{USER_ID}/role-mappings/realm"


def facts_with(*permissions: Any, **changes: Any) -> Facts:
    facts = with_policies(looked_up(*permissions), others=OTHERS)
    assert isinstance(facts.permissions, PermissionFacts)
    return replace(facts, permissions=replace(facts.permissions, **changes))


def bodies(explanation: Explanation) -> list[Any]:
    return [json.loads(shlex.split(line)[-1]) for line in explanation.fixes[0].kcadm]


def called(facts: Facts, method: str, path: str, *, for_operator: bool = True, body: Any = None) -> Explanation:
    caller = caller_of(roles={"realm-management": []})
    return refused(method, f"{_R}{path}", caller=caller, catalog=CATALOG, facts=facts, for_operator=for_operator, sent=body)


def test_a_name_that_another_policy_has_is_not_taken_again() -> None:
    (first, _), (second, permission_of_it) = (
        bodies(explained(facts_with(taken_names=frozenset(names)))) for names in ((), ("Only service-account-app",))
    )

    assert (first["name"], second["name"]) == ("Only service-account-app", "Only service-account-app 2")
    assert permission_of_it["policies"] == [second["name"]]


@pytest.mark.parametrize("taken", [(), ("x" * 300,)])
def test_a_name_is_never_longer_than_keycloak_stores(taken: tuple[str, ...]) -> None:
    one, other = (free_name("x" * 300 + end, frozenset(free_name(name, frozenset()) for name in taken)) for end in ("", "y"))

    assert max(len(one), len(other)) <= MOST_CHARACTERS
    assert one != other
    assert one == free_name("x" * 300, frozenset(free_name(name, frozenset()) for name in taken))


def test_a_group_that_is_not_there_is_said_and_no_permission_on_it_is_made() -> None:
    place, path = ObjectPlace(type="Groups", body="groups"), "/nope"
    facts = facts_with(objects={place: Object(type="Groups", id=path)}, absent=frozenset({path}))

    explanation = called(facts, "POST", "/users", body={"username": "x", "groups": ["nope"]})

    assert "looked up: there is no group with the path /nope" in explanation.verdict.evidence
    first, by_role = explanation.fixes
    assert (first.summary, first.kcadm) == ("Correct the request: there is no group with the path /nope", ())
    assert "This alone does not help" in (by_role.warning or "")


def test_a_role_of_another_client_than_the_path_says_is_said() -> None:
    place = ObjectPlace(type="Clients", path="client-id")
    item = Item(objects={_ROLE: Object(type="Roles", id="r")}, body={"id": "r", "name": "of-another"})
    labels = {USER_ID: "bob", "r": "of-another"}
    facts = facts_with(
        objects={_USER: _BOB, place: Object(type="Clients", id=CLIENT_ID)}, items=(item,), elsewhere=frozenset({"r"}), labels=labels
    )

    explanation = called(facts, "POST", f"/users/{USER_ID}/role-mappings/clients/{CLIENT_ID}", body=[item.body])

    assert explanation.fixes[0].summary == "Correct the request: role of-another does not belong to the client in the path"


def test_a_permission_on_an_administrator_has_the_warning_of_their_roles() -> None:
    facts = facts_with(powers={USER_ID: ("manage-users",)})

    operators, callers = (
        called(facts, "PUT", f"/users/{USER_ID}/reset-password", for_operator=each, body={"type": "password", "value": "x"})
        for each in (True, False)
    )

    assert "This user holds manage-users of realm-management, and reset-password can give what that allows" in (
        operators.fixes[0].warning or ""
    )
    assert "close to an administrator" in (operators.fixes[0].warning or "") or "realm-admin" in (operators.fixes[0].warning or "")
    assert callers.fixes[0].warning == ONE_USER


def test_what_else_impersonating_an_administrator_takes_is_said() -> None:
    nothing, permitted = (
        called(facts_with(*own, powers={USER_ID: ("view-events",)}), "POST", f"/users/{USER_ID}/impersonation", body={})
        for own in ((), (replace(permission("Bob", "Users", "impersonate", USER_ID), policies=("own",)),))
    )

    assert "Let an administrator who has view-events" in nothing.fixes[0].summary
    assert "To impersonate an administrator, the caller also needs view-events" in (nothing.fixes[1].warning or "")
    del permitted


def mapped(*roles: str, **changes: Any) -> Facts:
    items = tuple(Item(objects={_ROLE: Object(type="Roles", id=role)}, body={"id": role, "name": role}) for role in roles)
    return facts_with(objects={_USER: _BOB}, items=items, labels={USER_ID: "bob"}, **changes)


def test_the_roles_that_a_call_without_a_body_takes_away_are_for_operators() -> None:
    facts = mapped("r0", "r1", items_found=True)

    operators, callers = (called(facts, "DELETE", _MAPPINGS, for_operator=each) for each in (True, False))

    assert (operators.verdict.cause.value, operators.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert sorted(body["resources"] for body in bodies(operators)[1:]) == [[USER_ID], ["r0"], ["r1"]]
    assert "r0" not in json.dumps([fix.kcadm for fix in callers.fixes]) + callers.summary
    assert "The call also needs the scope map-role on the role" in (callers.fixes[0].warning or "")


def test_how_many_items_are_left_of_a_long_list_is_said() -> None:
    explanation = called(mapped("r0", all_items=False, items_left=7), "POST", _MAPPINGS, body=[{"id": "r0", "name": "r0"}])

    assert "The list in the request has 7 more" in (explanation.fixes[0].warning or "")
    assert explanation.verdict.confidence is Confidence.LIKELY
