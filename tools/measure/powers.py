"""Powers that a role hides, each tried with real calls in a realm of its own: what else can be had by who holds only this role?"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.measure.fixtures import user_body
from tools.measure.fixtures_clients import client_body
from tools.measure.http import Answer, Unexpected, json_body
from tools.measure.stage import PASSWORD, SECRET, Scope
from tools.measure.workbench import Stand

Try = Callable[["Intruder"], Awaitable[bool]]
NEW_PASSWORD = "taken-over-3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intruder:
    """Somebody with one role in a fresh realm, and fixtures that administrators own there."""

    stand: Stand
    token: str

    @property
    def scope(self) -> Scope:
        """Fixtures made by the real administrator."""
        return self.stand.shared

    async def call(self, method: str, path: str, value: Any = None) -> Answer:
        """A call below the realm with the intruder's token; placeholders name fixtures."""
        target = f"{self.stand.realm.path}{await self.scope.fill_text(path, encode=True)}"
        body = json_body(await self.scope.fill(value)) if value is not None else None
        return await self.stand.realm.server.call(method, target, token=self.token, body=body)

    async def rules_as_user(self, name: str, password: str) -> bool:
        """Whether a login as this user gives an administrator's token."""
        return await self._rules({"client_id": "admin-cli", "grant_type": "password", "username": name, "password": password})

    async def rules_as_client(self, name: str, secret: str) -> bool:
        """Whether this client's service account is an administrator."""
        return await self._rules({"client_id": name, "grant_type": "client_credentials", "client_secret": secret})

    async def _rules(self, fields: Mapping[str, str]) -> bool:
        realm = self.stand.realm
        try:
            token = (await realm.server.token(realm.name, fields))["access_token"]
        except Unexpected:
            return False
        change = await realm.server.call("PUT", realm.path, token=token, body=json_body({"displayName": "taken"}))
        user = await realm.server.call(
            "POST", f"{realm.path}/users", token=token, body=json_body({"username": f"made-{realm.names.next()}"})
        )
        return change.succeeded and user.succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """A power to try: `way` completes its sentence."""

    role: str
    power: str
    way: str
    attempt: Try


SENTENCES = {
    "become-administrator": "Whoever holds {role} can become an administrator of the whole realm: {ways}.",
    "act-as-service-account": "Whoever holds {role} can act as any service account of the realm, also as one that is an administrator: {ways}.",
    "impersonate-users": "Whoever holds {role} can log in as {ways}.",
}


async def _reset_password(who: Intruder) -> bool:
    answer = await who.call("PUT", "/users/{administrator}/reset-password", {"type": "password", "value": NEW_PASSWORD, "temporary": False})
    return answer.succeeded and await who.rules_as_user(f"administrator-{who.scope.suffix}", NEW_PASSWORD)


async def _raised(who: Intruder, method: str, path: str, value: Any) -> bool:
    answer = await who.call(method, path, value)
    await who.scope.get("user")
    return answer.succeeded and await who.rules_as_user(f"user-{who.scope.suffix}", PASSWORD)


async def _map_role(who: Intruder) -> bool:
    return await _raised(
        who, "POST", "/users/{user}/role-mappings/clients/{management}", [{"id": "{management.realm-admin}", "name": "realm-admin"}]
    )


async def _join_group(who: Intruder) -> bool:
    return await _raised(who, "PUT", "/users/{user}/groups/{administrators}", {})


async def _map_composite(who: Intruder) -> bool:
    return await _raised(who, "POST", "/users/{user}/role-mappings/realm", [{"id": "{admin-composite}", "name": "{admin-composite.name}"}])


async def _map_to_group(who: Intruder) -> bool:
    await who.scope.get("user+group")
    return await _raised(
        who, "POST", "/groups/{group}/role-mappings/realm", [{"id": "{admin-composite}", "name": "{admin-composite.name}"}]
    )


async def _extend_default_role(who: Intruder) -> bool:
    path = f"/roles/default-roles-{who.stand.realm.name}/composites"
    await who.scope.get("user")
    return await _raised(
        who, "POST", path, [{"id": "{management.realm-admin}", "name": "realm-admin", "clientRole": True, "containerId": "{management}"}]
    )


async def _import_user(who: Intruder) -> bool:
    user = user_body("imported-{n}") | {"clientRoles": {"realm-management": ["realm-admin"]}}
    answer = await who.call("POST", "/partialImport", {"ifResourceExists": "FAIL", "users": [user]})
    return answer.succeeded and await who.rules_as_user(f"imported-{who.scope.suffix}", PASSWORD)


async def _read_secret(who: Intruder) -> bool:
    client = await who.scope.get("powerful-client")
    answer = await who.call("GET", f"/clients/{client}/client-secret")
    secret = answer.body.get("value", "") if answer.succeeded else ""
    return bool(secret) and await who.rules_as_client(f"powerful-{who.scope.suffix}", secret)


