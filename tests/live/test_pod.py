"""The pods of the manifests, as processes, in front of a real Keycloak: with a client secret, and with a projected token and no secret at all."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from devkit.certificates import Authority
from tests.deploy.pod import pod
from tests.deploy.test_pod import CLASSIC, NATIVE, WITHOUT_SECRET
from tests.live.conftest import Keycloak
from tests.live.proving import Files, Place, PlainSecret, ProjectedToken, Way, running_cluster
from tests.live.test_proxy_grants import ROBOT, Realm
from tools.deploy.kustomize import kustomize

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(kustomize() is None, reason="kustomize is neither installed nor can it be built (no Go)"),
]

LIFETIME_SECONDS = 6


@pytest.mark.parametrize("shape", [NATIVE, WITHOUT_SECRET, CLASSIC])
async def test_a_pods_whole_life_with_a_rotation_costs_the_application_no_request(shape: str, keycloak: Keycloak, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        realm = Realm(keycloak, http)
        await realm.create()
        stack.push_async_callback(realm.delete)
        place = Place(realm=realm, http_url=keycloak.base_url, https_url="", authority=Authority(tmp_path))
        way: Way = PlainSecret(place, "client_secret_post")
        if shape == WITHOUT_SECRET:
            way = ProjectedToken(place, stack.enter_context(running_cluster()))
        await realm.grant("view-users")
        await place.change(attributes={"access.token.lifespan": str(LIFETIME_SECONDS)})
        first = only(await way.introduce())
        secret, token = ("", first) if shape == WITHOUT_SECRET else (first, "")
        running = await stack.enter_async_context(
            pod(shape, tmp_path / "pod", keycloak=keycloak.base_url, realm=realm.name, client_id=ROBOT, secret=secret, token=token)
        )
        await running.start()
        while ("normal", "200") not in running.notes:
            await running.called(1)
        early = len(running.notes)
        second = only(await way.succeed())
        volume, name = (running.token, "token") if shape == WITHOUT_SECRET else (running.secret, "client-secret")
        volume.swap({name: second})
        await asyncio.sleep(LIFETIME_SECONDS * 2)  # at least one token more, by the second proof
        await running.end()
        if shape != CLASSIC:  # whose application may start before its proxy
            early = 0
        assert {result for _, result in running.notes[early:]} == {"200"}
        assert running.sidecar.events("drained")[-1]["cut_off"] == 0
        log = running.sidecar.log.read_text(encoding="utf-8")
        assert first not in log
        assert second not in log


def only(files: Files) -> str:
    """The text of the one file there is."""
    (content,) = files.values()
    return content if isinstance(content, str) else content.decode()
