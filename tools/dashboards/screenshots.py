"""Pictures of the page for the documentation: a real admin port with real explanations, in a real Chromium.

    python -m tools.dashboards.screenshots

Needs Chromium (Debian package ``chromium``) and the group ``test`` (playwright).
"""

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from playwright.async_api import Page, async_playwright

from kcproxy import catalog as catalogs
from kcproxy.admin import app as admin
from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Explanation, Facts, RequestFacts
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, LogSettings, Settings, UpstreamSettings

IMAGES = Path(__file__).parents[2] / "docs" / "images"
KEYCLOAK = "http://localhost:8080"
REALM = "403-forbidden-fix"
SELECTED = 8
"""The row whose sentence one picture shows."""
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 375, "height": 812}}


def token(client_id: str, roles: tuple[str, ...] = (), *, realm: str = REALM, **claims: Any) -> str:
    """A token of a client's service account, as far as its claims matter; signed with nothing of value."""
    now = int(time.time())
    body: Mapping[str, Any] = {
        "iss": f"{KEYCLOAK}/realms/{realm}",
        "iat": now - 60,
        "exp": now + 240,
        "typ": "Bearer",
        "azp": client_id,
        "client_id": client_id,
        "sub": "0b7f6a52-5b0e-4a4e-9a0e-3b4f3a2b1c0d",
        "preferred_username": f"service-account-{client_id}",
        "resource_access": {"realm-management": {"roles": list(roles)}} if roles else {"account": {"roles": ["view-profile"]}},
        **claims,
    }
    return jwt.encode(dict(body), "a key for pictures only, long enough", algorithm="HS256")


def denials(catalog: Catalog) -> Iterator[tuple[Explanation, RequestRecord]]:
    """What a day may bring."""
    scenario = "403-forbidden-fix-client"
    user = f"/admin/realms/{REALM}/users/5d5b7b1a-0d7c-4f7e-a6a2-8f1f5a0b7c11"
    looked_up = Facts(keycloak="26.7.4", granted=(), in_scope=tuple(sorted(catalog.roles)), full_scope=True)
    cases: tuple[tuple[str, str, str | None, int, Facts | None], ...] = (
        ("POST", f"/admin/realms/{REALM}/clients", token("provisioner", ("view-clients", "query-clients")), 403, None),
        ("GET", f"/admin/realms/{REALM}/users", None, 401, None),
        ("GET", f"/admin/realms/{REALM}/events", token("audit-export", exp=int(time.time()) - 2712), 401, None),
        ("PUT", f"{user}/reset-password", token("self-service", ("view-users", "query-users", "query-groups")), 403, None),
        ("GET", user, token(scenario), 403, looked_up),
    )
    for number, (method, path, bearer, status, facts) in enumerate(cases):
        request = RequestFacts(target=catalog.target(method, path), public_url=KEYCLOAK)
        found = explain(
            f"kp-7f3a9c{number}",
            Inputs(
                request=request,
                caller=read_caller(f"Bearer {bearer}" if bearer else None),
                answer=Answer(status=status, json={"error": f"HTTP {status} {'Forbidden' if status == 403 else 'Unauthorized'}"}),
                catalog=catalog,
                facts=facts,
                now_epoch_seconds=time.time(),
            ),
        )
        if found is None:
            raise RuntimeError(f"nothing to explain: {method} {path}")
        yield (
            found,
            RequestRecord(target=request.target, status=status, duration_seconds=0.0061, upstream_seconds=0.0057, caller=found.caller),
        )


SERVICES = ("billing", "crm-sync", "hr-import", "reporting", "shop-gateway", "audit-export")
REALMS = ("shop", "crm", "production-eu")
BEGUN = (
    ("GET", "users"), ("GET", "clients"), ("POST", "users"), ("GET", "events"), ("DELETE", "groups/5d5b7b1a-0d7c-4f7e-a6a2-8f1f5a0b7c11"),
    ("GET", "identity-provider/instances"), ("PUT", "roles/editor"), ("POST", "client-scopes"), ("GET", "sessions/42"), ("GET", "admin-events"),
)  # fmt: skip


