"""The sidecar forms as real processes, handled as the kubelet does: start order, probes, rotation, the end. No request may fail."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.deploy.pod import NeverStarted, Pod, pod
from tools.deploy.kustomize import kustomize

pytestmark = pytest.mark.skipif(kustomize() is None, reason="kustomize is neither installed nor can it be built (no Go)")

NATIVE, WITHOUT_SECRET, CLASSIC = (f"overlays/{name}" for name in ("native-sidecar", "native-sidecar-without-secret", "classic-sidecar"))
FIRST, SECOND = "the-first-proof.of.it", "the-second-proof.of.it"
TOKEN_SECONDS = 3


@dataclass(slots=True)
class Keycloak:
    """A token endpoint that takes what is in ``taken``, and an Admin REST API that takes its tokens."""

    taken: set[str]
    url: str = ""
    proofs: list[str] = field(default_factory=list)

    async def grant(self, request: web.Request) -> web.Response:
        form = await request.post()
        proof = str(form.get("client_secret") or form.get("client_assertion"))
        self.proofs.append(proof)
        if proof not in self.taken:
            return web.json_response({"error": "unauthorized_client"}, status=401)
        return web.json_response({"access_token": f"token-{len(self.proofs)}", "expires_in": TOKEN_SECONDS})

    async def users(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization", "").startswith("Bearer token-")
        return web.json_response([], status=200 if known else 401)


@asynccontextmanager
async def serving(*taken: str) -> AsyncIterator[Keycloak]:
    keycloak = Keycloak(set(taken))
    app = web.Application()
    app.router.add_post("/realms/demo/protocol/openid-connect/token", keycloak.grant)
    app.router.add_get("/admin/realms/demo/users", keycloak.users)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    keycloak.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield keycloak
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("shape", [NATIVE, WITHOUT_SECRET])
async def test_the_native_sidecars_life_costs_the_application_no_request(shape: str, tmp_path: Path) -> None:
    secret, token = ("", FIRST) if shape == WITHOUT_SECRET else (FIRST, "")
    async with serving(FIRST) as keycloak, pod(shape, tmp_path, keycloak=keycloak.url, realm="demo", secret=secret, token=token) as running:
        await running.start()
        assert await running.probe("readinessProbe")
        assert await running.probe("livenessProbe")
        await running.called(10)
        await rotate(shape, running, keycloak)
        await running.end()
        assert running.journal == [
            "start kcproxy",
            "started kcproxy",
            "start backend",
            "SIGTERM backend",
            "ended backend",
            "SIGTERM kcproxy",
            "ended kcproxy",
        ]
        assert {result for _, result in running.notes} == {"200"}
        assert ("farewell", "200") in running.notes
        assert keycloak.proofs[0] == FIRST
        assert keycloak.proofs[-1] == SECOND
        assert running.sidecar.events("drained")[-1]["cut_off"] == 0
        assert FIRST not in running.sidecar.log.read_text(encoding="utf-8")


async def rotate(shape: str, running: Pod, keycloak: Keycloak) -> None:
    """As it is done where both are taken for a while: known to Keycloak, swapped by the kubelet, the first one no longer taken."""
    keycloak.taken.add(SECOND)
    volume, name = (running.token, "token") if shape == WITHOUT_SECRET else (running.secret, "client-secret")
    volume.swap({name: SECOND})
    keycloak.taken.remove(FIRST)
    fetched = len(keycloak.proofs)
    while len(keycloak.proofs) < fetched + 2:
        await running.called(5)


async def test_a_rotation_with_both_secrets_costs_no_request_even_if_the_kubelet_is_slow(tmp_path: Path) -> None:
    """Keycloak has one secret at a time, and the volume follows more than a token's lifetime later: the order of the page."""
    async with serving(FIRST) as keycloak, pod(NATIVE, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST) as running:
        await running.start()
        await running.called(10)
        running.secret.swap({"client-secret": SECOND, "client-secret-previous": FIRST})
        fetched = len(keycloak.proofs)
        while len(keycloak.proofs) < fetched + 3:  # a new token by the old secret, because Keycloak does not have the new one yet
            await running.called(5)
        keycloak.taken = {SECOND}
        while SECOND not in keycloak.proofs[-1:]:
            await running.called(5)
        running.secret.swap({"client-secret": SECOND})
        fetched = len(keycloak.proofs)
        while len(keycloak.proofs) < fetched + 2:
            await running.called(5)
        await running.end()
        assert {result for _, result in running.notes} == {"200"}
        assert FIRST not in running.sidecar.log.read_text(encoding="utf-8")
        assert SECOND not in running.sidecar.log.read_text(encoding="utf-8")


