"""Terraform of new permissions: exactly the permission that the commands make, or none and the reason."""

from typing import Any, NamedTuple

import pygohcl
import pytest
from msgspec.structs import replace

from devkit.explain.stage import USER_ID
from kcproxy.explain.fixes.permission_terraform import (
    EXISTING,
    ONE_USER,
    ORGANIZATION,
    OTHER_TYPE,
    SCOPE,
    Form,
    permission_terraform,
)
from kcproxy.explain.fixes.terraform import ID_IN_URL, REALM_IN_URL
from kcproxy.model import Fix
from tests.explain.fixes.stage import NEW
from tests.explain.fixes.test_terraform import SCHEMA, blocks
from tests.explain.test_permissions import GROUP_ID, OTHER_GROUP, OTHERS, explained, looked_up, permission, with_policies
from tests.hostile_text import NAMES


class Step(NamedTuple):
    """A request as the commands make it."""

    below: tuple[str, ...]
    body: dict[str, Any]
    method: str = "POST"


WHO, OWN = "service-account-app", "Only service-account-app"


def policy(kind: str = "user", member: str = "users", value: str = "alice") -> Step:
    body = {"name": OWN, member: [value], "logic": "POSITIVE"}
    return Step(below=("policy", kind), body=body)


def made(type_name: str, scope: str, *objects: str, own: str = OWN, name: str = "") -> Step:
    body: dict[str, Any] = {
        "name": name or f"{scope} of {objects or type_name} for {WHO}",
        "resourceType": type_name,
        "scopes": [scope],
        "policies": [own],
    }
    return Step(below=("permission", "scope"), body={**body, **({"resources": list(objects)} if objects else {})})


def printed(*steps: Step, realm: str = "demo", role: Fix | None = None, who: str = WHO, server: str | None = "42") -> Form:
    return permission_terraform(realm, who, steps, role, version=NEW, taken=frozenset(), server=server)


