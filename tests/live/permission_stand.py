"""The realm in which situations of fine-grained admin permissions are played, one at a time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devkit.lab import Attempt, Client, Lab
from devkit.realserver.distribution import version_numbers
from kcproxy.keycloak.lookup_client import VOLATILE_SECONDS
from tests.live.permission_situations import Given, PermissionSituation


@dataclass(kw_only=True)
class Stand:
    """A realm with a few objects, and the permissions of one situation at a time."""

    lab: Lab
    realm: str
    ids: dict[str, str] = field(default_factory=dict)
    server: str = ""
    policies: list[str] = field(default_factory=list)
    outsider: Attempt | None = None
    """The call of an account without rights, in the situation that is played."""

    @property
    def path(self) -> str:
        return f"/admin/realms/{self.realm}"

    async def build(self) -> None:
        admin, path = self.lab.admin, self.path
        client = (await admin("GET", path))["adminPermissionsClient"]["id"]
        self.server = f"{path}/clients/{client}/authz/resource-server"
        self.ids["admin-permissions"] = str(client)
        for name in ("sales", "staff", "other", "sales/south"):
            await admin("POST", f"{path}/groups", {"name": name})
        for group in await admin("GET", f"{path}/groups"):
            self.ids[group["name"]] = group["id"]
        self.ids["emea"] = (await admin("POST", f"{path}/groups/{self.ids['sales']}/children", {"name": "emea"}))["id"]
        members = [(name, ["/sales/emea"]) for name in ("bob", "eve", "finn", "gina")]
        for name, groups in (*members, ("carol", ["/other"]), *((name, []) for name in ("dave", "hank", "ivy", "chief", "zoe"))):
            self.ids[name] = await self.lab.make_user(name, self.realm, groups=groups)
        self.ids["nia"] = await self.lab.make_user("nia", self.realm)
        await admin("PUT", f"{path}/users/{self.ids['nia']}/groups/{self.ids['sales/south']}")
        for name in ("c0", "c1"):
            self.ids[name] = (await self.lab.make_client(self.realm, clientId=name, serviceAccountsEnabled=False)).uuid
        await self._make_roles()
        await self._give_roles()
        self.ids["s0"] = await self._client_scope("s0")
        self.ids["team"] = await self._group_with_role("team", "r1")
        for name in ("o0", "o1"):
            await admin("POST", f"{path}/organizations", {"name": name, "alias": name, "domains": [{"name": f"{name}.example"}]})
        for organization in await admin("GET", f"{path}/organizations"):
            self.ids[organization["name"]] = organization["id"]

    async def _make_roles(self) -> None:
        admin, path = self.lab.admin, self.path
        for name in ("r0", "r1", "r2", "above-r1"):
            await admin("POST", f"{path}/roles", {"name": name})
            self.ids[name] = (await admin("GET", f"{path}/roles/{name}"))["id"]
        await admin("POST", f"{path}/roles/above-r1/composites", [{"id": self.ids["r1"], "name": "r1"}])
        for client, name in (("c0", "c0-a"), ("c0", "c0-b"), ("c1", "c1-a")):
            await admin("POST", f"{path}/clients/{self.ids[client]}/roles", {"name": name})
            self.ids[name] = (await admin("GET", f"{path}/clients/{self.ids[client]}/roles/{name}"))["id"]

    async def _give_roles(self) -> None:
        for name in ("hank", "ivy"):
            await self.lab.admin("POST", f"{self.path}/users/{self.ids[name]}/role-mappings/realm", [{"id": self.ids["r0"], "name": "r0"}])
        owner, role = await self.lab.role(self.realm, "realm-management", "manage-users")
        await self.lab.admin("POST", f"{self.path}/users/{self.ids['chief']}/role-mappings/clients/{owner}", [role])

    async def _client_scope(self, name: str) -> str:
        await self.lab.admin("POST", f"{self.path}/client-scopes", {"name": name, "protocol": "openid-connect"})
        return next(str(each["id"]) for each in await self.lab.admin("GET", f"{self.path}/client-scopes") if each["name"] == name)

    async def _group_with_role(self, name: str, role: str) -> str:
        await self.lab.admin("POST", f"{self.path}/groups", {"name": name})
        group = next(str(each["id"]) for each in await self.lab.admin("GET", f"{self.path}/groups?search={name}") if each["name"] == name)
        await self.lab.admin("POST", f"{self.path}/groups/{group}/role-mappings/realm", [{"id": self.ids[role], "name": role}])
        return group

    async def play(self, situation: PermissionSituation) -> tuple[Attempt, Attempt | None]:
        """Put the situation in force: the call of a new caller, and the control."""
        await self.clear()
        caller = await self.lab.make_client(self.realm, fullScopeAllowed=situation.full_scope)
        if situation.roles:
            await self.lab.grant(caller, *situation.roles)
        if situation.joins:
            await self.lab.admin("PUT", f"{self.path}/users/{caller.account}/groups/{self.ids[situation.joins]}")
        if situation.holds:
            roles = [{"id": self.ids[name], "name": name} for name in situation.holds]
            await self.lab.admin("POST", f"{self.path}/users/{caller.account}/role-mappings/realm", roles)
        for number, permission in enumerate(situation.given):
            await self._permit(permission, caller, number)
        if situation.taken:
            name = f"Only service-account-{caller.client_id}"
            await self.lab.admin("POST", f"{self.server}/policy/user", {"name": name, "users": [self.ids["dave"]]})
        token = await self.lab.token(caller)
        await asyncio.sleep(2 * VOLATILE_SECONDS)  # the proxy may still know the permissions of the situation before
        call = self._attempt(situation.call, situation.json, token, caller)
        self.outsider = self._attempt(situation.call, situation.json, await self._other_token(caller), caller)
        control = self._attempt(situation.control, situation.control_json or situation.json, token, caller) if situation.control else None
        return call, control

    async def _other_token(self, caller: Client) -> str:
        """Of an account without rights: a user who logs in through the caller's client, where policies can tell the two apart."""
        if version_numbers(self.lab.keycloak.version)[:2] < (26, 7):
            return await self.lab.token(await self.lab.make_client(self.realm))
        return await self.lab.token(caller, user="zoe")

    def _attempt(self, text: str, json: Any, token: str, caller: Client) -> Attempt:
        method, _, path = text.partition(" ")
        return Attempt(method=method, path=self.path + self._filled(path), token=token, json=self._filled(json), client=caller)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            for name, identifier in self.ids.items():
                value = value.replace("{" + name + "}", identifier)
            return value
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return {key: self._filled(item) for key, item in value.items()} if isinstance(value, dict) else value

    async def clear(self) -> None:
        for _ in range(8):
            listed = await self.lab.admin("GET", f"{self.server}/policy?first=0&max=200")
            if not listed:
                return
            permissions = [each for each in listed if each["type"] == "scope"]
            combined = sorted(
                (each for each in listed if each["type"] == "aggregate"), key=lambda each: not each["name"].startswith("nested")
            )
            for item in permissions or combined[:1] or listed:
                await self.lab.admin("DELETE", f"{self.server}/policy/{item['id']}")

    async def _permit(self, permission: Given, caller: Client, number: int) -> None:
        type_name, scopes, *objects = permission.text.split(" ")
        body: dict[str, Any] = {"name": permission.name or f"P{number}", "resourceType": type_name, "scopes": scopes.split(",")}
        body["policies"] = [await self._policy(policy, caller) for policy in permission.policy.split("+")]
        if objects:
            body["resources"] = [self.ids[name] for name in objects[0].split(",")]
        await self.lab.admin("POST", f"{self.server}/permission/scope", body)

    async def _policy(self, name: str, caller: Client) -> str:
        known = {item["name"]: item["id"] for item in await self.lab.admin("GET", f"{self.server}/policy?permission=false&first=0&max=100")}
        if name in known:
            return str(known[name])
        kind, body = await self._policy_body(name, caller)
        return str((await self.lab.admin("POST", f"{self.server}/policy/{kind}", {"name": name, **body}))["id"])

    async def _policy_body(self, name: str, caller: Client) -> tuple[str, dict[str, Any]]:
        if name in _COMBINED:
            parts, strategy, logic = _COMBINED[name]
            policies = [await self._policy(part, caller) for part in parts]
            return "aggregate", {"policies": policies, "decisionStrategy": strategy, "logic": logic}
        own = self._own(caller)
        simple: dict[str, tuple[str, dict[str, Any]]] = {
            "own": own,
            "not-own": (own[0], {**own[1], "logic": "NEGATIVE"}),
            "others": ("user", {"users": [self.ids["dave"]]}),
            "not-others": ("user", {"users": [self.ids["dave"]], "logic": "NEGATIVE"}),
            "role": ("role", {"roles": [{"id": self.ids["r1"]}]}),
            "group": ("group", {"groups": [{"id": self.ids["staff"], "extendChildren": True}]}),
            "sales": ("group", {"groups": [{"id": self.ids["sales"], "extendChildren": True}]}),
            "sales-alone": ("group", {"groups": [{"id": self.ids["sales"], "extendChildren": False}]}),
            "client": ("client", {"clients": [self.ids["c1"]]}),
            "not-c1": ("client", {"clients": [self.ids["c1"]], "logic": "NEGATIVE"}),
            "own-client": ("client", {"clients": [caller.uuid]}),
            "scope": ("client-scope", {"clientScopes": [{"id": self.ids["s0"], "required": False}]}),
            "regex": ("regex", {"targetClaim": "preferred_username", "pattern": "nobody-.*"}),
            "host": ("regex", {"targetClaim": "clientHost", "pattern": ".+"}),
            "account": ("regex", {"targetClaim": "preferred_username", "pattern": "service-account-.*"}),
            "not-account": ("regex", {"targetClaim": "preferred_username", "pattern": "service-account-.*", "logic": "NEGATIVE"}),
            "past": ("time", {"notOnOrAfter": "2020-01-01 00:00:00"}),
            "future": ("time", {"notBefore": "2999-01-01 00:00:00"}),
            "other-hour": ("time", {"hour": _HOUR, "hourEnd": _HOUR}),
            "since": ("time", {"notBefore": "2020-01-01 00:00:00"}),
        }
        return simple[name]

    def _own(self, caller: Client) -> tuple[str, dict[str, Any]]:
        """Names the caller alone: before 26.7 policies know a service account only as its client."""
        if version_numbers(self.lab.keycloak.version)[:2] < (26, 7):
            return "client", {"clients": [caller.uuid]}
        return "user", {"users": [caller.account]}


_HOUR = str((datetime.now(tz=UTC).hour + 12) % 24)
"""An hour that is far from now."""

_COMBINED = {
    "both": (("own", "others"), "UNANIMOUS", "POSITIVE"),
    "own-or-others": (("own", "others"), "AFFIRMATIVE", "POSITIVE"),
    "not-own-or-others": (("own", "others"), "AFFIRMATIVE", "NEGATIVE"),
    "one-of-three": (("own", "others", "role"), "CONSENSUS", "POSITIVE"),
    "two-of-three": (("own", "others", "since"), "CONSENSUS", "POSITIVE"),
    "nested-both": (("both", "own"), "UNANIMOUS", "POSITIVE"),
}
"""Aggregated policies: their parts, decision strategy and logic. Those that contain another one begin with ``nested``."""
