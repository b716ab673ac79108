"""The service account of one worker in one realm. It is created again for each operation, so that no role or token remains."""

from collections.abc import Iterable
from dataclasses import dataclass

from tools.measure.http import Server, path_segment
from tools.measure.sets import RoleSet
from tools.measure.stage import Realm

SECRET = "loop-secret"


@dataclass(slots=True, kw_only=True)
class Account:
    """A confidential client with a service account. `realm.still` is held while it is created or deleted, because lists show it."""

    realm: Realm
    client_id: str
    user_id: str = ""
    brought: str = ""
    """A token that the account fetched, for calls into which the proxy injects none."""

    async def renew(self) -> None:
        """Replace the client with a new one that has no role of realm-management."""
        async with self.realm.still:
            await self._remove()
            client = {"clientId": self.client_id, "secret": SECRET, "publicClient": False, "standardFlowEnabled": False}
            uuid = await self.realm.created("/clients", client | {"serviceAccountsEnabled": True})
            user = (await self.realm.admin("GET", f"/clients/{uuid}/service-account-user")).body
            self.user_id = user["id"]
            # The caller who tests the mail settings receives the mail.
            address = {"username": user["username"], "email": f"{self.client_id}@localhost", "enabled": True}
            await self.realm.admin("PUT", f"/users/{self.user_id}", address)

    async def remove(self) -> None:
        """Delete the client, with its account and grants."""
        async with self.realm.still:
            await self._remove()

    async def _remove(self) -> None:
        for client in (await self.realm.admin("GET", "/clients", query=f"clientId={path_segment(self.client_id)}")).body:
            await self.realm.admin("DELETE", f"/clients/{client['id']}")

    async def held(self) -> RoleSet:
        """The roles of realm-management that are granted to it, by name."""
        return frozenset(role["name"] for role in (await self.realm.admin("GET", self._mapping())).body)

    async def hold(self, roles: Iterable[str]) -> None:
        """Grant exactly these roles of realm-management, and remove any other."""
        wanted, held = frozenset(roles), await self.held()
        for method, names in (("DELETE", held - wanted), ("POST", wanted - held)):
            if names:
                await self.realm.admin(method, self._mapping(), [self.realm.roles[name] for name in sorted(names)])

    def _mapping(self) -> str:
        return f"/users/{self.user_id}/role-mappings/clients/{self.realm.management_id}"

    async def token(self, server: Server) -> str:
        """A new token, from the token endpoint that `server` reaches."""
        fields = {"client_id": self.client_id, "client_secret": SECRET, "grant_type": "client_credentials"}
        return str((await server.token(self.realm.name, fields))["access_token"])
