"""Look-ups of fine-grained admin permissions: what is asked, what is left out, and that it stays within bounds."""

from typing import Any

from devkit.explain.stage import CLIENT_UUID, SUBJECT, USER_ID, caller_of
from kcproxy import catalog as catalogs
from kcproxy.model import Facts, RequestFacts
from kcproxy.permissions import Object
from kcproxy.permissions.facts import Listed, PermissionFacts
from tests.keycloak.test_inspector import FORBIDDEN, OWNER, Stage, inspecting

_DEMO = "/admin/realms/demo"
_UUID = "d0d0d0d0-3aae-4b0e-af38-629b3432738a"
_SERVER = f"{_DEMO}/clients/{_UUID}/authz/resource-server"
_PAGE = "first=0&max=501"
TABLE = catalogs.load("26.7.5")
PERMISSION = {"id": "p", "name": "Readers", "resourceType": "Users", "resourcesData": [{"name": "other"}], "scopesData": [{"name": "view"}]}
DOCUMENTS: dict[str, Any] = {
    _DEMO: {"realm": "demo", "enabled": True, "adminPermissionsEnabled": True, "adminPermissionsClient": {"id": _UUID}},
    f"{_SERVER}/policy?permission=true&fields=*&{_PAGE}": [PERMISSION],
    f"{_SERVER}/policy?permission=false&{_PAGE}": [{"id": "own", "name": "Own", "type": "user", "config": {"users": f'["{SUBJECT}"]'}}],
    f"{_SERVER}/policy/p/associatedPolicies": [{"id": "own"}],
    f"{_DEMO}/users/{USER_ID}": {"id": USER_ID, "username": "bob"},
    f"{_DEMO}/users/{USER_ID}/groups?first=0&max=21": [{"id": "emea", "path": "/sales/emea", "parentId": "sales"}],
    f"{_DEMO}/groups/sales": {"id": "sales", "path": "/sales"},
}


def stage(**without: Any) -> Stage:
    made = Stage()
    made.documents |= DOCUMENTS
    for path in without.get("paths", ()):
        made.documents.pop(path)
    return made


async def looked_up(made: Stage, path: str = f"/users/{USER_ID}", *, realm: str = "demo", rate: float = 1000.0) -> Facts:
    async with inspecting(made, rate=rate) as inspector:
        facts = await inspector.facts(RequestFacts(target=TABLE.target("GET", f"{_DEMO}{path}")), caller_of(realm=realm), FORBIDDEN)
    assert facts is not None
    return facts


async def test_permissions_policies_and_the_object_with_its_groups_are_found() -> None:
    found = (await looked_up(stage())).permissions

    assert isinstance(found, PermissionFacts)
    (permission,) = found.permissions.permissions
    assert (permission.name, permission.objects, permission.policies) == ("Readers", frozenset({"other"}), ("own",))
    assert found.permissions.complete
    assert list(found.objects.values()) == [Object(type="Users", id=USER_ID, groups=(("emea", "sales"),))]
    assert (found.labels[USER_ID], found.identity.account_id, found.identity.client_id) == ("bob", SUBJECT, CLIENT_UUID)


async def test_a_group_with_a_slash_in_its_name_is_not_below_the_group_of_its_first_part() -> None:
    made = stage()
    made.documents[f"{_DEMO}/users/{USER_ID}/groups?first=0&max=21"] = [{"id": "slash", "name": "sales/emea", "path": "/sales/emea"}]
    made.documents[f"{_DEMO}/group-by-path/sales"] = {"id": "sales", "path": "/sales"}

    found = (await looked_up(made)).permissions

    assert isinstance(found, PermissionFacts)
    assert list(found.objects.values()) == [Object(type="Users", id=USER_ID, groups=(("slash",),))]


async def test_an_id_that_no_user_has_is_an_object_that_is_absent() -> None:
    found = (await looked_up(stage(paths=[f"{_DEMO}/users/{USER_ID}"]))).permissions

    assert isinstance(found, PermissionFacts)
    assert found.absent == {USER_ID}
    assert [asked.id for asked in found.objects.values()] == [USER_ID]


async def test_a_permission_whose_policies_could_not_be_read_is_unread() -> None:
    found = (await looked_up(stage(paths=[f"{_SERVER}/policy/p/associatedPolicies"]))).permissions

    assert isinstance(found, PermissionFacts)
    assert [each.id for each in found.permissions.unread] == ["p"]
    assert found.permissions.permissions == ()


