"""A realm in which the printed fixes of all reported refusals can be carried out, and what an administrator sees in it."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devkit.explain.cases import CASES
from devkit.explain.stage import CLIENT_UUID, ask
from kcproxy.model import Cause, Facts, Fix
from tests.live.conftest import Keycloak

HELD = "query-groups"
"""A role that every account holds already, and that no fix may take away."""
TOKEN_SECONDS = 20.0
"""Tokens of the realm master live for a minute, and a busy machine is slow."""
REALMS = ("demo", "test")
_ABOUT_PERMISSIONS = {Cause.FINE_GRAINED_PERMISSION_MISSING, Cause.FINE_GRAINED_PERMISSION_DENIED}


@dataclass(frozen=True, kw_only=True)
class Printed:
    """One fix that was printed for a refusal, and what it has to leave behind."""

    cause: Cause
    fix: Fix
    realm: str
    username: str
    client_id: str
    container: str | None
    account_ids: tuple[str, ...]
    """The ids that the case has for the account."""

    @property
    def grants(self) -> bool:
        return "add-roles" in self.fix.kcadm[0]

    @property
    def maps_scope(self) -> bool:
        return "scope-mappings" in self.fix.kcadm[-1]


def printed() -> list[Printed]:
    """Every different fix with commands that grant roles, of the reported refusals.

    Commands about fine-grained permissions need the permissions of their case in the realm. test_permissions_explained runs those.
    """
    found: dict[tuple[str, ...], Printed] = {}
    for case in CASES:
        for facts in (None, case.facts):
            explanation = ask(case.method, case.path, **{**case.ask, "facts": facts})
            for fix in explanation.fixes if explanation else ():
                if fix.kcadm and fix.roles and explanation is not None and explanation.verdict.cause not in _ABOUT_PERMISSIONS:
                    caller, verdict = explanation.caller, explanation.verdict
                    known = explanation.looked_up or Facts()
                    ids = (caller.subject, known.account_id, known.service_account_id)
                    one = Printed(
                        cause=verdict.cause,
                        fix=fix,
                        realm=caller.realm or "",
                        username=known.account_name or caller.username or "jane",
                        client_id=caller.client_id or "",
                        container=None if fix.roles == ("create-realm",) else verdict.container,
                        account_ids=tuple(filter(None, ids)),
                    )
                    found.setdefault((*fix.kcadm, verdict.cause), one)
    return list(found.values())


def printed_clients() -> list[Fix]:
    """Every different fix with commands that create a client."""
    found: dict[tuple[str, ...], Fix] = {}
    for case in CASES:
        explanation = ask(case.method, case.path, **case.ask)
        found |= {fix.kcadm: fix for fix in (explanation.fixes if explanation else ()) if fix.kcadm and "create clients" in fix.kcadm[0]}
    return list(found.values())


class Admin:
    """The Admin REST API of one server, with the administrator's login."""

    def __init__(self, keycloak: Keycloak) -> None:
        self.keycloak = keycloak
        self._token, self._since = "", -TOKEN_SECONDS

    def token(self) -> str:
        """A token that is still valid for a while."""
        if time.monotonic() - self._since >= TOKEN_SECONDS:
            self._token, self._since = self._log_in(), time.monotonic()
        return self._token

    def forget(self) -> None:
        """The next call fetches a new token: older versions read the rights on a new realm from it."""
        self._since = -TOKEN_SECONDS

    def _log_in(self) -> str:
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": self.keycloak.admin_username,
            "password": self.keycloak.admin_password,
        }
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.keycloak.base_url}/realms/master/protocol/openid-connect/token", body) as response:
            return str(json.loads(response.read())["access_token"])

    def __call__(self, method: str, path: str, body: Any = None, *, allowed: tuple[int, ...] = ()) -> Any:
        request = urllib.request.Request(
            f"{self.keycloak.base_url}/admin/realms{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code in allowed:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def client(self, realm: str, client_id: str) -> dict[str, Any]:
        (found,) = self("GET", f"/{_q(realm)}/clients?clientId={_q(client_id)}")
        return dict(found)

    def user(self, realm: str, username: str) -> dict[str, Any]:
        (found,) = self("GET", f"/{_q(realm)}/users?exact=true&username={_q(username)}")
        return dict(found)


def _q(text: str) -> str:
    return urllib.parse.quote(text, safe="")


class Stage:
    """The accounts of the cases on a real server."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin

    def set_up(self) -> None:
        """Realms, clients with service accounts whose scope is limited, and users."""
        for realm in REALMS:
            self.admin("DELETE", f"/{realm}", allowed=(404,))
            self.admin("POST", "", {"realm": realm, "enabled": True})
            self.admin.forget()
        for realm, clients in (("demo", ("app", "other")), ("master", ("app",))):
            for client_id in clients:
                self._client(realm, client_id)
            self.admin("POST", f"/{realm}/users", {"username": "jane", "enabled": True}, allowed=(409,))

    def _client(self, realm: str, client_id: str) -> None:
        settings = {"publicClient": False, "serviceAccountsEnabled": True, "standardFlowEnabled": False, "fullScopeAllowed": False}
        self.admin("POST", f"/{realm}/clients", {"clientId": client_id, "secret": "s3cret", **settings}, allowed=(409,))

    def tear_down(self) -> None:
        for realm in REALMS:
            self.admin("DELETE", f"/{realm}", allowed=(404,))
        self.admin("DELETE", f"/master/clients/{self.admin.client('master', 'app')['id']}")
        self.admin("DELETE", f"/master/users/{self.admin.user('master', 'jane')['id']}")

    def real(self, text: str, one: Printed) -> str:
        """The printed text with the ids of this server; ids are all that a fix cannot have from the cases."""
        user, client = self.admin.user(one.realm, one.username)["id"], self.admin.client(one.realm, one.client_id)["id"]
        for account_id in one.account_ids:
            text = text.replace(account_id, user)
        return text.replace(CLIENT_UUID, client)

    def reset(self, one: Printed) -> None:
        """Nothing granted and nothing in the scope but the role that everybody holds."""
        user, client = self._paths(one)
        for path in (f"{user}/role-mappings", f"{client}/scope-mappings"):
            held = self.admin("GET", path)
            for entry in held.get("clientMappings", {}).values():
                self.admin("DELETE", f"{path}/clients/{entry['id']}", entry["mappings"])
            self.admin("DELETE", f"{path}/realm", held.get("realmMappings", []))
        owner = self.admin.client(one.realm, _owner(one))
        role = self.admin("GET", f"/{one.realm}/clients/{owner['id']}/roles/{HELD}")
        for path in (f"{user}/role-mappings", f"{client}/scope-mappings"):
            self.admin("POST", f"{path}/clients/{owner['id']}", [role])

    def left(self, one: Printed) -> tuple[set[str], set[str]]:
        """The roles that the account holds now and that the client's scope lets through: of the owning client, or of the realm."""
        user, client = self._paths(one)
        return self._names(f"{user}/role-mappings", one), self._names(f"{client}/scope-mappings", one)

    def expected(self, one: Printed) -> tuple[set[str], set[str]]:
        """What has to be left: the roles of the fix where it is meant to put them, and what was there."""
        roles = set(one.fix.roles)
        return {HELD, *(roles if one.grants else ())}, {HELD, *(roles if one.maps_scope else ())}

    def _names(self, path: str, one: Printed) -> set[str]:
        held: Mapping[str, Any] = self.admin("GET", path)
        names = {role["name"] for entry in held.get("clientMappings", {}).values() for role in entry["mappings"]}
        return names | {role["name"] for role in held.get("realmMappings", []) if one.container is None}

    def _paths(self, one: Printed) -> tuple[str, str]:
        user, client = self.admin.user(one.realm, one.username), self.admin.client(one.realm, one.client_id)
        return f"/{one.realm}/users/{user['id']}", f"/{one.realm}/clients/{client['id']}"


def _owner(one: Printed) -> str:
    return "master-realm" if one.realm == "master" else "realm-management"


def one_for_each_cause(found: list[Printed]) -> Iterator[Printed]:
    """The first fix of each cause, and for each cause the first with a scope mapping."""
    seen: set[tuple[Cause, bool]] = set()
    for one in found:
        if (one.cause, one.maps_scope) not in seen:
            seen.add((one.cause, one.maps_scope))
            yield one
