"""A real server with the realm in which tools are tried."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import requests

from tools.use import realm

_SECONDS = 60.0
_TOKEN_SECONDS = 40.0


class StageFailed(Exception):
    """The realm could not be prepared; the message has Keycloak's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Ids that Keycloak chose, of objects that no import can make."""

    flow: str
    execution: str
    execution_config: str
    bare_execution: str
    organization: str
    component: str
    credential: str
    resource_permission: str


class Stage:
    """An administrator's session, and the realm from entering the context to leaving it."""

    def __init__(self, url: str, *, mail_port: int, username: str = "admin", password: str = "admin") -> None:
        """``url``: Keycloak's address."""
        self.url = url
        self._mail_port = mail_port
        self._login = {"grant_type": "password", "client_id": "admin-cli", "username": username, "password": password}
        self._session = requests.Session()
        self._token_until = 0.0
        self._grants = ""
        self._roles: dict[str, Any] = {}
        self._held: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self.remove()
        self.made = self._make()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
        self._session.close()

    def hold(self, roles: Iterable[str]) -> None:
        """Give the tool's service account exactly these roles of realm-management. The number of requests does not depend on them."""
        wanted = tuple(sorted(roles))
        self.admin("DELETE", self._grants, [self._roles[role] for role in self._held])
        self.admin("POST", self._grants, [self._roles[role] for role in wanted])
        self._held = wanted

    def remove(self) -> None:
        """Delete the realm, if it is there."""
        self._send("DELETE", f"/admin/realms/{realm.REALM}", missing_ok=True)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call as the administrator, below the realm: the JSON of the response, or the id in its Location."""
        return self._send(method, f"/admin/realms/{realm.REALM}{path}", body)

    def _make(self) -> Made:
        self._send("POST", "/admin/realms", realm.realm(mail_port=self._mail_port))
        self._token_until = 0.0  # older versions read the rights on a new realm from the token
        (management,) = self.admin("GET", "/clients?clientId=realm-management")
        self._grants = f"/users/{realm.CALLER_USER}/role-mappings/clients/{management['id']}"
        self._roles = {role["name"]: role for role in self.admin("GET", f"/clients/{management['id']}/roles")}
        self.admin("POST", "/client-scopes", realm.scope())
        self.admin("POST", "/client-scopes", {"id": realm.SPARE_SCOPE, "name": "spare-scope", "protocol": "openid-connect"})
        component = self.admin("POST", "/components", key_provider("tools-key"))
        organization = self._organization()
        flow = self.admin("POST", "/authentication/flows", {"alias": realm.FLOW, "providerId": "basic-flow", "topLevel": True})
        executions = f"/authentication/flows/{realm.FLOW}/executions"
        self.admin("POST", f"{executions}/execution", {"provider": "auth-cookie"})
        execution = self.admin("POST", f"{executions}/execution", {"provider": "identity-provider-redirector"})
        config = {"alias": "tools-config", "config": {"defaultProvider": realm.IDP}}
        made = Made(
            flow=flow,
            execution=execution,
            execution_config=self.admin("POST", f"/authentication/executions/{execution}/config", config),
            bare_execution=self.admin("POST", f"{executions}/execution", {"provider": "identity-provider-redirector"}),
            organization=organization,
            component=component,
            credential=self.admin("GET", f"/users/{realm.USER}/credentials")[0]["id"],
            resource_permission=self._resource_permission(),
        )
        self._log_in_as_user()
        return made

    def _organization(self) -> str:
        made: str = self.admin("POST", "/organizations", {"name": "acme", "domains": [{"name": "acme.example.com"}]})
        self.admin("POST", f"/organizations/{made}/members", realm.USER)
        self.admin("POST", f"/organizations/{made}/identity-providers", realm.IDP)
        return made

    def _resource_permission(self) -> str:
        permission = {"name": "all-orders", "type": "resource", "resources": [realm.RESOURCE], "policies": [realm.POLICY]}
        made = self.admin("POST", f"/clients/{realm.CLIENT}/authz/resource-server/permission/resource", permission)
        return str(made["id"])

    def _log_in_as_user(self) -> None:
        client = {"client_id": realm.CLIENT_NAME, "client_secret": realm.SECRET}
        self._token(realm.REALM, {"grant_type": "password", "username": realm.USERNAME, "password": realm.PASSWORD, **client})

    def _send(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        if time.monotonic() > self._token_until:
            self._session.headers["Authorization"] = f"Bearer {self._token('master', self._login)}"
            self._token_until = time.monotonic() + _TOKEN_SECONDS
        response = self._session.request(method, self.url + path, json=body, timeout=_SECONDS)
        if missing_ok and response.status_code == 404:
            return None
        if not response.ok:
            raise StageFailed(f"{method} {path}: {response.status_code} {response.text[:300]}")
        location = response.headers.get("Location")
        if location is not None:
            return location.rpartition("/")[2]
        return response.json() if response.content else None

    def _token(self, of_realm: str, form: dict[str, str]) -> str:
        url = f"{self.url}/realms/{quote(of_realm, safe='')}/protocol/openid-connect/token"
        response = requests.post(url, data=form, timeout=_SECONDS)
        if not response.ok:
            raise StageFailed(f"login in realm {of_realm}: {response.status_code} {response.text[:300]}")
        return str(response.json()["access_token"])


def key_provider(name: str) -> dict[str, Any]:
    """A component with generated keys, which signs nothing."""
    config = {"priority": ["0"], "enabled": ["true"], "active": ["false"], "secretSize": ["32"], "algorithm": ["HS512"]}
    return {"name": name, "providerId": "hmac-generated", "providerType": "org.keycloak.keys.KeyProvider", "config": config}
