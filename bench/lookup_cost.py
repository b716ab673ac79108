"""What the look-ups for a refusal cost Keycloak: requests for each denial, the first time and again, and what a hostile caller can cause.

    python -m bench.lookup_cost            prints the tables
    python -m bench.lookup_cost --write    also writes docs/lookup-cost.md

No Keycloak is needed: the inspector asks a small server that counts requests. It stands for a realm with `PERMISSIONS` permissions of each type, each
with a policy of its own.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from devkit.explain.stage import CLIENT_UUID, SUBJECT, USER_ID, caller_of
from devkit.servers import Events
from kcproxy import catalog as catalogs
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Answer, RequestFacts
from kcproxy.permissions.decide import unread_for
from kcproxy.permissions.facts import PermissionFacts
from kcproxy.permissions.policies import Situation
from kcproxy.settings import AccountSettings, InspectorSettings, Secret, UpstreamSettings
from kcproxy.upstream.pool import side_upstream

PAGE = Path(__file__).resolve().parents[1] / "docs" / "lookup-cost.md"
PERMISSIONS = (0, 2, 5, 40, 400)
ITEMS = 200
"""Items of the long list that a hostile caller sends."""
ATTACK_SECONDS, ATTACKERS = 5.0, 8
UNLIMITED = 1000.0
_DEMO = "/admin/realms/demo"
_ADMIN_CLIENT = "d0d0d0d0-3aae-4b0e-af38-629b3432738a"
_OWNER = "a0a0a0a0-3aae-4b0e-af38-629b3432738a"
_REFUSAL = Answer(status=403, json={"error": "HTTP 403 Forbidden"})
_PATIENCE_SECONDS = 30.0
_YES_NO = {True: "yes", False: "no", None: "-"}
_DEFAULTS = InspectorSettings(account=AccountSettings(realms=("demo",), token_realm="demo", client_id="inspector", secret=Secret("s")))
_TABLE = catalogs.load(catalogs.default_version())
_TYPES = (("Users", "view"), ("Groups", "manage-membership"), ("Clients", "view"), ("Roles", "map-role"), ("Organizations", "view"))


def identifier(number: int) -> str:
    """An ID as Keycloak makes them."""
    return f"{number:08x}-3aae-4b0e-af38-629b3432738a"


def call(method: str, path: str, body: Any = None) -> RequestFacts:
    """A request below the realm."""
    return RequestFacts(target=_TABLE.target(method, f"{_DEMO}{path}"), body=body)


def roles_to_map(count: int) -> list[dict[str, str]]:
    """A body that maps so many roles."""
    return [{"id": identifier(number), "name": f"r{number}"} for number in range(count)]


CALLS = {
    "an operation that no permission opens": call("GET", "/events"),
    "read a user": call("GET", f"/users/{USER_ID}"),
    "add a user to a group": call("PUT", f"/users/{USER_ID}/groups/{identifier(1)}"),
    "map one role to a user": call("POST", f"/users/{USER_ID}/role-mappings/realm", roles_to_map(1)),
    "map three roles to a user": call("POST", f"/users/{USER_ID}/role-mappings/realm", roles_to_map(3)),
    f"map {ITEMS} roles to a user": call("POST", f"/users/{USER_ID}/role-mappings/realm", roles_to_map(ITEMS)),
}


class Realm:
    """A Keycloak with one realm, which counts what it is asked."""

    def __init__(self, permissions: int) -> None:
        """``permissions``: how many of each type; 0 for a realm that does not use them."""
        self.count = 0
        self._permissions = permissions

    async def response(self, request: web.BaseRequest) -> web.Response:
        """The document for a path, or 404."""
        path = urlsplit(request.raw_path).path
        if path.endswith("/token"):
            return web.json_response({"access_token": "t", "expires_in": 300})
        self.count += 1
        found = self._found(path, request.raw_path)
        return web.json_response(found) if found is not None else web.json_response({"error": "HTTP 404 Not Found"}, status=404)

    def _found(self, path: str, whole: str) -> Any:
        below, last = path.removeprefix(_DEMO), path.rpartition("/")[2]
        if "/authz/resource-server/" in path:
            return self._authorization(path, whole)
        if below in {"", "/clients"}:
            return self._realm() if not below else _client_of(whole)
        ends = {
            "/composite": [],
            "/granted": [],
            "/protocol-mappers": [],
            "/service-account-user": {"id": SUBJECT},
            f"/users/{USER_ID}/groups": [{"id": identifier(1), "path": "/sales/emea", "parentId": identifier(2)}],
            "/groups": [],
        }
        other = {"id": last, "name": "n", "username": "u", "path": "/sales", "enabled": True, "clientRole": False}
        return next((found for end, found in ends.items() if path.endswith(end)), other)

    def _realm(self) -> dict[str, Any]:
        return {
            "realm": "demo",
            "enabled": True,
            "adminPermissionsEnabled": self._permissions > 0,
            "adminPermissionsClient": {"id": _ADMIN_CLIENT},
        }

    def _authorization(self, path: str, whole: str) -> Any:
        if path.endswith("/policy/evaluate"):
            return {"results": []}
        if path.endswith("/associatedPolicies"):
            return [{"id": f"policy-{path.split('/')[-2]}"}]
        if "permission=false" in whole:
            return [_policy(name) for name in self._names()]
        return [_permission(name, *kind) for kind in _TYPES for name in self._names_of(kind[0])]

    def _names(self) -> Iterator[str]:
        for type_name, _ in _TYPES:
            yield from self._names_of(type_name)

    def _names_of(self, type_name: str) -> list[str]:
        return [f"{type_name}-{number}" for number in range(self._permissions)]


def _client_of(whole: str) -> list[dict[str, Any]]:
    if "realm-management" in whole:
        return [{"id": _OWNER, "clientId": "realm-management"}]
    return [{"id": CLIENT_UUID, "clientId": "app", "enabled": True, "serviceAccountsEnabled": True, "fullScopeAllowed": False}]


def _policy(name: str) -> dict[str, Any]:
    return {"id": f"policy-{name}", "name": f"Policy {name}", "type": "user", "config": {"users": f'["{identifier(9)}"]'}}


def _permission(name: str, type_name: str, scope: str) -> dict[str, Any]:
    resources = [{"name": identifier(1000 + int(name.rpartition("-")[2]))}]
    return {"id": name, "name": name, "resourceType": type_name, "resourcesData": resources, "scopesData": [{"name": scope}]}


@asynccontextmanager
async def inspecting(
    realm: Realm, *, per_second: float, budget_seconds: float, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Inspector]:
    """An inspector that asks the realm."""
    runner = web.ServerRunner(web.Server(realm.response), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    settings = UpstreamSettings(scheme="http", host="127.0.0.1", port=runner.addresses[0][1])
    upstream, events = side_upstream(settings, max_connections=16), Events()
    tokens = TokenSource(settings, upstream, events)
    lookups = LookupClient(settings, upstream, events, account=_DEFAULTS.account, tokens=tokens, max_per_second=per_second, clock=clock)
    inspector = Inspector(lookups, budget_seconds=budget_seconds)
    try:
        yield inspector
    finally:
        await inspector.close()
        await tokens.close()
        await upstream.close()
        await runner.cleanup()


class Cost(NamedTuple):
    """Look-ups for the first denial, for the same one at once and after a second. ``decided``: whether the default rate lets everything be read."""

    first: int
    at_once: int
    after_a_second: int
    decided: bool | None


async def cost(request: RequestFacts, permissions: int) -> Cost:
    """Count the look-ups of one denial without a limit for the rate, then try it with the default one. The clock moves only between denials."""
    realm, now = Realm(permissions), [1000.0]
    async with inspecting(realm, per_second=UNLIMITED, budget_seconds=_PATIENCE_SECONDS, clock=lambda: now[0]) as inspector:

        async def counted(after_seconds: float) -> int:
            now[0] += after_seconds
            before = realm.count
            await inspector.facts(request, caller_of(realm="demo"), _REFUSAL)
            return realm.count - before

        counts = await counted(0.0), await counted(0.0), await counted(1.0)
    return Cost(*counts, decided=await _is_decided(request, permissions))


async def _is_decided(request: RequestFacts, permissions: int) -> bool | None:
    """Whether all items and all permissions that apply to the objects were read at the default rate; None if there is nothing to decide."""
    rate, patience = _DEFAULTS.max_lookups_per_second, _PATIENCE_SECONDS
    async with inspecting(Realm(permissions), per_second=rate, budget_seconds=patience, clock=lambda: 1000.0) as inspector:
        facts = await inspector.facts(request, caller_of(realm="demo"), _REFUSAL)
    found = facts.permissions if facts else None
    if not isinstance(found, PermissionFacts):
        return None
    situation = Situation(identity=found.identity, permissions=found.permissions)
    objects = [*found.objects.values(), *(each for item in found.items for each in item.objects.values())]
    return found.permissions.complete and found.all_items and not any(unread_for(each, situation) for each in objects)


class Attack(NamedTuple):
    """Denials that were explained, look-ups that reached Keycloak, and both for each second."""

    denials: int
    lookups: int
    seconds: float


async def attack(permissions: int, seconds: float) -> Attack:
    """Callers that send the longest list as fast as they can, each time for another user, with the default settings."""
    realm = Realm(permissions)
    denials, number = 0, 0
    async with inspecting(realm, per_second=_DEFAULTS.max_lookups_per_second, budget_seconds=_DEFAULTS.budget_seconds) as inspector:
        began = time.monotonic()

        async def work() -> None:
            nonlocal denials, number
            while time.monotonic() - began < seconds:
                number += 1
                body = [{"id": identifier(number * ITEMS + item), "name": "r"} for item in range(ITEMS)]
                request = call("POST", f"/users/{identifier(number)}/role-mappings/realm", body)
                await inspector.facts(request, caller_of(realm="demo"), _REFUSAL)
                denials += 1

        await asyncio.gather(*(work() for _ in range(ATTACKERS)))
        return Attack(denials=denials, lookups=realm.count, seconds=time.monotonic() - began)


_HEAD = """# What look-ups cost Keycloak
<!-- Generated by `python -m bench.lookup_cost --write`. Do not edit. -->