GRANTED = Fix(summary="", roles=("query-groups",), terraform='# head\n\ndata "keycloak_realm" "r" {\n  realm = "demo"\n}')
FORMS = {
    "group": printed(policy(), made("Groups", "view-members", GROUP_ID)),
    "all groups": printed(policy(), made("Groups", "manage")),
    "client": printed(policy(), made("Clients", "map-roles-composite", "c")),
    "role": printed(policy(), made("Roles", "map-role", "r")),
    "all users": printed(policy(), made("Users", "manage")),
    "by client": printed(policy("client", "clients", "42"), made("Groups", "view", GROUP_ID)),
    "own policy that exists": printed(made("Groups", "view", OTHER_GROUP, own="id-of-policy")),
    "two sides": printed(policy(), made("Groups", "view", "a"), made("Roles", "map-role-composite", "b")),
    "without the ID of the client": printed(policy(), made("Roles", "map-role", "s"), server=None),
    "and a role": printed(policy(), made("Clients", "view", "c"), role=GRANTED),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_block_of_permissions_has_the_arguments_that_the_provider_documents(form: Form) -> None:
    found = list(blocks(form.text or ""))
    assert any(name.endswith("_admin_permissions") for name, _, _ in found)
    for name, _, attributes in found:
        required, optional = SCHEMA[name]
        assert required <= set(attributes) - {"depends_on"} <= required | optional, name


def test_permissions_of_one_fix_are_made_one_after_the_other() -> None:
    form = printed(policy(), *(made("Groups", scope, "a") for scope in ("view", "manage", "manage-members")))
    made_by = {label: attributes for name, label, attributes in blocks(form.text or "") if name == "keycloak_group_admin_permissions"}
    labels = [f"demo__service_account_app__{scope}__groups__a" for scope in ("view", "manage", "manage_members")]
    waits = [made_by[label].get("depends_on") for label in labels]
    assert waits == [None, *([f"keycloak_group_admin_permissions.{label}"] for label in labels[:-1])]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_reference_of_a_permission_names_a_block_that_is_there(form: Form) -> None:
    text = form.text or ""
    there = {f"{prefix}{name}.{label}" for name, label, _ in blocks(text) for prefix in ("", "data.")}
    words = text.replace("[", " ").replace("]", " ").split()
    assert {word.removesuffix(".id") for word in words if word.endswith(".id")} <= there


def test_permissions_of_different_fixes_stand_in_one_module() -> None:
    texts = [form.text or "" for form in FORMS.values()]
    together = list(blocks("\n\n".join(texts)))
    assert len(together) == sum(len(list(blocks(text))) for text in texts)
    names = [attributes["name"] for name, _, attributes in together if name.endswith("_policy")]
    assert len(names) == len(set(names)), "Keycloak refuses a second policy of the same name"


def test_the_resource_gives_what_the_commands_give_and_nothing_else() -> None:
    found = {name: attributes for name, _, attributes in blocks(FORMS["group"].text or "")}
    group, own = found["keycloak_group_admin_permissions"], found["keycloak_openid_client_user_policy"]
    assert (group["group_ids"], group["scopes"], len(group["policies"])) == ([GROUP_ID], ["view-members"], 1)
    assert (own["users"], own["logic"]) == (["alice"], "POSITIVE")
    assert own["resource_server_id"] == "42"


def test_a_reader_who_may_not_see_the_id_of_the_client_gets_its_name() -> None:
    text = printed(policy(), made("Groups", "view", GROUP_ID), server=None).text or ""
    found = {name: attributes for name, _, attributes in blocks(text)}
    assert found["keycloak_openid_client"]["client_id"] == "admin-permissions"
    assert "service account of this client" in text
    assert "keycloak_openid_client" not in {name for name, _, _ in blocks(FORMS["group"].text or "")}


def test_the_provider_is_named_once_with_versions_that_have_permissions() -> None:
    for name in ("group", "two sides"):
        assert (FORMS[name].text or "").count('version = ">= 5.9, < 6.0"') == 1
    assert (FORMS["and a role"].text or "").startswith("# head")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (printed(policy(), made("Users", "view", USER_ID)), ONE_USER),
        (printed(policy(), made("Groups", "manage-membership", "a"), made("Users", "manage-group-membership", USER_ID)), ONE_USER),
        (printed(policy(), made("Users", "reset-password")), f"{SCOPE}reset-password"),
        (printed(policy(), made("Groups", "impersonate-members", "a")), f"{SCOPE}impersonate-members"),
        (printed(policy(), made("Organizations", "view", "o")), ORGANIZATION),
        (printed(policy(), made("Unheard-of", "view", "o")), OTHER_TYPE),
        (printed(made("Groups", "view", "a")._replace(method="PUT")), EXISTING),
        (printed(policy(), made("Groups", "view", "a"), realm="100%"), REALM_IN_URL),
        (printed(policy(), made("Groups", "view", "a"), role=replace(GRANTED, terraform=None)), ID_IN_URL),
        (printed(policy(), made("Groups", "view", "half a character \ud800")), None),
    ],
)
def test_what_the_provider_cannot_give_exactly_gets_none_and_the_reason(form: Form, reason: str | None) -> None:
    assert (form.text, form.reason) == (None, reason)


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_hostile_names_are_read_back_exactly(name: str) -> None:
    form = printed(policy(value=name), made("Groups", "view", name, name=name), who=name)
    parsed = pygohcl.loads(form.text or "")["resource"]
    (group,), (own,) = parsed["keycloak_group_admin_permissions"].values(), parsed["keycloak_openid_client_user_policy"].values()
    assert (group["name"], group["group_ids"], own["users"]) == (name, [name], [name])


_BOB = permission("Bob", "Users", "manage-group-membership", USER_ID)
_JOIN = ("PUT", f"/users/{USER_ID}/groups/{GROUP_ID}")


def test_the_fix_for_a_group_has_terraform_and_the_one_for_a_user_says_why_it_has_none() -> None:
    group = explained(looked_up(_BOB), *_JOIN).fixes[0]
    user = explained(with_policies(looked_up(), others=OTHERS)).fixes[0]
    assert f'group_ids = ["{GROUP_ID}"]' in (group.terraform or "")
    assert 'policies  = ["own"]' in (group.terraform or "")
    assert (user.terraform, ONE_USER in (user.warning or "")) == (None, True)


def test_a_change_of_a_permission_has_no_terraform_and_says_why() -> None:
    changed, new, *_ = explained(looked_up(_BOB, permission("Sales", "Groups", "manage-membership", OTHER_GROUP)), *_JOIN).fixes
    assert (changed.terraform, EXISTING in (changed.warning or "")) == (None, True)
    assert (bool(new.terraform), "No Terraform" in (new.warning or "")) == (True, False)
