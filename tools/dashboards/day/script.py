"""What happens on the day, second by second: a grant, a revocation, a rotated secret, a surge, an outage, a rolling restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from devkit.ports import free_port
from tools.dashboards.day.caller import Caller, Service
from tools.dashboards.day.fleet import SCRAPE_SECONDS, Instance, fleet, prometheus, scraped
from tools.dashboards.day.keycloak import INSPECTOR, Keycloak
from tools.dashboards.day.ledger import Ledger

TICK_SECONDS = 0.5
CLOCK_SECONDS = 2
"""Between the begin of the day and the first process: the kernel computes the start of a process from a boot time in whole seconds."""
QUIET_SECONDS = 3 * SCRAPE_SECONDS
"""Before and after the traffic, and around a restart: every count is scraped."""
TOKEN_SECONDS = 20
SECRET = "a secret of the day"
USERS, CLIENTS = "GET /admin/realms/{realm}/users", "GET /admin/realms/{realm}/clients"
USER, NEW_USER = "GET /admin/realms/{realm}/users/{user-id}", "POST /admin/realms/{realm}/users"


@dataclass(slots=True, kw_only=True)
class Day:
    """A day in progress, or after its end: ``began`` and ``ended`` enclose everything (seconds since the epoch)."""

    ledger: Ledger
    keycloak: Keycloak
    instances: Sequence[Instance]
    folder: Path
    caller: Caller
    prometheus_url: str
    began: float = field(default_factory=time.time)
    measured: dict[str, tuple[int, int]] = field(default_factory=dict)
    ended: float = 0.0
    user_id: str = ""
    calls: tuple[Service, ...] = ()

    def note(self, moment: str) -> None:
        """Write down when something happens."""
        self.ledger.moments[moment] = time.time()


Step = Callable[[Day], Awaitable[None]]


async def grant(day: Day) -> None:
    """The role that reporting lacks."""
    await day.keycloak.grant("shop", "reporting", "view-users")
    day.note("granted")


async def revoke(day: Day) -> None:
    """The role that billing uses."""
    await day.keycloak.grant("shop", "billing", "view-users", granted=False)
    day.note("revoked")


async def restore(day: Day) -> None:
    """Grant it again."""
    await day.keycloak.grant("shop", "billing", "view-users")
    day.note("restored")


async def rotate(day: Day) -> None:
    """A new secret of crm/billing, of which the proxies do not know."""
    ids = {found["clientId"]: found["id"] for found in await day.keycloak.admin("GET", "/crm/clients")}
    await day.keycloak.admin("PUT", f"/crm/clients/{ids['billing']}", {"secret": "the new secret"})
    day.note("rotated")


async def deliver(day: Day) -> None:
    """The new secret reaches the proxies."""
    (day.folder / "crm-billing").write_text("the new secret")
    day.note("delivered")


async def surge(day: Day) -> None:
    """Forty denials a second for four seconds, while Keycloak needs 40 ms more."""
    day.note("surge")
    day.keycloak.delay_seconds = 0.04
    for _ in range(16):
        begun = time.monotonic()
        await asyncio.gather(*(day.caller.call(Service("gateway", "shop", NEW_USER, body=b'{"username":"x"}')) for _ in range(10)))
        await asyncio.sleep(max(0.0, begun + 0.25 - time.monotonic()))
    day.keycloak.delay_seconds = 0.0
    day.note("surge over")


async def burst(day: Day) -> None:
    """Five refusals at once of a token that no realm has issued."""
    await asyncio.gather(*(day.caller.call(Service("stranger", "crm", USERS, token="e30.e30.c2ln")) for _ in range(5)))
    day.note("burst")


async def unfinished(day: Day) -> None:
    """Three requests to one instance, whose bodies take four seconds."""
    slow = Service("gateway", "shop", NEW_USER, body=b'{"username":"slow"}', body_seconds=4.0)
    day.note("unfinished")
    await asyncio.gather(*(day.caller.call(slow, day.instances[0]) for _ in range(3)))
    day.note("finished")


async def outage(day: Day) -> None:
    """Keycloak refuses connections for five seconds."""
    day.note("outage")
    await day.keycloak.stop()
    await asyncio.sleep(5)
    await day.keycloak.start()
    day.note("outage over")


async def wrong_settings(day: Day) -> None:
    """A mistake in the settings of one instance, and its correction."""
    config = day.instances[1].config
    text = config.read_text()
    config.write_text(text + "\n[no-such-table]\nx = 1\n")
    await asyncio.sleep(3)
    config.write_text(text)
    await asyncio.sleep(2)
    day.note("settings corrected")


async def restart(day: Day) -> None:
    """One instance after the other; the load balancer sends it nothing meanwhile."""
    day.note("restart")
    for instance in day.instances:
        async with day.caller.without(instance):
            await asyncio.sleep(QUIET_SECONDS)
            await instance.stop()
            await instance.start(day.caller.session)
            await asyncio.sleep(QUIET_SECONDS)
    day.note("restarted")


SCRIPT: Sequence[tuple[float, Step]] = (
    (10, burst), (14, grant), (20, revoke), (30, restore), (32, rotate), (34, unfinished), (40, wrong_settings), (46, surge),
    (60, outage), (68, deliver), (72, restart),
)  # fmt: skip
"""When each step begins, in seconds. Steps run beside the regular traffic."""
DAY_SECONDS = 104


@asynccontextmanager
async def played(folder: Path) -> AsyncIterator[Day]:
    """Play the day, which takes two minutes. Until the context ends, its Prometheus can be asked."""
    ledger = Ledger()
    async with Keycloak(ledger, free_port()) as keycloak, aiohttp.ClientSession() as session:
        instances = fleet(keycloak.url, folder)
        with prometheus([instance.name for instance in instances], folder) as prometheus_url:
            caller = Caller(session=session, ledger=ledger, instances=list(instances))
            day = Day(ledger=ledger, keycloak=keycloak, instances=instances, folder=folder, caller=caller, prometheus_url=prometheus_url)
            await _prepare(day)
            await asyncio.sleep(CLOCK_SECONDS)
            try:
                await asyncio.gather(*(instance.start(session) for instance in instances))
                await scraped(session, prometheus_url, len(instances))
                await asyncio.sleep(QUIET_SECONDS)
                await _run(day)
                await asyncio.sleep(2 * QUIET_SECONDS)  # no rate contains the traffic any more
                day.measured = {instance.name: instance.measured() for instance in instances}
                day.ended = time.time()
                yield day
            finally:
                await asyncio.gather(*(instance.stop() for instance in instances))


async def _prepare(day: Day) -> None:
    admin = day.keycloak.admin
    grants: dict[str, dict[str, tuple[str, ...]]] = {
        "shop": {
            "billing": ("view-users", "manage-events"), "reporting": ("view-clients",), "gateway": ("view-realm",),
            INSPECTOR: ("view-users", "view-clients", "view-realm"),
        },
        "crm": {"billing": ("view-clients", "view-users"), "sync": ("query-users",)},
    }  # fmt: skip
    for realm, clients in grants.items():
        await admin("POST", "", {"realm": realm, "enabled": True, "accessTokenLifespan": TOKEN_SECONDS})
        for client, roles in clients.items():
            wanted: dict[str, Any] = {"clientId": client, "enabled": True, "publicClient": False, "serviceAccountsEnabled": True}
            await admin("POST", f"/{realm}/clients", wanted | {"secret": SECRET})
            (day.folder / f"{realm}-{client}").write_text(SECRET)
            for role in roles:
                await day.keycloak.grant(realm, client, role)
    for realm in grants:
        await admin("POST", f"/{realm}/users", {"username": "john-doe", "enabled": True})
    (user,) = await admin("GET", "/shop/users?username=john-doe&exact=true")
    day.user_id = user["id"]
    day.calls = (
        Service("billing", "shop", USERS, account="shop/billing"),
        Service("billing", "crm", USERS, account="crm/billing"),
        Service("billing", "crm", CLIENTS, account="crm/billing"),
        Service("reporting", "shop", USER, values={"user-id": user["id"]}),
        Service("reporting", "shop", CLIENTS),
        Service("gateway", "shop", NEW_USER, body=b'{"username":"x"}'),
        Service("sync", "crm", USERS),
    )


async def _run(day: Day) -> None:
    began, tick, left = time.monotonic(), 0, list(SCRIPT)
    day.note("traffic")
    async with asyncio.TaskGroup() as steps:
        while time.monotonic() < began + DAY_SECONDS:
            if tick % 16 == 0 and day.keycloak.is_up:
                await _own_tokens(day)
            while left and time.monotonic() - began >= left[0][0]:
                steps.create_task(_step(left.pop(0)[1], day))
            await asyncio.gather(*(day.caller.call(service) for service in day.calls))
            tick += 1
            await asyncio.sleep(max(0.0, began + tick * TICK_SECONDS - time.monotonic()))
    day.note("traffic over")


async def _step(step: Step, day: Day) -> None:
    await step(day)


async def _own_tokens(day: Day) -> None:
    """Services without an account fetch their tokens themselves, well before the old ones expire."""
    for service in day.calls:
        if service.account is None:
            day.caller.tokens[service.realm, service.client] = await day.keycloak.token(service.realm, service.client, SECRET)
