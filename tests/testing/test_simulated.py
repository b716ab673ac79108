"""The public simulator: what docs/testing.md promises."""

import urllib.error

import pytest

from kcproxy.testing import simulator


def test_roles_are_granted_and_revoked() -> None:
    with simulator("26.7.4") as keycloak:
        account = keycloak.service_account("shop", "backend", roles=("view-users",))
        keycloak.revoke(account, "view-users")
        keycloak.grant(account, "view-clients")

        assert keycloak.token(account)
        assert keycloak.keycloak_version == "26.7.4"
        assert keycloak.admin("GET", "/shop")["realm"] == "shop"


def test_it_listens_below_a_base_path_and_ends_with_the_context() -> None:
    with simulator(base_path="/auth") as keycloak:
        assert keycloak.url.endswith("/auth")
        assert keycloak.admin_token()
    with pytest.raises(urllib.error.URLError):
        keycloak.admin_token()


def test_the_secret_is_not_shown() -> None:
    with simulator() as keycloak:
        assert "admin_password" not in repr(keycloak)
