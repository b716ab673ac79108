"""Fine-grained admin permissions for calls whose body is a list: every item is decided, and the fix covers exactly what is missing."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from devkit.explain.stage import USER_ID, caller_of, refused
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain import render
from kcproxy.model import Confidence, Explanation, Facts
from kcproxy.permissions import Object, Permission
from kcproxy.permissions.facts import Item, PermissionFacts
from tests.explain.test_permissions import CATALOG, MISSING, looked_up, permission

_R = "/admin/realms/demo"
_ONE, _TWO, _OF_CLIENT, _CLIENT = (f"{letter * 4}0f0f-3aae-4b0e-af38-629b3432738a" for letter in "1234")
_REALM_ROLE = ObjectPlace(type="Roles", body="[].roleId", role_of="realm")
_CLIENT_ROLE = ObjectPlace(type="Roles", body="[].roleId", role_of="client")
_OWNER = ObjectPlace(type="Clients", body="[].clientId")
_USER = ObjectPlace(type="Users", path="id")
_MAPPED = ObjectPlace(type="Roles", body="[].id")


def role(identifier: str) -> Item:
    return Item(
        objects={_REALM_ROLE: Object(type="Roles", id=identifier)}, beside=frozenset({_CLIENT_ROLE, _OWNER}), body={"roleId": identifier}
    )


def client_role(identifier: str, client: str) -> Item:
    objects = {_CLIENT_ROLE: Object(type="Roles", id=identifier), _OWNER: Object(type="Clients", id=client)}
    return Item(objects=objects, beside=frozenset({_REALM_ROLE}), body={"roleId": identifier, "clientId": client})


def found(*permissions: Permission, items: tuple[Item, ...], objects: Mapping[ObjectPlace, Object], all_items: bool = True) -> Facts:
    facts = looked_up(*permissions)
    assert isinstance(facts.permissions, PermissionFacts)
    labels = {USER_ID: "bob", _ONE: "one", _TWO: "two", _OF_CLIENT: "of-client", _CLIENT: "shop"}
    changed = replace(facts.permissions, objects=objects, items=items, labels=labels, all_items=all_items)
    return replace(facts, permissions=changed)


def explained(method: str, path: str, facts: Facts, *, for_operator: bool = True, body: Any = None) -> Explanation:
    caller = caller_of(roles={"realm-management": []})
    return refused(method, f"{_R}{path}", caller=caller, catalog=CATALOG, facts=facts, for_operator=for_operator, sent=body)


def deleted(*permissions: Permission, items: tuple[Item, ...], for_operator: bool = True, all_items: bool = True) -> Explanation:
    facts = found(*permissions, items=items, objects={_USER: Object(type="Users", id=USER_ID, groups=())}, all_items=all_items)
    return explained("POST", f"/ui-ext/role-mapping-delete/users/{USER_ID}", facts, for_operator=for_operator)


def mapped(*permissions: Permission, items: tuple[Item, ...]) -> Explanation:
    user = ObjectPlace(type="Users", path="user-id")
    facts = found(*permissions, items=items, objects={user: Object(type="Users", id=USER_ID, groups=())})
    return explained("POST", f"/users/{USER_ID}/role-mappings/realm", facts)


def of_role(identifier: str) -> Item:
    return Item(objects={_MAPPED: Object(type="Roles", id=identifier)}, body={"id": identifier})


def made_by(explanation: Explanation) -> list[tuple[Any, Any]]:
    bodies = [json.loads(shlex.split(line)[-1]) for line in explanation.fixes[0].kcadm]
    return [(body["resources"], body["scopes"]) for body in bodies if "scopes" in body]


def test_every_role_of_both_kinds_is_named_and_fixed() -> None:
    explanation = deleted(items=(role(_ONE), role(_TWO), client_role(_OF_CLIENT, _CLIENT)))

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert all(text in explanation.summary for text in ("on role one", "on role two", "on role of-client", "map-roles on user bob"))
    assert sorted(made_by(explanation)) == sorted(
        [([USER_ID], ["map-roles"]), ([_ONE], ["map-role"]), ([_TWO], ["map-role"]), ([_OF_CLIENT], ["map-role"])]
    )


def test_only_what_is_missing_is_named() -> None:
    own = (permission("Bob", "Users", "map-roles", USER_ID), permission("Shop", "Clients", "map-roles", _CLIENT))

    explanation = deleted(*own, items=(role(_ONE), client_role(_OF_CLIENT, _CLIENT)))

    assert "but lacks the scope map-role on role one" in explanation.summary
    assert made_by(explanation) == [([_ONE], ["map-role"])]


def test_a_denied_item_is_the_cause_of_the_whole_call() -> None:
    own = (permission("Bob", "Users", "map-roles", USER_ID), permission("One", "Roles", "map-role", _ONE))

    explanation = mapped(*own, permission("Closed", "Roles", "map-role", _TWO, policy="others"), items=(of_role(_ONE), of_role(_TWO)))

    assert explanation.verdict.cause.value == "fine-grained-permission-denied"
    assert "permission Closed denies it" in explanation.summary


def test_one_permission_that_takes_two_objects_is_replaced_once() -> None:
    own = (permission("Bob", "Users", "map-roles", USER_ID), permission("Roles", "Roles", "map-role", _CLIENT))

    explanation = mapped(*own, items=(of_role(_ONE), of_role(_TWO)))

    assert made_by(explanation) == [(sorted([_ONE, _TWO, _CLIENT]), ["map-role"])]
    assert explanation.fixes[0].console[-1].endswith("add one, Specific roles: add two, Save")


def test_one_permission_does_not_get_a_scope_and_an_object_at_once() -> None:
    own = permission("Both", "Clients", "view", _CLIENT), permission("Wide", "Roles", "map-role-composite", _ONE)
    items = (of_role(_ONE), of_role(_TWO))

    made = made_by(mapped(permission("Bob", "Users", "map-roles", USER_ID), *own, items=items))

    assert ([_ONE], ["map-role", "map-role-composite"]) in made
    assert ([_TWO], ["map-role"]) in made


def test_with_items_left_out_nothing_is_certain() -> None:
    explanation = deleted(items=(role(_ONE), role(_TWO)), all_items=False)

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.LIKELY)


def test_an_item_whose_role_was_not_found_leaves_the_cause_likely() -> None:
    explanation = deleted(items=(role(_ONE), Item(body={"roleId": "gone"})))

    assert explanation.verdict.confidence is Confidence.LIKELY


def test_an_item_that_no_permission_opens_closes_the_whole_list() -> None:
    path, place = f"/clients/{_CLIENT}/roles/r/composites", ObjectPlace(type="Clients", path="client-uuid")
    items = (Item(objects={_MAPPED: Object(type="Roles", id=_ONE)}, body={"id": _ONE}), Item(body={"id": _TWO, "name": "view-users"}))
    facts = found(items=items, objects={place: Object(type="Clients", id=_CLIENT)})

    explanation = explained("POST", path, facts, body=[item.body for item in items])

    assert explanation.verdict.cause.value != MISSING


def test_callers_learn_no_names_of_items() -> None:
    text = json.dumps(render.document(deleted(items=(role(_ONE), client_role(_OF_CLIENT, _CLIENT)), for_operator=False)))

    assert not [name for name in ("of-client", "shop", "bob") if name in text]


def test_own_roles_in_scope_mappings_take_less_than_the_roles_of_another_client() -> None:
    place = ObjectPlace(type="Clients", path="client-uuid")
    own, other = (
        explained(
            "GET",
            f"/clients/{_CLIENT}/scope-mappings/clients/{client}/available",
            found(
                items=(),
                objects={
                    place: Object(type="Clients", id=_CLIENT),
                    ObjectPlace(type="Clients", path="client"): Object(type="Clients", id=client),
                },
            ),
        )
        for client in (_CLIENT, _OF_CLIENT)
    )

    assert made_by(own) == [([_CLIENT], ["view"])]
    assert sorted(made_by(other)) == sorted([([_CLIENT], ["view"]), ([_OF_CLIENT], ["map-roles-client-scope"])])