With [an inspector](settings.md), kcproxy asks Keycloak about a refusal: the caller's account, client and roles, and in realms with fine-grained admin permissions also
the permissions, their policies and the objects of the call. This page counts these requests. It was measured with a small server in place of Keycloak, which counts
requests and has so many permissions of each resource type, each with a policy of its own. `python -m bench.lookup_cost` repeats it.

## For one denial

*First*: nothing is cached. *At once*: the same denial again, within 0.1 s. *After a second*: the caller's roles, the permissions and the objects are asked again, because an
operator may just have changed them. What seldom changes (IDs of clients, names of objects) is cached for 10 s.

*Everything read*: whether the default rate (`inspector.max_lookups_per_second`) lets a first denial read all that its decision depends on: the policies of each
permission that applies to an object of the call, and all items of the body. Where it says no for few permissions, a higher rate helps.

| The refused call | Permissions of each type | First | At once | After a second | Everything read |
|---|---:|---:|---:|---:|---|
"""
_LIMITS = """
The number is bounded however large the realm and the request are: at most 500 permissions and 500 policies are read in one request each, and the policies of 24 of them, first of those that name an object of the call, a group of it or
all objects. Then 10 items of a list in the body (40 are decided, the rest by their IDs), 20 groups of a user with 8 groups above each, 20 names for the operator, 6 objects with the admin roles behind them, for a call
that lists objects the list once more and 6 of its objects, and 6 questions to Keycloak's own evaluation. If a bound is reached for something that the decision depends on, it is not certain, and the
evidence says so. A permission that applies to no object of the call cannot change the decision, so it may stay unread. One denial sends at most 16 look-ups at the same time.

