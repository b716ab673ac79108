"""The scenario: attempt 1 in three ways, the fix from the explanation, attempt 2."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kcproxy.cli.scenario.exchange import Bearer, Exchange, Server
from kcproxy.cli.scenario.kcadm import Kcadm
from kcproxy.cli.scenario.stage import CLIENT_ID, REALM, SERVICE_ACCOUNT, USERNAME, Stage
from kcproxy.cli.scenario.steps import Audience, Check, ScenarioError, Step

ROLE = "view-users"
OWNER = "realm-management"
_NAMED = (SERVICE_ACCOUNT, ROLE, OWNER)


class Play(Struct, frozen=True, kw_only=True):
    """Both servers, the prepared realm, and kcadm for the fix. ``live_grants``: the server reads roles at the time of the call (26.x)."""

    keycloak: Server
    proxy: Server
    stage: Stage
    kcadm: Kcadm
    audience: Audience
    live_grants: bool

    @property
    def path(self) -> str:
        """The path of the request."""
        return f"/admin/realms/{REALM}/users/{self.stage.user_id}"

    async def play(self) -> None:
        """Run all steps in order, and show each of them."""
        token = await self._attempt_directly()
        await self._attempt("Attempt 1 through kcproxy, with the same token", token)
        explanation = await self._attempt("Attempt 1 through kcproxy, without a token: the proxy adds that of the service account", None)
        await self._fix(explanation)
        await self._attempt_after_injected()
        await self._attempt_after_with(token)

    async def _token(self) -> tuple[Exchange, Bearer]:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": self.stage.client_secret.reveal()}
        exchange, bearer = await self.keycloak.token(REALM, form, SERVICE_ACCOUNT)
        if bearer is None:
            raise ScenarioError(f"no token for {CLIENT_ID}: {exchange.status} {exchange.body}")
        return exchange, bearer

    async def _attempt_directly(self) -> Bearer:
        title = "Attempt 1, directly from Keycloak: a token with the client_credentials grant, then the user"
        self.audience.begun(title)
        fetched, token = await self._token()
        refused = await self.keycloak.send("GET", self.path, bearer=token)
        checks = [
            Check(ok=refused.status == 403, says="Keycloak refuses: 403 Forbidden, so the credentials are right"),
            Check(ok=not any(name in str(refused.body) for name in _NAMED), says="Keycloak does not say what is missing"),
        ]
        self.audience.ended(Step(title=title, exchanges=[fetched, refused], checks=checks, attempt=True))
        return token

    async def _attempt(self, title: str, token: Bearer | None) -> Mapping[str, Any]:
        self.audience.begun(title)
        refused = await self.proxy.send("GET", self.path, bearer=token)
        explanation = refused.json.get("explanation")
        found: Mapping[str, Any] = explanation if isinstance(explanation, dict) else {}
        checks = _checks_of_explained(refused, found)
        self.audience.ended(Step(title=title, exchanges=[refused], checks=checks, explanation=found or None, attempt=True))
        return found

    async def _fix(self, explanation: Mapping[str, Any]) -> None:
        title = "The fix: the command from the explanation"
        fixes = explanation.get("fixes") or [{}]
        commands = fixes[0].get("kcadm") or []
        if len(commands) != 1:
            raise ScenarioError(f"the explanation has {len(commands)} kcadm commands instead of one")
        self.audience.begun(title)
        done = await self.kcadm.run(commands[0])
        checks = [Check(ok=done.exit_code == 0, says=f"run by {done.program}, exit code {done.exit_code}")]
        self.audience.ended(Step(title=title, command=done, checks=checks))

    async def _attempt_after_injected(self) -> None:
        title = "Attempt 2 through kcproxy, without a token: the very next request"
        self.audience.begun(title)
        answer = await self.proxy.send("GET", self.path)
        self.audience.ended(Step(title=title, exchanges=[answer], checks=[_is_the_user(answer)], attempt=True))

    async def _attempt_after_with(self, token: Bearer) -> None:
        title = "Attempt 2 through kcproxy, with the caller's own token"
        self.audience.begun(title)
        exchanges: list[Exchange] = []
        note = None
        if not self.live_grants:
            stale = await self.proxy.send("GET", self.path, bearer=token)
            fetched, token = await self._token()
            exchanges = [stale, fetched]
            note = "This Keycloak reads roles from the token. The old token has none, so the caller fetches a new one."
        answer = await self.proxy.send("GET", self.path, bearer=token)
        self.audience.ended(Step(title=title, exchanges=[*exchanges, answer], checks=[_is_the_user(answer)], note=note, attempt=True))


def _checks_of_explained(refused: Exchange, explanation: Mapping[str, Any]) -> list[Check]:
    required = explanation.get("required")
    least = required.get("least") if isinstance(required, dict) else None
    summary = str(explanation.get("summary", ""))
    return [
        Check(ok=refused.status == 403, says="the status code is still 403"),
        Check(ok=isinstance(refused.json.get("error"), str), says="Keycloak's own error is still in the body"),
        Check(ok=refused.header("Kcproxy-Required-Role") == ROLE, says=f"header Kcproxy-Required-Role: {ROLE}"),
        Check(ok=least == [ROLE] and explanation.get("missing") == [ROLE], says=f"the least required role, which is missing, is {ROLE}"),
        Check(ok=all(name in summary for name in _NAMED), says="one sentence names the caller, the role, and the client of the role"),
    ]


def _is_the_user(answer: Exchange) -> Check:
    ok = answer.status == 200 and answer.json.get("username") == USERNAME
    return Check(ok=ok, says=f"200 OK with {USERNAME}" if ok else f"{answer.status} instead of 200 with {USERNAME}")
