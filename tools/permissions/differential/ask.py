"""Put one configuration in force, ask the server, ask the evaluator."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kcproxy.permissions.decide import Decision, Outcome, decide
from kcproxy.permissions.model import PermissionSet, rules_for
from kcproxy.permissions.parse import permission_set
from kcproxy.permissions.policies import Situation
from tools.measure.http import json_body
from tools.permissions.differential.generate import Configuration, Question
from tools.permissions.differential.realm import MEMBERSHIPS, SmallRealm

Call = tuple[str, str, Any]
PROBES: dict[str, Callable[["SmallRealm", tuple[str, ...]], Call]] = {
    "create-user": lambda _, __: ("POST", "/users", {"username": "probe", "enabled": True}),
    "create-group": lambda _, __: ("POST", "/groups", {"name": "probe"}),
    "create-client": lambda _, __: ("POST", "/clients", {"clientId": "probe"}),
    "list-users": lambda _, __: ("GET", "/users", None),
    "list-groups": lambda _, __: ("GET", "/groups", None),
    "list-clients": lambda _, __: ("GET", "/clients", None),
    "get-user": lambda realm, names: ("GET", f"/users/{realm.ids[names[0]]}", None),
    "put-user": lambda realm, names: ("PUT", f"/users/{realm.ids[names[0]]}", {"firstName": "C"}),
    "impersonate": lambda realm, names: ("POST", f"/users/{realm.ids[names[0]]}/impersonation", {}),
    "reset-password": lambda realm, names: (
        "PUT",
        f"/users/{realm.ids[names[0]]}/reset-password",
        {"type": "password", "value": "other-pass-2"},
    ),
    "get-group": lambda realm, names: ("GET", f"/groups/{realm.ids[names[0]]}", None),
    "put-group": lambda realm, names: (
        "PUT",
        f"/groups/{realm.ids[names[0]]}",
        {"name": realm.names.group_paths[realm.ids[names[0]]].rpartition("/")[2]},
    ),
    "get-members": lambda realm, names: ("GET", f"/groups/{realm.ids[names[0]]}/members", None),
    "get-client": lambda realm, names: ("GET", f"/clients/{realm.ids[names[0]]}", None),
    "put-client": lambda realm, names: ("PUT", f"/clients/{realm.ids[names[0]]}", {"clientId": names[0], "description": "d"}),
    "get-organization": lambda realm, names: ("GET", f"/organizations/{realm.ids[names[0]]}", None),
    "put-organization": lambda realm, names: (
        "PUT",
        f"/organizations/{realm.ids[names[0]]}",
        {"name": names[0], "alias": names[0], "domains": [{"name": f"{names[0]}.example"}]},
    ),
    "join": lambda realm, names: ("PUT", f"/users/{realm.ids[names[0]]}/groups/{realm.ids[names[1]]}", {}),
    "map-role": lambda realm, names: (
        "POST",
        f"/users/{realm.ids[names[0]]}/role-mappings/realm",
        [{"id": realm.ids[names[1]], "name": names[1]}],
    ),
}
"""Calls of which each is allowed exactly where its decisions are granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question with all answers. `evaluated`: what `policy/evaluate` says of each need; None if it could not be asked."""

    caller: str
    question: Question
    status: int
    decisions: tuple[Decision, ...]
    evaluated: tuple[bool | None, ...]

    @property
    def allowed(self) -> bool:
        """What the server did."""
        return self.status < 400

    @property
    def expected(self) -> bool | None:
        """What the evaluator says; None if it leaves it open."""
        outcomes = {decision.outcome for decision in self.decisions}
        if outcomes & {Outcome.DENIED, Outcome.MISSING}:
            return False
        return None if Outcome.OPEN in outcomes else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A realm's permissions as the server's endpoints answer them: what `permission_set` takes."""

    permissions: Any
    policies: Any
    associated: Mapping[str, Any]
    resources: Mapping[str, Any]
    scopes: Mapping[str, Any]

    def parsed(self, realm: SmallRealm) -> PermissionSet:
        """As values."""
        return permission_set(
            self.permissions,
            self.policies,
            associated=self.associated,
            resources=self.resources,
            scopes=self.scopes,
            names=realm.names,
        )


async def read_permissions(ask: Callable[[str], Awaitable[Any]]) -> Read:
    """Ask for everything: one call for permissions, one for policies, one more for each that has parts."""
    permissions = await ask("/permission/scope?fields=*&first=0&max=200")
    policies = await ask("/policy?permission=false&first=0&max=200")
    plain = [item for item in permissions if "resourcesData" not in item]
    parts = [*permissions, *(item for item in policies if item["type"] == "aggregate")]
    return Read(
        permissions=permissions,
        policies=policies,
        associated={item["id"]: await ask(f"/policy/{item['id']}/associatedPolicies") for item in parts},
        resources={item["id"]: await ask(f"/policy/{item['id']}/resources") for item in plain},
        scopes={item["id"]: await ask(f"/policy/{item['id']}/scopes") for item in plain},
    )