## What a hostile caller can cause

"""


def page(costs: dict[tuple[str, int], Cost], found: Attack) -> str:
    """The page."""
    own, bound = _DEFAULTS, bound_of(found.seconds)
    rows = [
        f"| {says} | {count or 'off'} | {each.first} | {each.at_once} | {each.after_a_second} | {_YES_NO[each.decided]} |"
        for (says, count), each in costs.items()
    ]
    hostile = f"""Every caller with a valid token of the realm can be refused as often as they like. The look-ups of all callers together are limited to `inspector.max_lookups_per_second`
({own.max_lookups_per_second:.0f} by default, and at most twice that at once), to 32 at the same time, and for one denial to `inspector.budget_seconds` ({own.budget_seconds:g} s by default).
A denial beyond that is explained from the token and the request alone. So a hostile caller can cause at most that rate, and can make the explanations of other callers less certain.
They cannot make a response wrong, and no refusal waits longer than the budget. A token that the realm did not sign causes no look-up with the inspector's account after a 401.

Measured with the default settings: {ATTACKERS} callers send lists of {ITEMS} roles as fast as they can, each time for another user, in a realm with {PERMISSIONS[-1]} permissions of each type.

| Seconds | Denials explained | Look-ups that reached Keycloak | Bound for that time |
|---:|---:|---:|---:|
| {found.seconds:.1f} | {found.denials:,} | {found.lookups} | {bound:.0f} |
"""
    return _HEAD + "\n".join(rows) + "\n" + _LIMITS + hostile


async def measured(attack_seconds: float = ATTACK_SECONDS) -> tuple[dict[tuple[str, int], Cost], Attack]:
    """All numbers."""
    costs = {(says, count): await cost(request, count) for says, request in CALLS.items() for count in PERMISSIONS}
    return costs, await attack(PERMISSIONS[-1], attack_seconds)


def main() -> int:
    """Print the page, and write it with ``--write``. Exit code 1 if the hostile callers passed the bound."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.lookup_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    given = parser.parse_args()
    costs, found = asyncio.run(measured())
    text = page(costs, found)
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0 if found.lookups <= bound_of(found.seconds) else 1


def bound_of(seconds: float) -> float:
    """The most look-ups that the default rate allows in this time."""
    return (2 + seconds) * _DEFAULTS.max_lookups_per_second


if __name__ == "__main__":
    sys.exit(main())
