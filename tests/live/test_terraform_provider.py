"""What the Terraform provider can do with fine-grained admin permissions, and cannot: the reasons that fixes print, and the comments beside resources."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devkit import terraform
from devkit.terraform import Module, TerraformError
from kcproxy.explain.fixes.permission_terraform import permission_terraform
from tests.explain.fixes.test_permission_terraform import WHO, Step, made, policy
from tests.live.conftest import Start
from tests.live.printed import Admin

REALM, VERSION = "terraform", "26.7.5"
pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.xdist_group("printed-fixes")]


class Realm:
    """A realm with permissions, two users and two groups. ``server``: the path of its resource server."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin
        admin("DELETE", f"/{REALM}", allowed=(404,))
        admin("POST", "", {"realm": REALM, "enabled": True, "adminPermissionsEnabled": True})
        for name in ("bob", "carol"):
            admin("POST", f"/{REALM}/users", {"username": name, "enabled": True})
            admin("POST", f"/{REALM}/groups", {"name": f"group-{name}"})
        self.ids = {each["username"]: each["id"] for each in admin("GET", f"/{REALM}/users")}
        self.ids |= {each["name"]: each["id"] for each in admin("GET", f"/{REALM}/groups")}
        self.client = admin("GET", f"/{REALM}")["adminPermissionsClient"]["id"]
        self.server = f"/{REALM}/clients/{self.client}/authz/resource-server"

    def permissions(self) -> dict[str, str]:
        """Name and ID of each."""
        return {each["name"]: each["id"] for each in self.admin("GET", f"{self.server}/permission?first=0&max=100")}

    def objects(self, permission: str) -> set[str]:
        """The IDs that it names."""
        return {each["name"] for each in self.admin("GET", f"{self.server}/permission/{self.permissions()[permission]}/resources")}


@pytest.fixture
def realm(real_keycloak: Start) -> Iterator[Realm]:
    if lacking := terraform.missing():
        pytest.skip(f"the provider is not tried: {lacking}")
    made_realm = Realm(Admin(real_keycloak(VERSION)))
    yield made_realm
    made_realm.admin("DELETE", f"/{REALM}")


@pytest.fixture
def module(realm: Realm, tmp_path: Path) -> Module:
    keycloak = realm.admin.keycloak
    return Module(tmp_path, terraform.login(keycloak.base_url, keycloak.admin_username, keycloak.admin_password))


def _printed(*steps: Step, server: str | None = None) -> str:
    return permission_terraform(REALM, WHO, steps, None, version=(26, 7, 5), taken=frozenset(), server=server).text or ""


def _generic(realm: Realm, **arguments: Any) -> str:
    """The provider's resource for permissions of any client."""
    common = {"realm_id": REALM, "resource_server_id": realm.client, "name": "one", "type": "scope", "scopes": ["view"]}
    lines = [f"  {name} = {json.dumps(value)}" for name, value in {**common, **arguments}.items()]
    return "\n".join(['resource "keycloak_openid_client_authorization_permission" "one" {', *lines, "}"])


def test_nothing_of_the_provider_makes_a_permission_on_one_user(realm: Realm, module: Module) -> None:
    bob = realm.ids["bob"]
    for arguments, words in (
        ({"resources": [bob], "resource_type": "Users"}, "Conflicting configuration arguments"),
        ({"resources": [bob]}, "400 Bad Request"),
    ):
        module.write(_generic(realm, **arguments))
        with pytest.raises(TerraformError, match=words):
            module.apply()
    assert realm.permissions() == {}
    module.write()
    attributes = module.schemas()["resource_schemas"]["keycloak_users_admin_permissions"]["block"]["attributes"]
    assert not [name for name in attributes if name.endswith("_ids")]


def test_a_generic_permission_with_a_type_is_on_all_users(realm: Realm, module: Module) -> None:
    module.write(_generic(realm, resource_type="Users"))
    module.apply()
    assert realm.objects("one") == {"Users"}


def test_the_provider_has_no_permissions_on_organizations(module: Module) -> None:
    module.write()
    names = [name for name in module.schemas()["resource_schemas"] if "organization" in name]
    assert names
    assert not [name for name in names if "permission" in name]


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ("keycloak_users_admin_permissions", "reset-password"),
        ("keycloak_group_admin_permissions", "impersonate-members"),
        ("keycloak_group_admin_permissions", "manage-membership-of-members"),
    ],
)
def test_scopes_that_keycloak_has_and_the_provider_refuses(realm: Realm, module: Module, resource: str, scope: str) -> None:
    assert scope in {each["name"] for each in realm.admin("GET", f"{realm.server}/scope")}
    module.write(f'resource "{resource}" "it" {{\n  realm_id = "{REALM}"\n  name = "it"\n  scopes = ["{scope}"]\n}}')
    with pytest.raises(TerraformError, match="expected scopes"):
        module.apply()


