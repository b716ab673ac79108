"""Terraform: what HashiCorp's own parser reads, compared with what the provider keycloak/keycloak documents, and two fixes in one module."""

from collections.abc import Iterator
from typing import Any

import pygohcl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kcproxy.explain.fixes import hcl
from kcproxy.explain.fixes.forms import Forms, grant_forms, scope_forms
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.terraform import ID_IN_URL, REALM_IN_URL, terraform_grant, terraform_scope
from kcproxy.explain.fixes.unwritable import Unprintable
from tests.explain.fixes.stage import APP, JANE, NEW, OLD, OWNER

SCHEMA = {
    "keycloak_realm": ({"realm"}, set()),
    "keycloak_openid_client": ({"realm_id", "client_id"}, set()),
    "keycloak_user": ({"realm_id", "username"}, set()),
    "keycloak_role": ({"realm_id", "name"}, {"client_id"}),
    "keycloak_openid_client_service_account_role": ({"realm_id", "service_account_user_id", "client_id", "role"}, set()),
    "keycloak_openid_client_service_account_realm_role": ({"realm_id", "service_account_user_id", "role"}, set()),
    "keycloak_user_roles": ({"realm_id", "user_id", "role_ids"}, {"exhaustive"}),
    "keycloak_generic_role_mapper": ({"realm_id", "role_id", "client_id"}, set()),
    "keycloak_openid_client_user_policy": ({"realm_id", "resource_server_id", "name", "decision_strategy", "users"}, {"logic"}),
    "keycloak_openid_client_client_policy": ({"realm_id", "resource_server_id", "name", "clients"}, {"decision_strategy", "logic"}),
    "keycloak_users_admin_permissions": ({"realm_id", "name", "scopes"}, {"policies"}),
    "keycloak_group_admin_permissions": ({"realm_id", "name", "scopes"}, {"policies", "group_ids"}),
    "keycloak_openid_client_admin_permissions": ({"realm_id", "name", "scopes"}, {"policies", "client_ids"}),
    "keycloak_role_admin_permissions": ({"realm_id", "name", "scopes"}, {"policies", "role_ids"}),
}
"""Required and optional arguments as version 5.9 of the provider documents them; of the mapper, client_id for mappings of a client."""
TWO = ("view-clients", "view-users")
FORMS = {
    "service account": grant_forms(APP, OWNER, ("view-users",), version=NEW),
    "service account, two roles, scope": grant_forms(APP, OWNER, TWO, version=NEW, with_scope=True),
    "service account, scope": grant_forms(APP, OWNER, ("view-users",), version=NEW, with_scope=True),
    "user": grant_forms(JANE, OWNER, TWO, version=NEW),
    "user by id, scope": grant_forms(replace(JANE, username=None, user_id="42"), OWNER, ("view-users",), version=NEW, with_scope=True),
    "realm role": grant_forms(replace(APP, realm="master"), None, ("create-realm",), version=NEW),
    "realm role of a user": grant_forms(replace(JANE, realm="master"), None, ("create-realm",), version=NEW),
    "scope": scope_forms(APP, OWNER, TWO, version=NEW),
    "scope of a realm role": scope_forms(replace(APP, realm="master"), None, ("create-realm",), version=NEW),
}


def blocks(text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Type, label and attributes of every block."""
    parsed = pygohcl.loads(text)
    for kind in ("data", "resource"):
        for name, labelled in parsed.get(kind, {}).items():
            yield from ((name, label, found) for label, found in labelled.items())


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_every_block_has_the_arguments_that_the_provider_documents(forms: Forms) -> None:
    found = list(blocks(forms.terraform or ""))
    assert found
    for name, _, attributes in found:
        required, optional = SCHEMA[name]
        assert required <= set(attributes) <= required | optional, name


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_every_reference_names_a_block_that_is_there(forms: Forms) -> None:
    text = forms.terraform or ""
    there = {f"data.{name}.{label}" for name, label, _ in blocks(text)}
    references = {
        part.rpartition(".")[0] for part in text.replace("[", " ").replace("]", " ").replace(",", " ").split() if part.startswith("data.")
    }
    assert references
    assert references <= there


def test_all_these_fixes_stand_in_one_module() -> None:
    texts = [forms.terraform or "" for forms in FORMS.values()]
    together = "\n\n".join(texts)
    assert len(list(blocks(together))) == sum(len(list(blocks(text))) for text in texts)


def test_a_grant_to_a_user_leaves_every_other_grant_alone() -> None:
    (roles,) = pygohcl.loads(FORMS["user"].terraform or "")["resource"]["keycloak_user_roles"].values()
    assert roles["exhaustive"] is False


@pytest.mark.parametrize(("version", "wanted"), [(NEW, ">= 5.9, < 6.0"), (OLD, ">= 5.0, < 5.8")])
def test_the_provider_is_named_with_versions_that_take_this_keycloak(version: tuple[int, ...], wanted: str) -> None:
    text = terraform_grant(APP, OWNER, ("view-users",), version=version) or ""
    head = "\n".join(line.removeprefix("# ") for line in text.split("\n\n")[0].splitlines()[1:])
    assert pygohcl.loads(head) == {"terraform": {"required_providers": {"keycloak": {"source": "keycloak/keycloak", "version": wanted}}}}


def test_two_limits_of_the_provider_are_said_beside_the_resource() -> None:
    text = FORMS["service account, two roles, scope"].terraform or ""
    assert text.count("keycloak_user_roles with exhaustive = true") == 1
    assert text.count("the provider then deletes all mappings") == 1


def test_a_scope_mapping_of_a_realm_role_has_no_warning_that_is_not_true_of_it() -> None:
    assert "the provider then deletes" in (FORMS["scope"].terraform or "")
    assert "the provider then deletes" not in (FORMS["scope of a realm role"].terraform or "")


@pytest.mark.parametrize("realm", ["100%", "a/b", "a?b", "a#b"])
def test_a_realm_that_the_provider_cannot_address_gets_none_and_a_reason(realm: str) -> None:
    forms = grant_forms(replace(APP, realm=realm), OWNER, ("view-users",), version=NEW)
    assert forms.terraform is None
    assert REALM_IN_URL in forms.left_out
    assert forms.kcadm


def test_an_id_that_the_provider_cannot_address_gets_none_and_a_reason() -> None:
    with pytest.raises(Unprintable, match=ID_IN_URL[:30]):
        terraform_grant(replace(JANE, username=None, user_id="a/b"), OWNER, ("view-users",), version=NEW)


def test_an_account_that_nothing_names_and_a_scope_without_a_client_have_none() -> None:
    assert terraform_grant(Grantee(realm="demo", username=None, client_id="app"), OWNER, TWO, version=NEW) is None
    assert terraform_scope(Grantee(realm="demo", username="jane"), OWNER, TWO, version=NEW) is None


NAMES = st.text(st.sampled_from("ab-_.A1 é"), min_size=1, max_size=6)


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_different_names_have_different_labels_that_are_identifiers(one: list[str], other: list[str]) -> None:
    label = hcl.label(*one)
    assert label.isascii()
    assert label.isidentifier()
    assert (label == hcl.label(*other)) == (one == other)


def test_a_label_is_readable_and_has_an_end() -> None:
    assert hcl.label("demo", "shop-backend", "view-users") == "demo__shop_backend__view_users"
    assert len(hcl.label("n" * 255, "m" * 255)) < 120