@dataclass(slots=True, kw_only=True)
class Asker:
    """Asks in one realm."""

    realm: SmallRealm
    now: datetime

    async def ask(self, configuration: Configuration) -> tuple[Read, list[Answered]]:
        """All questions of a configuration."""
        await self._put(configuration)
        read = await read_permissions(self._get)
        known = read.parsed(self.realm)
        return read, [await self._responded(caller, question, known) for caller, question in configuration.questions]

    async def _get(self, path: str) -> Any:
        return (await self.realm.server.admin("GET", self.realm.permissions_path + path)).body

    async def _put(self, configuration: Configuration) -> None:
        server, path = self.realm.server, self.realm.permissions_path
        await self.clear()
        for position, (kind, body) in enumerate(configuration.policies):
            answer = await server.admin("POST", f"{path}/policy/{kind}", self._with_ids(body))
            self.realm.ids[f"policy:{position}"] = answer.body["id"]
        for body in configuration.permissions:
            await server.admin("POST", f"{path}/permission/scope", self._with_ids(body))

    async def clear(self) -> None:
        """Take every permission and policy away, what is built of others first."""
        for _ in range(8):
            listed = await self._get("/policy?first=0&max=200")
            if not listed:
                return
            for item in sorted(listed, key=lambda item: (item["type"] != "scope", item["type"] != "aggregate")):
                await self.realm.server.ask("DELETE", f"{self.realm.permissions_path}/policy/{item['id']}")

    def _with_ids(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.realm.ids.get(value, value)
        if isinstance(value, Mapping):
            return {key: self._with_ids(item) for key, item in value.items()}
        return [self._with_ids(item) for item in value] if isinstance(value, list | tuple) else value

    def context(self, caller: str, known: PermissionSet) -> Situation:
        """What the evaluator knows about a caller."""
        identity = self.realm.identities[caller]
        return Situation(identity=identity, permissions=known, rules=rules_for(self.realm.version.numbers), now=self.now)

    def decided(self, caller: str, question: Question, known: PermissionSet) -> tuple[Decision, ...]:
        """What the evaluator says of each side of a question."""
        context = self.context(caller, known)
        return tuple(decide(self.realm.asked(type_name, label), scope, context) for type_name, label, scope in question.needs)

    async def _responded(self, caller: str, question: Question, known: PermissionSet) -> Answered:
        return Answered(
            caller=caller,
            question=question,
            status=await self.probe(caller, question),
            decisions=self.decided(caller, question, known),
            evaluated=tuple([await self._evaluated(caller, *need) for need in question.needs]),
        )

    async def probe(self, caller: str, question: Question) -> int:
        """The status of the call itself; what it changed is changed back."""
        method, below, value = PROBES[question.probe](self.realm, question.names)
        server, path = self.realm.server, self.realm.path
        body = json_body(value) if value is not None else None
        answer = await server.call(method, path + below, token=self.realm.tokens[caller], body=body)
        if answer.status < 400:
            await self._undo(caller, question, answer.location)
        return answer.status

    async def _undo(self, caller: str, question: Question, location: str) -> None:
        server, path = self.realm.server, self.realm.path
        if question.probe == "impersonate":  # ends the caller's own session
            await self.realm.log_in(caller)
        if question.probe.startswith("create-"):
            await server.ask("DELETE", location[location.index("/admin/") :])
        if question.probe == "join" and question.names[1] not in MEMBERSHIPS.get(question.names[0], ()):
            await server.ask("DELETE", f"{path}/users/{self.realm.ids[question.names[0]]}/groups/{self.realm.ids[question.names[1]]}")
        if question.probe == "map-role":
            _, below, value = PROBES["map-role"](self.realm, question.names)
            await server.ask("DELETE", path + below, value)

    async def _evaluated(self, caller: str, type_name: str, label: str, scope: str) -> bool | None:
        if scope not in self.realm.types.get(type_name, ()):
            return None
        body = {
            "userId": self.realm.ids[f"account:{caller}"],
            "clientId": self.realm.ids[f"client-of:{caller}"],
            "resourceType": type_name,
            "resources": [{"name": self.realm.ids[label] if label else type_name, "scopes": [{"name": scope}]}],
            "context": {"attributes": {}},
            "roleIds": [],
        }
        answer = await self.realm.server.ask("POST", f"{self.realm.permissions_path}/policy/evaluate", body)
        if answer.status != 200:
            return None
        return any(item["name"] == scope for result in answer.body["results"] for item in result.get("allowedScopes", ()))