def test_the_provider_overwrites_a_permission_of_the_same_name(realm: Realm, module: Module) -> None:
    one, other = realm.ids["group-bob"], realm.ids["group-carol"]
    body = {"name": "mine", "resourceType": "Groups", "scopes": ["manage"], "resources": [other]}
    realm.admin("POST", f"{realm.server}/permission/scope", body)
    before = realm.permissions()
    module.write(_printed(policy(value=realm.ids["bob"]), made("Groups", "view", one, name="mine")))
    module.apply()
    assert (realm.permissions(), realm.objects("mine")) == (before, {one})


def test_the_provider_does_not_see_that_objects_were_changed(realm: Realm, module: Module) -> None:
    one, other = realm.ids["group-bob"], realm.ids["group-carol"]
    module.write(_printed(policy(value=realm.ids["bob"]), made("Groups", "view", one, name="mine")))
    module.apply()
    own = realm.admin("GET", f"{realm.server}/policy/{realm.permissions()['mine']}/associatedPolicies")
    body = {"id": realm.permissions()["mine"], "name": "mine", "resourceType": "Groups", "scopes": ["view"], "resources": [other]}
    realm.admin("PUT", f"{realm.server}/permission/scope/{body['id']}", {**body, "policies": [own[0]["id"]]})
    assert (realm.objects("mine"), module.would_change()) == ({other}, None)


def test_destroying_the_last_policy_of_another_permission_deletes_that_too(realm: Realm, module: Module) -> None:
    one, other = realm.ids["group-bob"], realm.ids["group-carol"]
    module.write(_printed(policy(value=realm.ids["bob"]), made("Groups", "view", one, name="mine")))
    module.apply()
    own = realm.admin("GET", f"{realm.server}/policy/{realm.permissions()['mine']}/associatedPolicies")[0]["id"]
    body = {"name": "later", "resourceType": "Groups", "scopes": ["view"], "resources": [other], "policies": [own]}
    realm.admin("POST", f"{realm.server}/permission/scope", body)
    module.destroy()
    assert realm.permissions() == {}


def test_an_import_takes_over_the_permission_so_that_destroy_deletes_it(realm: Realm, module: Module) -> None:
    one = realm.ids["group-bob"]
    owner = realm.admin("POST", f"{realm.server}/policy/user", {"name": "team", "users": [realm.ids["carol"]]})["id"]
    body = {"name": "team views", "resourceType": "Groups", "scopes": ["view"], "resources": [one], "policies": [owner]}
    identifier = realm.admin("POST", f"{realm.server}/permission/scope", body)["id"]
    text = _printed(made("Groups", "view", one, own=owner, name="team views"))
    label = text.rpartition('resource "keycloak_group_admin_permissions" "')[2].partition('"')[0]
    module.write(f'import {{\n  to = keycloak_group_admin_permissions.{label}\n  id = "{REALM}/{identifier}"\n}}', text)
    module.apply()
    assert realm.permissions() == {"team views": identifier}
    module.destroy()
    assert realm.permissions() == {}


def test_two_fixes_of_one_account_stand_in_one_module_and_each_is_taken_back_alone(realm: Realm, module: Module) -> None:
    who = policy(value=realm.ids["bob"])
    one, other = (
        _printed(who, made("Groups", "view", realm.ids[f"group-{name}"], name=name), server=realm.client) for name in ("bob", "carol")
    )
    module.write(one, other)
    module.apply()
    assert (set(realm.permissions()), module.would_change()) == ({"bob", "carol"}, None)
    module.write(other)
    module.apply()
    assert set(realm.permissions()) == {"carol"}


def test_a_change_of_an_imported_permission_on_one_user_widens_it_to_all_users(realm: Realm, module: Module) -> None:
    bob = realm.ids["bob"]
    owner = realm.admin("POST", f"{realm.server}/policy/user", {"name": "team", "users": [realm.ids["carol"]]})["id"]
    body = {"name": "bob", "resourceType": "Users", "scopes": ["view"], "resources": [bob], "policies": [owner]}
    identifier = realm.admin("POST", f"{realm.server}/permission/scope", body)["id"]
    assert realm.objects("bob") == {bob}
    text = _printed(made("Users", "manage", own=owner, name="bob"))
    label = text.rpartition('resource "keycloak_users_admin_permissions" "')[2].partition('"')[0]
    module.write(f'import {{\n  to = keycloak_users_admin_permissions.{label}\n  id = "{REALM}/{identifier}"\n}}', text)
    module.apply()
    assert realm.objects("bob") == {"Users"}


def test_reading_the_client_by_its_name_makes_keycloak_create_its_service_account(realm: Realm, module: Module) -> None:
    account = f"/{REALM}/users?exact=true&username=service-account-admin-permissions"
    assert realm.admin("GET", account) == []
    module.write(_printed(policy(value=realm.ids["bob"]), made("Groups", "view", realm.ids["group-bob"])))
    module.apply()
    assert len(realm.admin("GET", account)) == 1


def test_with_the_id_of_the_client_nothing_else_is_created(realm: Realm, module: Module) -> None:
    account = f"/{REALM}/users?exact=true&username=service-account-admin-permissions"
    module.write(_printed(policy(value=realm.ids["bob"]), made("Groups", "view", realm.ids["group-bob"]), server=realm.client))
    module.apply()
    assert realm.admin("GET", account) == []
