"""Printed Terraform, applied by the real provider on a real server: it lasts, it takes nothing away, and what is warned of happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit import terraform
from devkit.terraform import Module, TerraformError
from kcproxy.explain.fixes import hcl
from kcproxy.explain.fixes.forms import grant_forms, scope_forms
from kcproxy.explain.fixes.grantee import Grantee
from tests.explain.fixes.test_terraform import SCHEMA
from tests.live.conftest import Start
from tests.live.printed import HELD, Admin, Printed, Stage, printed

VERSION = "26.7.5"
pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("printed-fixes")]


@pytest.fixture(scope="module")
def stage(real_keycloak: Start) -> Iterator[Stage]:
    if lacking := terraform.missing():
        pytest.skip(f"printed Terraform is not applied: {lacking}")
    made = Stage(Admin(real_keycloak(VERSION)))
    made.set_up()
    yield made
    made.tear_down()


@pytest.fixture
def module(stage: Stage, tmp_path: Path) -> Module:
    keycloak = stage.admin.keycloak
    return Module(tmp_path, terraform.login(keycloak.base_url, keycloak.admin_username, keycloak.admin_password))


@pytest.fixture
def fixes() -> list[Printed]:
    return [one for one in printed() if one.fix.terraform]


def _text(stage: Stage, one: Printed) -> str:
    return stage.real(one.fix.terraform or "", one)


def _first(fixes: list[Printed], *, maps_scope: bool, resource: str = "", roles: int = 1) -> Printed:
    return next(
        one
        for one in fixes
        if one.maps_scope is maps_scope
        and f'resource "{resource}' in (one.fix.terraform or "")
        and one.container
        and len(one.fix.roles) == roles
    )


def test_every_argument_is_one_that_the_provider_itself_declares(module: Module) -> None:
    module.write()
    declared = module.schemas()
    for name, (required, optional) in SCHEMA.items():
        kinds = [
            declared[kind][name]["block"]["attributes"] for kind in ("resource_schemas", "data_source_schemas") if name in declared[kind]
        ]
        fitting = [known for known in kinds if required | optional <= set(known)]
        assert fitting, name
        assert any({key for key, value in known.items() if value.get("required")} <= required for known in fitting), name


def test_resources_of_every_fix_stand_in_one_module_apply_and_last(stage: Stage, fixes: list[Printed], module: Module) -> None:
    for one in fixes:
        stage.reset(one)
    module.write(*dict.fromkeys(_text(stage, one) for one in fixes))
    module.apply()
    assert module.would_change() is None
    for one in fixes:
        for number, name in enumerate(("username", "client_id")):
            same = [other for other in fixes if (other.realm, getattr(other, name)) == (one.realm, getattr(one, name))]
            left = set().union(*(stage.left(other)[number] for other in same))
            assert left == set().union(*(stage.expected(other)[number] for other in same)), (name, one)


@pytest.mark.parametrize("resource", ["keycloak_openid_client_service_account_role", "keycloak_user_roles"])
def test_destroying_a_grant_leaves_every_other_grant(stage: Stage, fixes: list[Printed], module: Module, resource: str) -> None:
    one = _first(fixes, maps_scope=False, resource=resource)
    stage.reset(one)
    module.write(_text(stage, one))
    module.apply()
    assert stage.left(one) == stage.expected(one)
    module.destroy()
    assert stage.left(one) == ({HELD}, {HELD})


def test_destroying_a_scope_mapping_deletes_the_others_of_the_same_owner_as_warned(
    stage: Stage, fixes: list[Printed], module: Module
) -> None:
    one = _first(fixes, maps_scope=True, resource="keycloak_generic_role_mapper")
    stage.reset(one)
    module.write(_text(stage, one))
    module.apply()
    assert stage.left(one)[1] == stage.expected(one)[1]
    module.destroy()
    assert "the provider then deletes all mappings" in (one.fix.terraform or "")
    assert stage.left(one)[1] == set()


def test_destroying_a_scope_mapping_of_a_realm_role_leaves_the_others(stage: Stage, module: Module) -> None:
    mappings = f"/demo/clients/{stage.admin.client('demo', 'app')['id']}/scope-mappings/realm"
    kept, added = (stage.admin("GET", f"/demo/roles/{name}") for name in ("offline_access", "uma_authorization"))
    stage.admin("POST", mappings, [kept])
    account = Grantee(realm="demo", username="service-account-app", client_id="app")
    module.write(scope_forms(account, None, (added["name"],), version=(26, 7, 5)).terraform or "")
    module.apply()
    assert {role["name"] for role in stage.admin("GET", mappings)} == {kept["name"], added["name"]}
    module.destroy()
    assert {role["name"] for role in stage.admin("GET", mappings)} == {kept["name"]}
    stage.admin("DELETE", mappings, [kept])


def test_beside_an_exhaustive_resource_a_grant_does_not_last_as_warned(stage: Stage, fixes: list[Printed], module: Module) -> None:
    one = _first(fixes, maps_scope=False, resource="keycloak_user_roles")
    stage.reset(one)
    user = stage.admin.user(one.realm, one.username)["id"]
    module.write(
        _text(stage, one),
        f'resource "keycloak_user_roles" "other" {{\n  realm_id = "{one.realm}"\n  user_id  = "{user}"\n  role_ids = []\n}}',
    )
    module.apply()
    assert module.would_change()
    assert "that resource removes every other grant" in (one.fix.terraform or "")


@pytest.mark.parametrize("name", ["100%", "a%2Fb"])
def test_a_realm_whose_name_gets_no_terraform_is_one_that_the_provider_does_not_find(stage: Stage, module: Module, name: str) -> None:
    account = Grantee(realm=name, username="service-account-app", client_id="app")
    assert grant_forms(account, "realm-management", ("view-users",), version=(26, 7, 5)).terraform is None
    stage.admin("POST", "", {"realm": name, "enabled": True})
    try:
        module.write(hcl.filled('data "keycloak_realm" "it" {\n  realm = %(realm)s\n}', realm=name))
        with pytest.raises(TerraformError):
            module.apply()
    finally:
        stage.admin("DELETE", f"/{name.replace('%', '%25')}")