async def test_while_the_application_ends_the_classic_sidecar_still_serves_it(tmp_path: Path) -> None:
    async with (
        serving(FIRST) as keycloak,
        pod(CLASSIC, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST, farewell_seconds=3) as running,
    ):
        await running.start()
        assert set(running.journal) == {
            "start kcproxy",
            "start backend",
        }  # nobody waits for anybody: early calls are the application's to repeat
        while ("normal", "200") not in running.notes:
            await running.called(1)
        early = len(running.notes)
        await rotate(CLASSIC, running, keycloak)
        await running.end()
        later = running.notes[early:]
        assert {result for _, result in running.notes[:early]} <= {"200", "ConnectionRefusedError"}
        assert {result for _, result in later} == {"200"}
        assert ("farewell", "200") in later
        assert running.journal[2:4] == ["preStop kcproxy", "SIGTERM backend"] or running.journal[2:4] == [
            "SIGTERM backend",
            "preStop kcproxy",
        ]
        assert running.journal[-3:] == ["ended backend", "SIGTERM kcproxy", "ended kcproxy"]


async def test_without_its_hook_the_classic_sidecar_would_fail_the_application(tmp_path: Path) -> None:
    """What the hook is for: and that the tests above would notice."""
    async with (
        serving(FIRST) as keycloak,
        pod(CLASSIC, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST, farewell_seconds=3) as running,
    ):
        running.spec = {
            **running.spec,
            "containers": [{k: v for k, v in c.items() if k != "lifecycle"} for c in running.spec["containers"]],
        }
        await running.start()
        while ("normal", "200") not in running.notes:
            await running.called(1)
        await running.end()
        assert ("farewell", "ConnectionRefusedError") in running.notes


async def test_the_application_is_not_started_where_the_sidecar_cannot_be(tmp_path: Path) -> None:
    async with serving(FIRST) as keycloak, pod(NATIVE, tmp_path, keycloak=keycloak.url, realm="demo") as running:  # its secret is missing
        with pytest.raises(NeverStarted, match="client-secret cannot be read"):
            await running.start()
        assert running.journal == ["start kcproxy"]


async def test_keycloaks_outage_takes_no_application_out_of_rotation(tmp_path: Path) -> None:
    async with pod(NATIVE, tmp_path, keycloak="http://127.0.0.1:9", realm="demo", secret=FIRST, farewell_seconds=0) as running:
        await running.start()
        await running.called(5)
        assert await running.probe("readinessProbe")
        assert {result for _, result in running.notes} == {"502"}
        await running.end()


async def test_port_forward_shows_the_page_without_a_key_and_the_pods_address_does_not(tmp_path: Path) -> None:
    async with serving(FIRST) as keycloak, pod(NATIVE, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST) as running:
        await running.start()
        page, metrics = running.ports[9180], running.ports[9181]
        async with aiohttp.ClientSession() as http:  # kubectl port-forward connects to loopback inside the pod
            async with http.get(f"http://localhost:{page}/") as answer:
                assert (answer.status, "Recent denials" in await answer.text()) == (200, True)
            for path, status in (("/", 404), ("/api/denials", 404), ("/metrics", 200)):
                async with http.get(f"http://127.0.0.1:{metrics}{path}", headers={"Host": f"10.1.2.3:{metrics}"}) as answer:
                    assert answer.status == status, path
        await running.called(1)  # before that, the application may not handle SIGTERM yet
        await running.end()


async def test_settings_that_the_kubelet_swaps_are_taken_without_a_restart(tmp_path: Path) -> None:
    async with serving(FIRST) as keycloak, pod(NATIVE, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST) as running:
        await running.start()
        text = (running.settings / "kcproxy.toml").read_text(encoding="utf-8")
        running.settings.swap({"kcproxy.toml": text + '\n[explain]\ndetail = "role"\n'})
        await running.logged("reloaded")
        await running.called(10)
        await running.end()
        assert {result for _, result in running.notes} == {"200"}


async def test_the_process_writes_no_file_so_that_its_root_may_be_read_only(tmp_path: Path) -> None:
    async with serving(FIRST) as keycloak, pod(NATIVE, tmp_path, keycloak=keycloak.url, realm="demo", secret=FIRST) as running:
        await running.start()
        await running.called(10)
        assert running.sidecar.process is not None
        assert written_by(running.sidecar.process.pid) == {str(running.sidecar.log)}  # its standard output
        await running.end()


def written_by(process: int) -> set[str]:
    """The regular files that a process has open for writing."""
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        flags = next(
            line for line in Path(f"/proc/{process}/fdinfo/{descriptor.name}").read_text().splitlines() if line.startswith("flags:")
        )
        if int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR) and descriptor.resolve().is_file():
            found.add(str(descriptor.resolve()))
    return found
