"""A Keycloak for unit tests, in the test's own process: no Java, no container, ready in a second.

    with simulator() as keycloak:
        account = keycloak.service_account("shop", "shop-backend", roles=("view-users",))
        ...  # call keycloak.url

It plays realms, clients with service accounts, users, groups, role grants and tokens, and lets in or refuses as the measured table of the version says.
For anything else it responds with 501. docs/testing.md describes it.
"""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from kcproxy.catalog import catalog_for
from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.simulator import SimulatedKeycloak

_ADMINISTRATOR = "admin"
_START_SECONDS = 30.0
_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A running simulator. ``url``: its address with the base path. The methods act as the administrator of master."""

    url: str
    keycloak_version: str
    admin_username: str = _ADMINISTRATOR
    admin_password: str = field(default=_ADMINISTRATOR, repr=False)

    def admin_token(self) -> str:
        """A token of the administrator, who may do everything."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": self.admin_username, "password": self.admin_password}
        return str(self._token("master", form))

    def token(self, account: ServiceAccount) -> str:
        """A token of a service account that ``service_account`` has made."""
        form = {"grant_type": "client_credentials", "client_id": account.client_id, "client_secret": account.client_secret or ""}
        return str(self._token(account.realm, form))

    def service_account(self, realm: str, client_id: str, *, roles: tuple[str, ...] = ()) -> ServiceAccount:
        """A confidential client with a service account that has these roles of realm-management. Makes the realm if it does not exist."""
        if self.admin("GET", f"/{quote(realm, safe='')}", missing_ok=True) is None:
            self.admin("POST", "", {"realm": realm, "enabled": True})
        secret = f"secret-of-{client_id}"
        client = {"clientId": client_id, "secret": secret, "serviceAccountsEnabled": True, "publicClient": False}
        self.admin("POST", f"/{quote(realm, safe='')}/clients", client)
        account = ServiceAccount(realm=realm, client_id=client_id, client_secret=secret)
        if roles:
            self.grant(account, *roles)
        return account

    def grant(self, account: ServiceAccount, *roles: str) -> None:
        """Grant roles of realm-management."""
        self._change("POST", account, roles)

    def revoke(self, account: ServiceAccount, *roles: str) -> None:
        """Take roles of realm-management away."""
        self._change("DELETE", account, roles)

    def admin(self, method: str, path: str, content: Any = None, *, missing_ok: bool = False) -> Any:
        """A call of the Admin REST API as the administrator; ``path`` is below ``/admin/realms``. Gives the JSON of the response.

        ``missing_ok``: None instead of an error after a 404. Raises urllib.error.HTTPError if the simulator refuses.
        """
        headers = {"Authorization": f"Bearer {self.admin_token()}", "Content-Type": "application/json"}
        body = None if content is None else json.dumps(content).encode()
        try:
            return _call(method, f"{self.url}/admin/realms{path}", headers, body)
        except urllib.error.HTTPError as error:
            error.close()
            if missing_ok and error.code == 404:
                return None
            raise

    def _change(self, method: str, account: ServiceAccount, roles: tuple[str, ...]) -> None:
        base = f"/{quote(account.realm, safe='')}"
        client = self.admin("GET", f"{base}/clients?clientId={quote(account.client_id, safe='')}")[0]
        owner = self.admin("GET", f"{base}/clients?clientId=realm-management")[0]
        user = self.admin("GET", f"{base}/clients/{client['id']}/service-account-user")
        found = [self.admin("GET", f"{base}/clients/{owner['id']}/roles/{role}") for role in roles]
        self.admin(method, f"{base}/users/{user['id']}/role-mappings/clients/{owner['id']}", found)

    def _token(self, realm: str, form: dict[str, str]) -> Any:
        url = f"{self.url}/realms/{quote(realm, safe='')}/protocol/openid-connect/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return _call("POST", url, headers, urlencode(form).encode())["access_token"]


@contextmanager
def simulator(keycloak_version: str | None = None, *, base_path: str = "", port: int = 0) -> Iterator[Simulator]:
    """A simulator on loopback, in a thread of its own, until the context ends. For synchronous and asynchronous tests.

    ``keycloak_version``: such as ``26.7.4``; default: the newest measured one. ``base_path``: "" or such as ``/auth``. ``port``: 0 selects a free one.
    """
    catalog = catalog_for(keycloak_version)
    server = SimulatedKeycloak(catalog, version=keycloak_version, base_path=base_path, port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="kcproxy-simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_START_SECONDS)
        try:
            yield Simulator(url=server.url, keycloak_version=keycloak_version or catalog.version)
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(_START_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
        loop.close()


def _call(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Any:
    request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - the simulator's own address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: proxies of the environment do not apply
    with opener.open(request, timeout=_CALL_SECONDS) as response:
        content = response.read()
    return json.loads(content) if content else None
