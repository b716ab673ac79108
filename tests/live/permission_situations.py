"""Situations of fine-grained admin permissions on a real server: what is in force, who calls, what is true, and what must stay refused."""

from dataclasses import dataclass, field
from typing import Any

from devkit.lab import Attempt, Client, Lab

MISSING, DENIED = "fine-grained-permission-missing", "fine-grained-permission-denied"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Given:
    """One permission: ``Users view bob``, or without objects ``Users view`` for all, with the name of a policy."""

    text: str
    policy: str = "own"
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class PermissionSituation:
    """``call`` and ``control``: method and path, with names in braces instead of IDs. ``named``: what the operator's summary contains.

    ``passes``: whether the first fix of the operator opens the call.
    """

    says: str
    call: str
    truth: str
    named: str
    given: tuple[Given, ...] = ()
    control: str = ""
    json: Any = None
    control_json: Any = None
    roles: tuple[str, ...] = ()
    passes: bool = True
    sure: str = "certain"


def given(text: str, policy: str = "own", name: str = "") -> Given:
    return Given(text=text, policy=policy, name=name)


def _one(
    says: str, call: str, named: str, *permissions: Given, control: str = "", truth: str = MISSING, **more: Any
) -> PermissionSituation:
    return PermissionSituation(says=says, call=call, truth=truth, named=named, given=permissions, control=control, **more)


