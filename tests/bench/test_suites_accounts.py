"""The administrator with the least set: exactly these roles under the same name, on the simulator."""

import urllib.error
from collections.abc import Iterator

import pytest

from bench.suites.accounts import LeastAccount, Master, least_account, realm_made
from bench.suites.least import LeastSet
from bench.suites.new_realms import Limit, take_others
from bench.suites.suite import Place
from kcproxy.testing import simulator


@pytest.fixture
def place() -> Iterator[Place]:
    with simulator("26.7.5") as keycloak:
        yield Place(url="http://unused", keycloak_url=keycloak.url, username="admin", password="admin", mail_port=3)


def refused(place: Place, method: str, path: str, body: object = None) -> int:
    """The status code of a call that fails."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        Master(place).call(method, path, body)
    caught.value.close()
    return caught.value.code


def realm_with_roles(account: LeastAccount, realm: str, *names: str) -> None:
    """A new realm in which the user holds roles, as Keycloak gives them to the creator."""
    keeper = account.keeper
    keeper.call("POST", "", {"realm": realm, "enabled": True})
    (client,) = keeper.call("GET", f"/master/clients?clientId={realm}-realm")
    roles = [role for role in keeper.call("GET", f"/master/clients/{client['id']}/roles") if role["name"] in names]
    keeper.call("POST", f"/master/users/{account.user}/role-mappings/clients/{client['id']}", roles)


def test_the_administrator_is_replaced_by_one_who_has_only_the_set(place: Place) -> None:
    realm_made(place, {"realm": "shop", "enabled": True})
    clients = {"master-realm": ("view-users",), "shop-realm": ("view-realm",), "later-realm": ("manage-users",)}
    assert least_account(place, LeastSet(realm_roles=("create-realm",), clients=clients)).made == ("later-realm",)
    master = Master(place)
    assert [user["username"] for user in master.call("GET", "/master/users?username=admin&exact=true")] == ["admin"]
    assert master.call("GET", "/shop")["realm"] == "shop"
    assert refused(place, "GET", "/shop/users") == 403
    assert refused(place, "GET", "/master/clients") == 403
    master.call("POST", "", {"realm": "later", "enabled": True})


def test_without_the_realm_role_no_realm_is_made(place: Place) -> None:
    assert least_account(place, LeastSet(clients={"master-realm": ("view-users",)})).made == ()
    assert refused(place, "POST", "", {"realm": "later", "enabled": True}) == 403


def test_the_creator_of_a_realm_keeps_only_the_roles_of_the_set_there(place: Place) -> None:
    realm_made(place, {"realm": "shop", "enabled": True})
    account = least_account(place, LeastSet(realm_roles=("create-realm",), clients={"shop-realm": ("view-realm", "view-users")}))
    realm_with_roles(account, "later", "view-clients", "view-users")
    assert Master(place).call("GET", "/later/clients")
    take_others(Limit(user=account.user, roles=frozenset({"view-users"}), before=frozenset({"shop-realm"})), account.keeper)
    assert Master(place).call("GET", "/later/users") == []
    assert refused(place, "GET", "/later/clients") == 403
    assert Master(place).call("GET", "/shop")["accessTokenLifespan"]


def test_an_imported_realm_replaces_the_one_before(place: Place) -> None:
    for name in ("One", "Two"):
        realm_made(place, {"realm": "shop", "enabled": True, "displayName": name})
    assert Master(place).call("GET", "/shop")["displayName"] == "Two"