async def test_nothing_is_asked_about_operations_that_no_permission_opens() -> None:
    made = stage()

    facts = await looked_up(made, "/events")

    assert facts.permissions is None
    assert not any("/authz/" in path for path in made.asked)


async def test_nothing_is_asked_while_the_realm_has_permissions_off() -> None:
    made = stage()
    made.documents[_DEMO] = {"realm": "demo", "enabled": True, "adminPermissionsEnabled": False}

    facts = await looked_up(made)

    assert facts.permissions is None
    assert not any("/authz/" in path for path in made.asked)


async def test_a_realm_with_many_permissions_costs_a_bounded_number_of_look_ups() -> None:
    made = stage()
    made.documents[f"{_SERVER}/policy?permission=true&fields=*&{_PAGE}"] = [{**PERMISSION, "id": f"p{number}"} for number in range(400)]

    found = (await looked_up(made)).permissions

    assert isinstance(found, PermissionFacts)
    assert len(found.permissions.unread) > 300
    assert sum("associatedPolicies" in path for path in made.asked) <= 24


async def test_the_policies_of_permissions_that_apply_to_the_object_are_read_first() -> None:
    made = stage()
    others = [{**PERMISSION, "id": f"p{number}"} for number in range(400)]
    applying = [
        {**PERMISSION, "id": "on-bob", "resourcesData": [{"name": USER_ID}]},
        {**PERMISSION, "id": "wide", "resourcesData": [{"name": "Users"}]},
        {
            **PERMISSION,
            "id": "above",
            "resourceType": "Groups",
            "resourcesData": [{"name": "sales"}],
            "scopesData": [{"name": "view-members"}],
        },
    ]
    made.documents[f"{_SERVER}/policy?permission=true&fields=*&{_PAGE}"] = [*others, *applying]
    made.documents |= {f"{_SERVER}/policy/{each['id']}/associatedPolicies": [{"id": "own"}] for each in applying}

    found = (await looked_up(made)).permissions

    assert isinstance(found, PermissionFacts)
    assert [each.id for each in found.permissions.permissions] == ["on-bob", "wide", "above"]
    assert found.permissions.complete


_ROLE, _OWNER = "e1e1e1e1-3aae-4b0e-af38-629b3432738a", "e2e2e2e2-3aae-4b0e-af38-629b3432738a"


async def test_the_client_that_owns_the_role_in_the_path_is_found() -> None:
    made = stage()
    made.documents |= {
        f"{_DEMO}/roles-by-id/{_ROLE}": {"id": _ROLE, "name": "r0", "clientRole": True, "containerId": _OWNER},
        f"{_DEMO}/clients/{_OWNER}": {"id": _OWNER, "clientId": "app-of-the-role"},
    }

    found = (await looked_up(made, f"/roles-by-id/{_ROLE}")).permissions

    assert isinstance(found, PermissionFacts)
    assert Object(type="Clients", id=_OWNER) in found.objects.values()
    assert found.labels[_OWNER] == "app-of-the-role"


async def test_a_client_may_be_named_by_its_id_in_the_query() -> None:
    made = stage()
    made.documents |= {
        f"{_DEMO}/clients?clientId={_OWNER}": [],
        f"{_DEMO}/clients/{_OWNER}": {"id": _OWNER, "clientId": "app-with-sessions"},
    }
    async with inspecting(made, rate=1000.0) as inspector:
        target = TABLE.target("GET", f"{_DEMO}/ui-ext/sessions/client")
        request = RequestFacts(target=target, query={"clientId": (_OWNER,)})
        facts = await inspector.facts(request, caller_of(realm="demo"), FORBIDDEN)

    assert facts is not None
    assert isinstance(facts.permissions, PermissionFacts)
    assert Object(type="Clients", id=_OWNER) in facts.permissions.objects.values()


async def looked_up_with_body(made: Stage, method: str, path: str, body: Any) -> PermissionFacts:
    async with inspecting(made, rate=1000.0) as inspector:
        request = RequestFacts(target=TABLE.target(method, f"{_DEMO}{path}"), body=body)
        facts = await inspector.facts(request, caller_of(realm="demo"), FORBIDDEN)
    assert facts is not None
    assert isinstance(facts.permissions, PermissionFacts)
    return facts.permissions


