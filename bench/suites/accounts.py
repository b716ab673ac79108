"""Keycloak's Admin REST API for the preparation of a run: an imported realm, and an administrator with few roles. Never through the proxy."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.suites.least import LeastSet
from bench.suites.suite import Place

_SECONDS = 60
_KEEPER = "keeper"
"""The administrator who prepares a run with few roles, and takes no part in it."""


class Master:
    """Calls as an administrator of realm master. Each gets a new token, because the rights on new realms can be part of it, unless one is kept."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._kept: str | None = None

    def keep_token(self) -> None:
        """Use one new token for the calls from now on."""
        self._kept = self._token()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the response, or None. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._kept or self._token()}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._place.keycloak_url}/admin/realms{path}", data=data, headers=headers, method=method)
        return json.loads(_sent(request) or b"null")

    def _token(self) -> str:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": self._place.username, "password": self._place.password}
        url = f"{self._place.keycloak_url}/realms/master/protocol/openid-connect/token"
        return str(json.loads(_sent(urllib.request.Request(url, data=urllib.parse.urlencode(form).encode())))["access_token"])


def realm_made(place: Place, realm: Mapping[str, object]) -> None:
    """Import a realm, and replace an existing one."""
    master = Master(place)
    try:
        master.call("DELETE", f"/{realm['realm']}")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
    master.call("POST", "", realm)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastAccount:
    """A user with the least set. ``keeper``: another administrator. ``made``: clients of the set that are not there yet: realms that the suite makes."""

    keeper: Master
    user: str
    made: tuple[str, ...]


def least_account(place: Place, least: LeastSet) -> LeastAccount:
    """Replace the administrator of the suite: a new user with the same name and password has exactly these roles."""
    keeper = replace(place, username=_KEEPER)
    first = Master(place)
    _user_made(first, keeper)
    _realm_roles_granted(first, _KEEPER, ("admin",))
    master = Master(keeper)
    master.call("DELETE", f"/master/users/{_id_of(master, place.username)}")
    _user_made(master, place)
    _realm_roles_granted(master, place.username, least.realm_roles)
    made = tuple(client for client, roles in least.clients.items() if not _client_roles_granted(master, place.username, client, roles))
    return LeastAccount(keeper=master, user=_id_of(master, place.username), made=made)


def _user_made(master: Master, place: Place) -> None:
    names = {"email": f"{place.username}@master.example.com", "firstName": "An", "lastName": "Administrator"}
    credentials = [{"type": "password", "value": place.password, "temporary": False}]
    master.call("POST", "/master/users", {"username": place.username, "enabled": True, **names, "credentials": credentials})


def _realm_roles_granted(master: Master, username: str, names: tuple[str, ...]) -> None:
    roles = [master.call("GET", f"/master/roles/{name}") for name in names]
    master.call("POST", f"/master/users/{_id_of(master, username)}/role-mappings/realm", roles)


def _client_roles_granted(master: Master, username: str, client: str, names: tuple[str, ...]) -> bool:
    """Whether the client exists."""
    found = master.call("GET", f"/master/clients?clientId={urllib.parse.quote(client, safe='')}")
    if not found:
        return False
    (each,) = found
    roles = master.call("GET", f"/master/clients/{each['id']}/roles")
    wanted = [role for role in roles if role["name"] in names]
    master.call("POST", f"/master/users/{_id_of(master, username)}/role-mappings/clients/{each['id']}", wanted)
    return True


def _id_of(master: Master, username: str) -> str:
    (user,) = master.call("GET", f"/master/users?username={username}&exact=true")
    return str(user["id"])


def _sent(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        body: bytes = response.read()
    return body