async def _read_client(who: Intruder) -> bool:
    client = await who.scope.get("powerful-client")
    answer = await who.call("GET", f"/clients/{client}")
    secret = answer.body.get("secret", "") if answer.succeeded else ""
    return bool(secret) and await who.rules_as_client(f"powerful-{who.scope.suffix}", secret)


async def _new_secret(who: Intruder) -> bool:
    client = await who.scope.get("powerful-client")
    answer = await who.call("POST", f"/clients/{client}/client-secret", {})
    secret = answer.body.get("value", "") if answer.succeeded and answer.body else ""
    return bool(secret) and await who.rules_as_client(f"powerful-{who.scope.suffix}", secret)


async def _client_with_hardcoded_role(who: Intruder) -> bool:
    mapper = {
        "name": "grant",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-role-mapper",
        "config": {"role": "realm-management.realm-admin"},
    }
    body = client_body("own-{n}") | {"fullScopeAllowed": True, "protocolMappers": [mapper]}
    answer = await who.call("POST", "/clients", body)
    return answer.succeeded and await who.rules_as_client(f"own-{who.scope.suffix}", SECRET)


async def _impersonate_user(who: Intruder) -> bool:
    return (await who.call("POST", "/users/{user}/impersonation", {})).succeeded


async def _impersonate_administrator(who: Intruder) -> bool:
    return (await who.call("POST", "/users/{administrator}/impersonation", {})).succeeded


POWERS: tuple[Power, ...] = (
    Power(role="manage-users", power="become-administrator", way="by mapping the role realm-admin to a user", attempt=_map_role),
    Power(role="manage-users", power="become-administrator", way="by a new password for an administrator", attempt=_reset_password),
    Power(role="manage-users", power="become-administrator", way="by joining a group that holds realm-admin", attempt=_join_group),
    Power(
        role="manage-users", power="become-administrator", way="by mapping a realm role that contains realm-admin", attempt=_map_composite
    ),
    Power(role="manage-users", power="become-administrator", way="by mapping such a realm role to a group", attempt=_map_to_group),
    Power(role="manage-realm", power="become-administrator", way="by importing a user who holds realm-admin", attempt=_import_user),
    Power(
        role="manage-realm",
        power="become-administrator",
        way="by adding realm-admin to the realm's default role",
        attempt=_extend_default_role,
    ),
    Power(role="view-clients", power="act-as-service-account", way="by reading the client's secret", attempt=_read_secret),
    Power(
        role="view-clients",
        power="act-as-service-account",
        way="by the secret that is part of the client's representation",
        attempt=_read_client,
    ),
    Power(role="query-clients", power="act-as-service-account", way="by reading the client's secret", attempt=_read_secret),
    Power(role="manage-clients", power="act-as-service-account", way="by reading the client's secret", attempt=_read_secret),
    Power(role="manage-clients", power="act-as-service-account", way="by setting a new secret for the client", attempt=_new_secret),
    Power(
        role="manage-clients",
        power="become-administrator",
        way="by a new client whose mapper writes realm-admin into its tokens",
        attempt=_client_with_hardcoded_role,
    ),
    Power(
        role="create-client",
        power="become-administrator",
        way="by a new client whose mapper writes realm-admin into its tokens",
        attempt=_client_with_hardcoded_role,
    ),
    Power(role="impersonation", power="impersonate-users", way="any user who is not an administrator", attempt=_impersonate_user),
    Power(role="impersonation", power="impersonate-users", way="an administrator", attempt=_impersonate_administrator),
)


async def powers_held(maker: Callable[[], Awaitable[Stand]]) -> dict[tuple[str, str], list[str]]:
    """For (role, power) the ways that worked; every try in a fresh realm."""
    held: dict[tuple[str, str], list[str]] = {}
    for power in POWERS:
        stand = await maker()
        who = Intruder(stand=stand, token=await stand.callers.token(frozenset({power.role})))
        if await power.attempt(who):
            held.setdefault((power.role, power.power), []).append(power.way)
        await stand.realm.server.ask("DELETE", stand.realm.path)
    return held


def merged(
    known: Mapping[str, list[dict[str, Any]]], version: str, held: Mapping[tuple[str, str], list[str]]
) -> dict[str, list[dict[str, Any]]]:
    """The powers file with one version measured anew: role to powers, each with its sentence and the versions it was measured on."""
    sentences: dict[tuple[str, str, str], set[str]] = {}
    for role, items in known.items():
        for item in items:
            sentences.setdefault((role, item["power"], item["says"]), set()).update(set(item["versions"]) - {version})
    for (role, power), ways in held.items():
        says = SENTENCES[power].format(role=role, ways=_or(ways))
        sentences.setdefault((role, power, says), set()).add(version)
    merged_file: dict[str, list[dict[str, Any]]] = {}
    for (role, power, says), versions in sorted(sentences.items()):
        if versions:
            ordered = sorted(versions, key=lambda text: tuple(int(part) for part in text.split(".")))
            merged_file.setdefault(role, []).append({"power": power, "says": says, "versions": ordered})
    return merged_file


def _or(ways: list[str]) -> str:
    return ways[0] if len(ways) == 1 else f"{', '.join(ways[:-1])} or {ways[-1]}"