_JOIN = "PUT /users/{bob}/groups/{staff}"
_RESET = {"type": "password", "value": "An-other-pass-1", "temporary": False}
SITUATIONS = (
    # each type of resource, nothing in force
    _one("a user is read", "GET /users/{bob}", "view of user bob", control="GET /users/{carol}"),
    _one("a user is changed", "PUT /users/{bob}", "manage of user bob", control="PUT /users/{carol}", json={"firstName": "X"}),
    _one("a password is reset", "PUT /users/{bob}/reset-password", "reset-password of user bob", control="PUT /users/{carol}/reset-password", json=_RESET),
    _one("a user is impersonated", "POST /users/{bob}/impersonation", "impersonate of user bob", control="POST /users/{carol}/impersonation", json={}, sure="likely"),
    _one("a group is read", "GET /groups/{sales}", "view of group /sales", control="GET /groups/{staff}"),
    _one("a group is changed", "PUT /groups/{sales}", "manage of group /sales", control="PUT /groups/{staff}", json={"name": "sales"}, control_json={"name": "staff"}),
    _one("members of a group are listed", "GET /groups/{sales}/members", "view-members of group /sales", control="GET /groups/{staff}/members"),
    _one("a client is read", "GET /clients/{c0}", "view of client c0", control="GET /clients/{c1}"),
    _one("a secret of a client is read", "GET /clients/{c0}/client-secret", "view of client c0", control="GET /clients/{c1}/client-secret"),
    _one("a client is changed", "PUT /clients/{c0}", "manage of client c0", control="PUT /clients/{c1}", json={"clientId": "c0", "description": "d"}, control_json={"clientId": "c1"}),
    _one("an organization is read", "GET /organizations/{o0}", "view of organization", control="GET /organizations/{o1}"),
    _one("a user is created", "POST /users", "manage of all users", json={"username": "made-1"}, control="POST /groups", control_json={"name": "made"}),
    # two-sided
    _one(
        "joining a group, the group's side is missing",
        _JOIN,
        "may manage-group-membership of user bob, but not manage-membership of group /staff: permission Support covers group /sales only",
        given("Groups manage-membership sales", name="Support"),
        given("Users manage-group-membership bob"),
        control="PUT /users/{carol}/groups/{staff}",
    ),
    _one("joining a group, the user's side is missing", _JOIN, "but not manage-group-membership of user bob", given("Groups manage-membership staff"), control="PUT /users/{carol}/groups/{staff}"),
    _one("joining a group, both sides are missing", _JOIN, "manage-group-membership of user bob", control="PUT /users/{carol}/groups/{staff}"),
    _one(
        "joining a group through the scope for members",
        _JOIN,
        "but not manage-membership of group /staff",
        given("Groups manage-membership-of-members emea"),
        control="PUT /users/{bob}/groups/{other}",
    ),
    _one("mapping a role, the role's side is missing", "POST /users/{bob}/role-mappings/realm", "but not map-role of role r0", given("Users map-roles bob"), json=[{"id": "{r0}", "name": "r0"}], control="POST /users/{bob}/role-mappings/realm", control_json=[{"id": "{r1}", "name": "r1"}]),
    _one("mapping a role, the user's side is missing", "POST /users/{bob}/role-mappings/realm", "but not map-roles of user bob", given("Roles map-role r0"), json=[{"id": "{r0}", "name": "r0"}], control="POST /users/{carol}/role-mappings/realm", control_json=[{"id": "{r0}", "name": "r0"}]),
    _one("a user is created in a hidden group", "POST /users", "but not view of group /staff", given("Groups manage-members,view-members,manage-membership staff", name="Creatives"), roles=("view-clients",), json={"username": "made-2", "groups": ["/staff"]}),
    # another object, another scope
    _one("the permission is for another user", "GET /users/{bob}", "covers user dave only", given("Users view dave"), control="GET /users/{carol}"),
    _one("the permission has another scope", "PUT /users/{bob}", "gives view only", given("Users view bob"), control="PUT /users/{carol}", json={"firstName": "X"}),
    _one("the group of the permission is not the user's", "GET /users/{carol}", "view of user carol", given("Groups view-members sales"), control="GET /users/{dave}"),
    _one("view of the group is not view of its members", "GET /users/{bob}", "view of user bob", given("Groups view emea"), control="GET /users/{carol}"),
    _one("the caller views one group and asks for another", "GET /groups/{staff}", "covers group /sales only", given("Groups view sales"), control="GET /groups/{other}"),
    _one("the caller views a client and changes it", "PUT /clients/{c0}", "gives view only", given("Clients view c0"), json={"clientId": "c0"}, control="PUT /clients/{c1}", control_json={"clientId": "c1"}),
    # denials
    _one("another permission names the user", "GET /users/{bob}", "permission Closed denies it (policy others)", given("Users view"), given("Users view bob", "others", "Closed"), truth=DENIED, passes=False),
    _one("a permission for all denies, whatever its scope", "GET /groups/{sales}", "permission Wide denies it (policy others)", given("Groups manage", "others", "Wide"), truth=DENIED, control="GET /groups/{staff}"),
    _one("a group of the user denies", "GET /users/{bob}", "permission Team denies it (policy others)", given("Users view"), given("Groups view-members emea", "others", "Team"), truth=DENIED, passes=False),
    _one("the group above denies", "GET /users/{bob}", "permission Team denies it (policy others)", given("Users view"), given("Groups view-members sales", "others", "Team"), truth=DENIED, passes=False),
    _one("a denial of a client", "GET /clients/{c0}", "permission Closed denies it (policy others)", given("Clients view c0", "others", "Closed"), truth=DENIED, passes=False),
    _one("reset-password for others only", "PUT /users/{bob}/reset-password", "permission Reset denies it (policy others)", given("Users manage bob"), given("Users reset-password bob", "others", "Reset"), truth=DENIED, json=_RESET, passes=False),
    # policies
    _one("the caller lacks the role of the policy", "GET /users/{bob}", "permission P denies it (policy role)", given("Users view bob", "role", "P"), truth=DENIED, passes=False),
    _one("the caller is not in the group of the policy", "GET /users/{bob}", "permission P denies it (policy group)", given("Users view bob", "group", "P"), truth=DENIED, passes=False),
    _one("the policy names another client", "GET /users/{bob}", "permission P denies it (policy client)", given("Users view bob", "client", "P"), truth=DENIED, passes=False),
    _one("a negative policy", "GET /users/{bob}", "permission P denies it (policy not-own)", given("Users view bob", "not-own", "P"), truth=DENIED, passes=False),
    _one("an aggregated policy that needs both", "GET /users/{bob}", "permission P denies it (policy both)", given("Users view bob", "both", "P"), truth=DENIED, passes=False),
    _one("a regular expression that does not match", "GET /users/{bob}", "permission P denies it (policy regex)", given("Users view bob", "regex", "P"), truth=DENIED, passes=False),
    _one("a time that is over", "GET /users/{bob}", "view of user bob", given("Users view bob", "past", "P"), sure="likely", passes=False),
    _one("a permission for the role that the caller has, for another user", "GET /users/{bob}", "covers user dave only", given("Users view dave", "own-or-others"), control="GET /users/{carol}"),
    # the caller sees that the user exists
    _one("query-users, nothing else", "GET /users/{bob}", "view of user bob", roles=("query-users",), control="GET /users/{carol}"),
    _one("an ID that no user has", f"GET /users/{UNKNOWN_ID}", "view of user", passes=False),
)  # fmt: skip