def roles_of(made: Stage, count: int) -> list[str]:
    identifiers = [f"e{number:07}-3aae-4b0e-af38-629b3432738a" for number in range(count)]
    for identifier in identifiers:
        made.documents[f"{_DEMO}/roles-by-id/{identifier}"] = {"id": identifier, "name": "r", "clientRole": False}
    return identifiers


async def test_each_item_of_a_list_names_its_role_and_its_client() -> None:
    made = stage()
    (realm_role,) = roles_of(made, 1)
    made.documents |= {
        f"{_DEMO}/roles-by-id/{_ROLE}": {"id": _ROLE, "name": "r0", "clientRole": True, "containerId": _OWNER},
        f"{_DEMO}/clients/{_OWNER}": {"id": _OWNER, "clientId": "app-of-the-role"},
    }
    body = [{"roleId": realm_role}, {"roleId": _ROLE, "clientId": "another"}, {"roleId": realm_role}]

    found = await looked_up_with_body(made, "POST", f"/ui-ext/role-mapping-delete/users/{USER_ID}", body)

    first, second = found.items
    assert [each.id for each in first.objects.values()] == [realm_role]
    assert {each.id for each in second.objects.values()} == {_ROLE, _OWNER}
    assert first.beside
    assert found.all_items


async def test_a_long_list_costs_a_bounded_number_of_look_ups() -> None:
    made = stage()
    body = [{"id": identifier, "name": "r"} for identifier in roles_of(made, 300)]

    found = await looked_up_with_body(made, "POST", f"/users/{USER_ID}/role-mappings/realm", body)

    assert not found.all_items
    assert sum("roles-by-id" in path for path in made.asked) <= 10


async def test_each_group_that_a_new_user_joins_is_an_item() -> None:
    made = stage()
    made.documents |= {f"{_DEMO}/group-by-path/{name}": {"id": name, "path": f"/{name}"} for name in ("one", "two")}
    made.documents |= {f"{_DEMO}/groups/{name}": {"id": name, "path": f"/{name}"} for name in ("one", "two")}

    found = await looked_up_with_body(made, "POST", "/users", {"username": "x", "groups": ["/one", "/two"]})

    assert [[each.id for each in item.objects.values()] for item in found.items] == [["one"], ["two"]]


async def test_items_that_are_no_objects_are_left_open() -> None:
    found = await looked_up_with_body(stage(), "POST", f"/users/{USER_ID}/role-mappings/realm", ["x", None, {"id": 7}])

    assert all(not item.objects for item in found.items)


async def test_what_the_request_calls_an_object_is_noted_whether_it_is_found_or_not() -> None:
    for made in (stage(), stage(paths=[f"{_DEMO}/users/{USER_ID}"])):
        found = (await looked_up(made)).permissions

        assert isinstance(found, PermissionFacts)
        assert list(found.named.values()) == [USER_ID]


async def test_groups_are_named_by_their_paths_with_or_without_slashes_around() -> None:
    made = stage()
    made.documents |= {
        f"{_DEMO}/group-by-path/sales/emea": {"id": "emea", "path": "/sales/emea"},
        f"{_DEMO}/groups/emea": {"id": "emea", "path": "/sales/emea"},
    }

    found = await looked_up_with_body(made, "POST", "/users", {"username": "x", "groups": ["/sales/emea", "sales/emea", "/sales/emea/"]})

    assert [[each.id for each in item.objects.values()] for item in found.items] == [["emea"]] * 3
    assert not found.absent


async def test_a_group_that_is_not_there_is_an_absent_path() -> None:
    found = await looked_up_with_body(stage(), "POST", "/users", {"username": "x", "groups": ["nope/below"]})

    assert found.absent == {"/nope/below"}
    assert [[each.id for each in item.objects.values()] for item in found.items] == [["/nope/below"]]


async def listed(made: Stage, path: str, **query: tuple[str, ...]) -> Listed:
    async with inspecting(made, rate=1000.0) as inspector:
        request = RequestFacts(target=TABLE.target("GET", f"{_DEMO}{path}"), query=query)
        facts = await inspector.facts(request, caller_of(realm="demo"), FORBIDDEN)
    assert facts is not None
    assert isinstance(facts.permissions, PermissionFacts)
    (found,) = facts.permissions.listed.values()
    return found


_LIST = "briefRepresentation=true&first=0&max=101"


