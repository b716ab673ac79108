"""A holder of one role: makes the calls of a way, records them as evidence, and shows the result."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.measure.http import Answer, Body, Unexpected, json_body
from tools.measure.powers.browser import Browser, Page
from tools.measure.powers.sinks import Sinks
from tools.measure.powers.way import NOT_SHOWN, Fruitless, Refused
from tools.measure.stage import PASSWORD, Scope
from tools.measure.workbench import Stand

NEW_PASSWORD = "taken-over-3"


@dataclass(slots=True, kw_only=True)
class Intruder:
    """The holder of one role in a realm whose fixtures (`scope`) belong to others. `calls` is the evidence, in order."""

    stand: Stand
    scope: Scope
    token: str
    sinks: Sinks
    calls: list[str] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        """What the names of this try's fixtures end with."""
        return self.scope.suffix

    async def ask(self, method: str, path: str, value: Any = None, *, query: str = "", body: Body | None = None) -> Answer:
        """A call below the realm with the intruder's token; any status code is accepted. Placeholders name fixtures."""
        target = f"{self.stand.realm.path}{await self.scope.fill_text(path, encode=True)}"
        sent = body or (json_body(await self.scope.fill(value)) if value is not None else None)
        self.calls.append(_noted(method, path + (f"?{query}" if query else ""), value))
        asked = await self.scope.fill_text(query, encode=True)
        return await self.stand.realm.server.call(method, target, token=self.token, query=asked, body=sent)

    async def call(self, method: str, path: str, value: Any = None, *, query: str = "", body: Body | None = None) -> Answer:
        """The same, and it has to pass; Refused if it does not."""
        answer = await self.ask(method, path, value, query=query, body=body)
        if not answer.succeeded:
            raise Refused(step=len(self.calls), status=answer.status)
        return answer

    async def fixtures(self, *keys: str) -> None:
        """What others made before."""
        for key in keys:
            await self.scope.get(key)

    async def log_in(self, name: str, password: str = PASSWORD) -> str:
        """The token of a user, by name and password."""
        self.calls.append("log in with name and password")
        return await self._token({"client_id": "admin-cli", "grant_type": "password", "username": name, "password": password})

    async def log_in_as_client(self, name: str, secret: str) -> str:
        """The token of a client's service account."""
        self.calls.append("log in with the client's secret")
        return await self._token({"client_id": name, "grant_type": "client_credentials", "client_secret": secret})

    async def _token(self, fields: Mapping[str, str]) -> str:
        realm = self.stand.realm
        try:
            return str((await realm.server.token(realm.name, fields))["access_token"])
        except Unexpected as error:
            raise Fruitless(f"no login: {str(error).rpartition(': ')[2][:80]}") from None

    def browser(self) -> Browser:
        """A new browser, at no page yet."""
        return Browser(base_url=self.stand.realm.server.base_url, realm=self.stand.realm.name)

    async def log_in_by(self, page: Page, browser: Browser) -> str:
        """The token that a login in the browser ends with."""
        token = await browser.finished(page)
        if not token:
            raise Fruitless(f"no login: the browser is at {page.title or 'no page'}"[:100])
        return token

    async def log_in_at(self, page: Page, browser: Browser, name: str, password: str = PASSWORD) -> str:
        """The token of a login at a login page; a realm with organizations asks for the name first and then for the password."""
        page = await browser.submit(page, {"username": name, "password": password})
        return await self.log_in_by(page if page.code else await browser.submit(page, {"password": password}), browser)

    async def becomes_admin(self, token: str) -> None:
        """Show it: with this token the authentication flows can be read and realm-admin can be granted."""
        realm = self.stand.realm
        flows = await realm.server.call("GET", f"{realm.path}/authentication/flows", token=token)
        if not (flows.succeeded and flows.body):
            raise Fruitless(f"the token gained may not read authentication flows: {flows.status}")
        victim = await self.scope.get("other-user")
        mappings = f"{realm.path}/users/{victim}/role-mappings/clients/{realm.management_id}"
        given = await realm.server.call("POST", mappings, token=token, body=json_body([dict(realm.roles["realm-admin"])]))
        if not given.succeeded:
            raise Fruitless(f"the new token may not grant realm-admin: {given.status}")
        held = (await realm.server.admin("GET", mappings)).body
        if "realm-admin" not in {role["name"] for role in held}:
            raise Fruitless("realm-admin was not granted")
        self.calls += ["with the token gained: GET /authentication/flows", "with the token gained: POST …/role-mappings realm-admin"]

    async def acts_as(self, token: str, user_id: str) -> None:
        """Show it: the token's subject or session is that user's, and Keycloak takes the token."""
        realm = self.stand.realm
        claims = claims_of(token)
        sessions = {each["id"] for each in (await realm.admin("GET", f"/users/{user_id}/sessions")).body}
        # Lightweight tokens keep their subject to themselves and name the session.
        if claims.get("sub") != user_id and claims.get("sid") not in sessions:
            raise Fruitless("the token gained is not the other's")
        answer = await realm.server.call("GET", f"{realm.path}/users/count", token=token)
        if answer.status == 401:  # 403 is no doubt of the subject, only of their roles
            raise Fruitless("the token gained is not taken: 401")
        self.calls.append("with the token gained: its subject is the other")

    def found(self, planted: str, where: Any) -> None:
        """Show it: the planted secret is in what was received."""
        text = where if isinstance(where, str) else json.dumps(where)
        if planted not in text:
            raise Fruitless(NOT_SHOWN)
        self.calls.append("it is in what was received")

    async def gone(self, path: str) -> None:
        """Show it: the server's administrator finds nothing there any more."""
        realm = self.stand.realm
        answer = await realm.server.ask("GET", f"{realm.path}{await self.scope.fill_text(path, encode=True)}")
        if answer.succeeded and answer.body not in ([], {}, None):
            raise Fruitless("it is still there")
        self.calls.append("it is gone")


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified; empty if it has none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return dict(claims)


def _noted(method: str, path: str, value: Any) -> str:
    text = f"{method} {path}"
    return f"{text} {json.dumps(value, ensure_ascii=False)}" if value is not None else text