@dataclass(kw_only=True)
class Stand:
    """A realm with a few objects, and the permissions of one situation at a time."""

    lab: Lab
    realm: str
    ids: dict[str, str] = field(default_factory=dict)
    server: str = ""
    policies: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/admin/realms/{self.realm}"

    async def build(self) -> None:
        admin, path = self.lab.admin, self.path
        client = (await admin("GET", path))["adminPermissionsClient"]["id"]
        self.server = f"{path}/clients/{client}/authz/resource-server"
        for name in ("sales", "staff", "other"):
            await admin("POST", f"{path}/groups", {"name": name})
        for group in await admin("GET", f"{path}/groups"):
            self.ids[group["name"]] = group["id"]
        self.ids["emea"] = (await admin("POST", f"{path}/groups/{self.ids['sales']}/children", {"name": "emea"}))["id"]
        for name, groups in (("bob", ["/sales/emea"]), ("carol", ["/other"]), ("dave", [])):
            self.ids[name] = await self.lab.make_user(name, self.realm, groups=groups)
        for name in ("c0", "c1"):
            self.ids[name] = (await self.lab.make_client(self.realm, clientId=name, serviceAccountsEnabled=False)).uuid
        for name in ("r0", "r1"):
            await admin("POST", f"{path}/roles", {"name": name})
            self.ids[name] = (await admin("GET", f"{path}/roles/{name}"))["id"]
        for name in ("o0", "o1"):
            await admin("POST", f"{path}/organizations", {"name": name, "alias": name, "domains": [{"name": f"{name}.example"}]})
        for organization in await admin("GET", f"{path}/organizations"):
            self.ids[organization["name"]] = organization["id"]

    async def play(self, situation: PermissionSituation) -> tuple[Attempt, Attempt | None]:
        """Put the situation in force: the call of a new caller, and the control."""
        await self.clear()
        caller = await self.lab.make_client(self.realm)
        if situation.roles:
            await self.lab.grant(caller, *situation.roles)
        for number, permission in enumerate(situation.given):
            await self._permit(permission, caller, number)
        token = await self.lab.token(caller)
        call = self._attempt(situation.call, situation.json, token, caller)
        control = self._attempt(situation.control, situation.control_json or situation.json, token, caller) if situation.control else None
        return call, control

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
        for _ in range(5):
            listed = await self.lab.admin("GET", f"{self.server}/policy?first=0&max=200")
            for item in (
                [each for each in listed if each["type"] == "scope"] or [each for each in listed if each["type"] == "aggregate"] or listed
            ):
                await self.lab.admin("DELETE", f"{self.server}/policy/{item['id']}")

    async def _permit(self, permission: Given, caller: Client, number: int) -> None:
        type_name, scopes, *objects = permission.text.split(" ")
        body: dict[str, Any] = {"name": permission.name or f"P{number}", "resourceType": type_name, "scopes": scopes.split(",")}
        body["policies"] = [await self._policy(permission.policy, caller)]
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
        if name in {"both", "own-or-others"}:
            parts = [await self._policy(part, caller) for part in ("own", "others")]
            return "aggregate", {"policies": parts, "decisionStrategy": "UNANIMOUS" if name == "both" else "AFFIRMATIVE"}
        simple: dict[str, tuple[str, dict[str, Any]]] = {
            "own": ("user", {"users": [caller.account]}),
            "not-own": ("user", {"users": [caller.account], "logic": "NEGATIVE"}),
            "others": ("user", {"users": [self.ids["dave"]]}),
            "role": ("role", {"roles": [{"id": self.ids["r1"]}]}),
            "group": ("group", {"groups": [{"id": self.ids["staff"], "extendChildren": True}]}),
            "client": ("client", {"clients": [self.ids["c1"]]}),
            "regex": ("regex", {"targetClaim": "preferred_username", "pattern": "nobody-.*"}),
            "past": ("time", {"notOnOrAfter": "2020-01-01 00:00:00"}),
        }
        return simple[name]
