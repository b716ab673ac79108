"""Every way to prove the client, against a real Keycloak with TLS, through a serving process: rotation under load costs no request."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from devkit.certificates import Authority
from devkit.ports import free_port
from devkit.realserver import RealServer
from tests.deploy.mounted import Mounted
from tests.live import proving
from tests.live.conftest import Keycloak
from tests.live.proving import Place, Way
from tests.live.test_proxy_grants import ROBOT, Realm

pytestmark = pytest.mark.live

VERSION = "26.7.5"
ASKERS = 4
PAUSE_SECONDS = 0.05
LIFETIME_SECONDS = 8
"""Of access tokens: they are fetched again after some five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A server with TLS that asks for client certificates, and the authority that it trusts."""

    keycloak: Keycloak
    https_url: str
    authority: Authority


@pytest.fixture(scope="module")
def secured(needs_real_keycloak: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    authority = Authority(tmp_path_factory.mktemp("pki"))
    own = authority.sign("localhost", address="127.0.0.1")
    port = free_port()
    options = (
        f"--https-port={port}",
        f"--https-certificate-file={own.certificate}",
        f"--https-certificate-key-file={own.key}",
        f"--https-trust-store-file={authority.file}",
        "--https-client-auth=request",
    )
    # Rotated secrets are a preview; federated clients and Kubernetes service accounts are on by themselves in this version.
    with RealServer(VERSION, features=("client-secret-rotation",), options=options, prepared=False) as server:
        keycloak = Keycloak(
            version=VERSION,
            base_url=server.base_url,
            admin_username=server.admin_username,
            admin_password=server.admin_password,
            home=server.home,
        )
        yield Secured(keycloak=keycloak, https_url=f"https://localhost:{port}", authority=authority)


@contextmanager
def plain(place: Place, method: str) -> Iterator[Way]:
    yield proving.PlainSecret(place, method)


@contextmanager
def rotated(place: Place, method: str) -> Iterator[Way]:
    yield proving.RotatedSecret(place, method)


@contextmanager
def other(place: Place, kind: Callable[[Place], Way]) -> Iterator[Way]:
    yield kind(place)


@contextmanager
def projected(place: Place, _: object) -> Iterator[Way]:
    with proving.running_cluster() as cluster:
        yield proving.ProjectedToken(place, cluster)


WAYS = {
    "client_secret_post": (plain, "client_secret_post"),
    "client_secret_basic": (plain, "client_secret_basic"),
    "client_secret_jwt": (plain, "client_secret_jwt"),
    "client_secret_post, both taken for a while": (rotated, "client_secret_post"),
    "client_secret_basic, both taken for a while": (rotated, "client_secret_basic"),
    "client_secret_jwt, both taken for a while": (rotated, "client_secret_jwt"),
    "private_key_jwt": (other, proving.PlainKey),
    "private_key_jwt, both taken for a while": (other, proving.NamedKey),
    "tls_client_auth": (other, proving.Certificate),
    "federated_jwt": (projected, None),
}


@pytest.mark.parametrize("name", WAYS)
async def test_a_rotation_under_load_costs_no_request(name: str, secured: Secured, tmp_path: Path) -> None:
    make, argument = WAYS[name]
    async with trial(secured, tmp_path, lambda place: make(place, argument)) as running:  # type: ignore[operator]
        await running.asked(20)
        running.secret.swap(await running.way.succeed())
        await running.way.retire()
        before = await running.fetches("ok")
        # What is fetched from here on can only have been proven with the successor: Keycloak refuses what was there first.
        if isinstance(running.way, proving.ProjectedToken):
            await asyncio.sleep(running.way.first_lives_seconds)
            before = await running.fetches("ok")
        await running.until_fetched(before + 1)
        await running.asked(20)
        assert running.responses.keys() == {200}, running.responses
        assert await running.fetches("ok") == await running.fetches(), "a fetch failed"


async def test_a_refresh_that_fails_in_the_gap_costs_no_request_either(secured: Secured, tmp_path: Path) -> None:
    """Keycloak has the new secret, the file has still the old one, and in between a refresh falls due: the kept token carries on."""
    async with trial(secured, tmp_path, lambda place: plain(place, "client_secret_post"), lifetime_seconds=30) as running:
        await running.asked(5)
        successor = await running.way.succeed()
        async with asyncio.timeout(30):
            while await running.fetches() == await running.fetches("ok"):  # noqa: ASYNC110 - a metric tells nobody
                await asyncio.sleep(0.05)
        running.secret.swap(successor)
        await running.until_fetched(2)
        await running.asked(5)
        assert running.responses.keys() == {200}, running.responses
        assert await running.fetches("unauthorized_client") >= 1


@dataclass(slots=True, kw_only=True)
class Running:
    """A serving process in front of Keycloak, callers who never stop asking, and what they were answered."""

    way: Way
    secret: Mounted
    http: aiohttp.ClientSession
    url: str
    admin_url: str
    responses: Counter[int] = field(default_factory=Counter)

    async def ask(self, realm: str) -> None:
        """One caller: request after request until cancelled."""
        while True:
            async with self.http.get(f"{self.url}/admin/realms/{realm}/users/count") as answer:
                await answer.read()
                self.responses[answer.status] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def asked(self, more: int) -> None:
        """Wait until so many more have been answered."""
        wanted = self.responses.total() + more
        async with asyncio.timeout(60):
            while self.responses.total() < wanted:  # noqa: ASYNC110 - they tell nobody
                await asyncio.sleep(0.02)

    async def fetches(self, outcome: str = "") -> int:
        """Token requests so far, by outcome; all of them without one."""
        async with self.http.get(f"{self.admin_url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        named = [line for line in lines if line.startswith("kcproxy_token_fetches_total{") and f'outcome="{outcome}' in line]
        return int(sum(float(line.rpartition(" ")[2]) for line in named))

    async def until_fetched(self, count: int) -> None:
        """Wait until so many tokens have been fetched."""
        async with asyncio.timeout(60):
            while await self.fetches("ok") < count:  # noqa: ASYNC110 - a metric tells nobody
                await asyncio.sleep(0.1)


@asynccontextmanager
async def trial(
    secured: Secured, folder: Path, make: Callable[[Place], object], *, lifetime_seconds: int = LIFETIME_SECONDS
) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        realm = Realm(secured.keycloak, http)
        await realm.create()
        stack.push_async_callback(realm.delete)
        place = Place(realm=realm, http_url=secured.keycloak.base_url, https_url=secured.https_url, authority=secured.authority)
        way: Way = stack.enter_context(make(place))  # type: ignore[arg-type]
        await realm.grant("view-users")
        await place.change(attributes={"access.token.lifespan": str(lifetime_seconds)})
        secret = Mounted(folder / "secret", await way.introduce())
        running = await stack.enter_async_context(serving(way, secret, folder, http))
        askers = [asyncio.create_task(running.ask(realm.name)) for _ in range(ASKERS)]
        try:
            yield running
        finally:
            for asker in askers:
                asker.cancel()
            ended = await asyncio.gather(*askers, return_exceptions=True)
        assert not [error for error in ended if not isinstance(error, asyncio.CancelledError)]
        _check_for_leaks(folder)


@asynccontextmanager
async def serving(way: Way, secret: Mounted, folder: Path, http: aiohttp.ClientSession) -> AsyncIterator[Running]:
    port, admin_port = free_port(), free_port()
    upstream = f'[upstream]\nurl = "{way.upstream_url}"\n'
    if way.upstream_url.startswith("https"):
        upstream += f'ca_file = "{way.place.authority.file}"\n'
    account = f'[[accounts]]\nrealms = ["{way.place.realm.name}"]\nclient_id = "{ROBOT}"\n'
    own = (way.upstream_settings, way.account_settings)
    of_upstream, of_account = (text.replace("{folder}", str(secret.folder)) for text in own)
    config = folder / "kcproxy.toml"
    addresses = f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{admin_port}"\n'
    config.write_text(addresses + upstream + of_upstream + account + of_account)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    with (folder / "log").open("wb") as log:
        command = (sys.executable, "-m", "kcproxy", "serve", "--config", str(config))
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    try:
        admin_url = f"http://127.0.0.1:{admin_port}"
        await _ready(http, admin_url, process, folder)
        yield Running(way=way, secret=secret, http=http, url=f"http://127.0.0.1:{port}", admin_url=admin_url)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ready(http: aiohttp.ClientSession, admin_url: str, process: asyncio.subprocess.Process, folder: Path) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, (folder / "log").read_text()
            try:
                async with http.get(f"{admin_url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def _check_for_leaks(folder: Path) -> None:
    """No secret of either generation stands in the log."""
    log = (folder / "log").read_text()
    for file in (folder / "secret").glob("..[0-9]*/*"):
        for line in file.read_text().splitlines():
            assert len(line) < 20 or line.startswith("-----") or line not in log