def fill(observer: LiveObserver, catalog: Catalog, clock: list[float]) -> None:
    """A day of several services: kinds that fail, were fixed, and came back. ``clock`` has the time at which they happen."""
    now = time.time()
    for number in range(24):
        service, realm = SERVICES[number % len(SERVICES)], REALMS[number % len(REALMS)]
        method, path = BEGUN[number % len(BEGUN)]
        target = catalog.target(method, f"/admin/realms/{realm}/{path}")
        for hour in range(number % 7 + 1):
            clock[0] = now - 3600 * ((number * 5 + hour * 3) % 20) - 61 * number
            explanation = _explained(catalog, f"kp-{number:02}{hour:02}c3a9", (method, target.raw_path), token(service, realm=realm))
            record = RequestRecord(target=target, status=403, duration_seconds=0.0061, upstream_seconds=0.0057, caller=explanation.caller)
            observer.denied(explanation, record)
        if number % 6 in {1, 4}:
            observer.request_finished(RequestRecord(target=target, status=200, duration_seconds=0.01, caller=explanation.caller))
        if number % 6 == 4:
            clock[0] = now - 240
            observer.denied(explanation, record)
    clock[0] = now


def _explained(catalog: Catalog, denial_id: str, request: tuple[str, str], bearer: str) -> Explanation:
    target = catalog.target(*request)
    inputs = Inputs(
        request=RequestFacts(target=target, public_url=KEYCLOAK),
        caller=read_caller(f"Bearer {bearer}"),
        answer=Answer(status=403, json={"error": "HTTP 403 Forbidden"}),
        catalog=catalog,
        now_epoch_seconds=time.time(),
    )
    found = explain(denial_id, inputs)
    if found is None:
        raise RuntimeError(f"nothing to explain: {request}")
    return found


async def serve(observer: LiveObserver) -> tuple[web.AppRunner, str]:
    """The admin port on a free port of loopback."""
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    runner = web.AppRunner(admin.build(Settings(upstream=upstream, admin_listen=AddressSettings(host="127.0.0.1", port=0)), observer, list))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


async def take(page: Page, address: str, name: str, path: str) -> None:
    """One picture, of the whole page."""
    await page.goto(address + path)
    if path.startswith("/?") or path == "/":
        await page.locator("#live.on").wait_for()
    if name.startswith("denials-selected"):
        for _ in range(SELECTED):
            await page.keyboard.press("j")
    await asyncio.sleep(0.5)
    await page.screenshot(path=IMAGES / f"page-{name}.png", full_page=path.startswith("/denials/"))


async def main() -> None:
    """All pictures."""
    catalog = catalogs.load(catalogs.default_version())
    clock = [0.0]
    store = DenialStore(now=lambda: clock[0])
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), store, catalog=catalog)
    fill(observer, catalog, clock)
    observer.token_fetched("reporting", "ok", 0.02, 300.0)
    observer.token_fetched("provisioner", "ok", 0.02, 60.0)
    observer.token_fetched("rotated-secret", "invalid_client", 0.02, None)
    for explanation, record in denials(catalog):
        observer.denied(explanation, record)
    fixed = catalog.target("POST", f"/admin/realms/{REALM}/clients")
    observer.request_finished(
        RequestRecord(target=fixed, status=201, duration_seconds=0.01, caller=read_caller(f"Bearer {token('provisioner')}"))
    )
    runner, address = await serve(observer)
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme, size, name, path in (
            ("light", "wide", "denials", "/"),
            ("dark", "wide", "denials-dark", "/"),
            ("light", "wide", "denials-selected", "/"),
            ("dark", "phone", "denials-selected-phone", "/"),
            ("light", "wide", "denial", "/denials/kp-7f3a9c4"),
            ("dark", "wide", "denial-dark", "/denials/kp-7f3a9c4"),
            ("light", "phone", "denial-phone-light", "/denials/kp-7f3a9c4"),
            ("dark", "phone", "denial-phone", "/denials/kp-7f3a9c4"),
            ("light", "phone", "denials-phone", "/"),
            ("dark", "phone", "denials-phone-dark", "/"),
            ("light", "wide", "tokens", "/tokens"),
            ("dark", "phone", "tokens-phone", "/tokens"),
            ("light", "wide", "roles", "/roles?q=users+role-mappings"),
        ):
            page = await browser.new_page(viewport=SIZES[size], color_scheme=scheme, device_scale_factor=1)  # type: ignore[arg-type]
            await take(page, address, name, path)
            await page.close()
        page = await browser.new_page(viewport=SIZES["wide"])  # type: ignore[arg-type]
        await page.goto(address + "/explain")
        await page.get_by_label("Path").fill(f"/admin/realms/{REALM}/groups")
        await page.get_by_label("Access token").fill(token("reporting"))
        await page.get_by_role("button", name="Explain").click()
        await page.locator("article.fix").first.wait_for()
        await page.screenshot(path=IMAGES / "page-explain.png", full_page=True)
        await browser.close()
    await runner.cleanup()
    observer.close()


if __name__ == "__main__":
    asyncio.run(main())
