"""One call through the proxy, on the same objects until it passes, and the same call on other objects."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tools.measure.callers import client_token
from tools.measure.http import Answer, Server
from tools.measure.judge import Seen
from tools.measure.spec import Place
from tools.measure.workbench import Request, Stand, Workbench
from tools.permissions.bench import PermissionBench
from tools.permissions.granted import TokenResponse


class LoopBench(PermissionBench):
    """Attempts by a caller whose permissions only printed fixes make."""

    def __init__(
        self, *, proxy: Server, granted: dict[str, TokenResponse], on_realm: Callable[[str], Awaitable[None]], **more: Any
    ) -> None:
        """``proxy``: where the calls are sent. ``on_realm``: called before the first call in a realm."""
        super().__init__(granted=granted, **more)
        self._proxy = proxy
        self._on_realm = on_realm
        self._realms: set[str] = set()
        self._new_token: str | None = None
        self.stand: Stand | None = None

    async def call(self) -> Seen:
        """The call; a refused one leaves its objects for the next."""

        async def send(stand: Stand, request: Request) -> Answer:
            self.stand = stand
            if stand.realm.name not in self._realms:
                self._realms.add(stand.realm.name)
                await self._on_realm(stand.realm.name)
            token = self._new_token or await (await self._of(stand)).token(frozenset())
            return await self._proxy.call(
                request.method, request.path, token=token, query=request.query, body=request.body, accept=request.accept
            )

        return await self.attempt_by(send)

    async def call_on_others(self) -> Seen:
        """The same call on objects of the same kinds that no fix knows."""
        if self.place is not Place.READ:
            self._spare = None
            return await self.call()
        stand = self.stage.read
        others = Stand(realm=stand.realm, callers=stand.callers, shared=self.control(stand.realm))
        original, self.stage.read = stand, others
        self._spare = None
        try:
            return await self.call()
        finally:
            self.stage.read, self._spare = original, None

    async def fetch_new_token(self, client: str) -> None:
        """Call with a new token of the caller from now on, as a fix with a role asks for: before 26.5, the roles are read from the token."""
        if self.stand is not None:
            self._new_token = await client_token(self.stand.realm.server, self.stand.realm.name, client)

    def forget_new_token(self) -> None:
        """Call with the first token again, which names no role."""
        self._new_token = None

    async def permissions_of(self, stand: Stand) -> TokenResponse:
        """Where the permissions of a stand's realm are."""
        return await self._of(stand)

    async def as_administrator(self) -> Seen:
        """What realm-admin gets."""
        return await Workbench.attempt(self, frozenset({"realm-admin"}))


class RealmPermissions:
    """The permissions of a realm, as the fixes leave them."""

    def __init__(self, stand: Stand, granted: TokenResponse) -> None:
        """``granted`` knows where they are."""
        self._stand, self._path = stand, granted.server_path

    async def all(self) -> list[Mapping[str, Any]]:
        """Every permission with its scopes, resources and policies, as it can be written again."""
        return [await self._whole(item) for item in await self._listed("/permission/scope?first=0&max=500")]

    async def _whole(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        async def listed(part: str, key: str) -> list[str]:
            return [str(each[key]) for each in await self._listed(f"/policy/{item['id']}/{part}")]

        of_type = str(item["resourceType"])
        return {
            **{key: item[key] for key in ("name", "decisionStrategy", "logic", "resourceType") if key in item},
            "scopes": await listed("scopes", "name"),
            "resources": [name for name in await listed("resources", "name") if name != of_type],
            "policies": await listed("associatedPolicies", "id"),
        }

    async def replace(self, permission: Mapping[str, Any], scopes: Sequence[str]) -> None:
        """Give a permission these scopes. Without any it does not exist."""
        for item in await self._listed("/permission/scope?first=0&max=500"):
            if item["name"] == permission["name"]:
                await self._ask("DELETE", f"/permission/scope/{item['id']}")
        if scopes:
            body = {key: value for key, value in permission.items() if key != "resources" or value}
            await self._stand.realm.admin("POST", f"{self._path}/permission/scope", {**body, "scopes": list(scopes)})

    async def take_back(self, account: str, roles: Sequence[str]) -> None:
        """Take roles of realm-management away from an account, if there are any."""
        realm = self._stand.realm
        for role in roles:
            (user,) = (await realm.admin("GET", "/users", query=f"username={account}&exact=true")).body
            (owner,) = (await realm.admin("GET", "/clients", query="clientId=realm-management")).body
            found = (await realm.admin("GET", f"/clients/{owner['id']}/roles/{role}")).body
            await realm.admin("DELETE", f"/users/{user['id']}/role-mappings/clients/{owner['id']}", [found])

    async def clear(self) -> None:
        """Remove all permissions, and all policies except the one of the callers. Some calls delete the realm, and then there are none."""
        for item in await self._listed("/permission/scope?first=0&max=500"):
            await self._ask("DELETE", f"/permission/scope/{item['id']}")
        for item in await self._listed("/policy?permission=false&first=0&max=500"):
            if item["name"] != "callers":
                await self._ask("DELETE", f"/policy/{item['id']}")

    async def _listed(self, path: str) -> list[Mapping[str, Any]]:
        found = await self._ask("GET", path)
        return found if isinstance(found, list) else []

    async def _ask(self, method: str, path: str) -> Any:
        realm = self._stand.realm
        return (await realm.server.ask(method, f"{realm.path}{self._path}{path.partition('?')[0]}", query=path.partition("?")[2])).body
