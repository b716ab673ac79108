"""Looks up with the inspector's account how one account holds the roles of a client: directly, by realm roles, by groups."""

from collections.abc import Mapping
from typing import Any

from kcproxy.keycloak.caller_lookups import realm_path
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.representations import client_named, query_value, role_names, segment, text
from kcproxy.usage.grants import Grants, Through

MOST_ROLES = 500
MOST_GROUPS = 100
_WHAT = "grants"


class AccountGrants:
    """The look-ups in one realm."""

    def __init__(self, lookups: LookupClient, realm: str) -> None:
        """``realm``: that of the accounts."""
        self._lookups, self._base = lookups, realm_path(realm)

    async def service_account(self, client_id: str) -> str | None:
        """The ID of the service account of a client; None if it cannot be read."""
        uuid = await self._client(client_id)
        return None if uuid is None else text((await self._get(f"/clients/{segment(uuid)}/service-account-user")) or {}, "id")

    async def user(self, username: str) -> str | None:
        """The ID of a user; None if there is none, or if it cannot be read."""
        found = await self._get(f"/users?exact=true&username={query_value(username)}")
        names = found if isinstance(found, list) else []
        return next((text(user, "id") for user in names if isinstance(user, dict) and user.get("username") == username.lower()), None)

    async def of(self, account: str, owner: str) -> Grants | None:
        """How this account holds the roles of a client. None if it cannot be read."""
        uuid = await self._client(owner)
        if uuid is None:
            return None
        mapped = f"/users/{segment(account)}/role-mappings/clients/{segment(uuid)}"
        direct, effective = await self._names(mapped), await self._names(f"{mapped}/composite")
        if direct is None or effective is None:
            return None
        through = [*await self._through_roles(account, uuid), *await self._through_groups(account, uuid)]
        return Grants(direct=direct, effective=effective, through=tuple(through))

    async def _client(self, client_id: str) -> str | None:
        found = await self._get(f"/clients?clientId={query_value(client_id)}")
        return text(client_named(client_id, found if isinstance(found, list) else None), "id")

    async def _names(self, path: str) -> tuple[str, ...] | None:
        found = await self._get(path)
        return role_names(found if isinstance(found, list) else None)

    async def _get(self, path: str) -> Any:
        found = await self._lookups.get(self._base + path, _WHAT, volatile=True)
        return found.json if found.status == 200 else None

    async def _through_roles(self, account: str, owner: str) -> list[Through]:
        found = await self._get(f"/users/{segment(account)}/role-mappings/realm")
        composites = [role for role in found if isinstance(role, dict) and role.get("composite")] if isinstance(found, list) else []
        named = [(str(role.get("name")), await self._contained(role, owner)) for role in composites]
        return [Through(by=f"realm role {name}", roles=roles) for name, roles in named if roles]

    async def _contained(self, role: Mapping[str, Any], owner: str) -> tuple[str, ...]:
        """The owner's roles in a composite role, at any depth."""
        names: set[str] = set()
        seen, left = {str(role.get("id"))}, [str(role.get("id"))]
        while left and len(seen) < MOST_ROLES:
            found = await self._get(f"/roles-by-id/{segment(left.pop())}/composites")
            for child in found if isinstance(found, list) else []:
                if not isinstance(child, dict) or str(child.get("id")) in seen:
                    continue
                seen.add(str(child.get("id")))
                names |= {str(child.get("name"))} if child.get("containerId") == owner else set()
                left += [str(child.get("id"))] if child.get("composite") else []
        return tuple(sorted(names))

    async def _through_groups(self, account: str, owner: str) -> list[Through]:
        found = await self._get(f"/users/{segment(account)}/groups?first=0&max={MOST_GROUPS}")
        through = []
        for group in found if isinstance(found, list) else []:
            if isinstance(group, dict) and isinstance(group.get("id"), str):
                roles = await self._names(f"/groups/{segment(group['id'])}/role-mappings/clients/{segment(owner)}/composite")
                through += [Through(by=f"group {group.get('path')}", roles=roles)] if roles else []
        return through