async def test_what_the_filter_of_a_list_finds_is_looked_up_without_the_callers_limits() -> None:
    made = stage()
    made.documents[f"{_DEMO}/users?search=b&{_LIST}"] = [{"id": USER_ID, "username": "bob"}]

    found = await listed(made, "/users", search=("b",), max=("1",), first=("5",))

    assert found.named == (Object(type="Users", id=USER_ID, groups=(("emea", "sales"),)),)
    assert found.held == ()


async def test_many_objects_in_a_list_are_not_named_and_those_of_permissions_are_held() -> None:
    made = stage()
    made.documents |= {
        f"{_DEMO}/users?{_LIST}": [{"id": f"u{number}"} for number in range(50)] + [{"id": "other"}],
        f"{_DEMO}/users/other": {"id": "other", "username": "eve"},
    }
    made.documents |= {f"{_DEMO}/users/other/groups?first=0&max=21": []}

    found = await listed(made, "/users")

    assert found.named is None
    assert [each.id for each in found.held] == ["other"]


async def test_objects_of_permissions_that_the_list_does_not_have_are_not_held() -> None:
    made = stage()
    made.documents |= {f"{_DEMO}/users?search=x&{_LIST}": [], f"{_DEMO}/users/other": {"id": "other", "username": "eve"}}

    assert await listed(made, "/users", search=("x",)) == Listed(named=(), held=())


async def test_a_role_in_a_body_is_not_absent_because_no_client_has_its_id() -> None:
    made = stage()
    (realm_role,) = roles_of(made, 1)

    found = await looked_up_with_body(made, "POST", f"/clients/{_OWNER}/roles/x/composites", [{"id": realm_role, "name": "r"}])

    assert realm_role not in found.absent


async def test_a_call_without_a_body_that_takes_roles_away_is_about_the_roles_that_are_mapped() -> None:
    made = stage()
    roles = roles_of(made, 2)
    made.documents[f"{_DEMO}/users/{USER_ID}/role-mappings/realm"] = [{"id": role, "name": "r"} for role in roles]

    found = await looked_up_with_body(made, "DELETE", f"/users/{USER_ID}/role-mappings/realm", None)

    assert [[each.id for each in item.objects.values()] for item in found.items] == [[role] for role in roles]
    assert found.items_found


async def test_items_beyond_those_that_are_looked_up_are_decided_by_their_ids() -> None:
    made = stage()
    roles = roles_of(made, 50)

    found = await looked_up_with_body(made, "POST", f"/users/{USER_ID}/role-mappings/realm", [{"id": role, "name": "r"} for role in roles])

    assert [each.id for item in found.items for each in item.objects.values()] == roles[:40]
    assert (found.all_items, found.items_left) == (False, 10)


async def test_admin_roles_of_a_user_and_in_a_role_are_found() -> None:
    made = stage()
    outer, inner = roles_of(made, 2)
    made.documents |= {
        f"{_DEMO}/users/{USER_ID}/role-mappings/clients/{OWNER}/composite": [{"name": "manage-users"}, {"name": "query-users"}],
        f"{_DEMO}/roles-by-id/{outer}": {"id": outer, "name": "outer", "composite": True},
        f"{_DEMO}/roles-by-id/{outer}/composites": [{"id": inner, "name": "inner", "composite": True}],
        f"{_DEMO}/roles-by-id/{inner}/composites": [{"id": "v", "name": "view-users", "clientRole": True, "containerId": OWNER}],
    }

    of_user = (await looked_up_with_body(made, "PUT", f"/users/{USER_ID}/reset-password", {"value": "x"})).powers
    of_role = (await looked_up_with_body(made, "POST", f"/users/{USER_ID}/role-mappings/realm", [{"id": outer, "name": "outer"}])).powers

    assert of_user == {USER_ID: ("manage-users",)}
    assert of_role == {outer: ("view-users",)}


async def test_a_role_that_belongs_to_another_client_than_the_path_says_is_elsewhere() -> None:
    made = stage()
    made.documents[f"{_DEMO}/roles-by-id/{_ROLE}"] = {"id": _ROLE, "name": "r0", "clientRole": True, "containerId": _OWNER}

    own, other = [
        await looked_up_with_body(made, "POST", f"/users/{USER_ID}/role-mappings/clients/{client}", [{"id": _ROLE, "name": "r0"}])
        for client in (_OWNER, CLIENT_UUID)
    ]

    assert (own.elsewhere, other.elsewhere) == (frozenset(), frozenset({_ROLE}))
