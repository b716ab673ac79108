"""The programs of compose.yaml, as processes, in front of a real Keycloak."""

from pathlib import Path

import aiohttp
import pytest

from devkit.ports import free_port
from devkit.realserver import RealServer
from tests.deploy.composed import composed, services
from tests.deploy.test_compose import check_the_story
from tests.live.conftest import Keycloak

pytestmark = pytest.mark.live


async def test_set_up_kcproxy_and_caller_show_an_allowed_call_and_two_explained_refusals(keycloak: Keycloak, tmp_path: Path) -> None:
    await check_the_story(tmp_path, keycloak.base_url)


@pytest.mark.live_long
@pytest.mark.timeout(900)
async def test_a_token_that_was_fetched_outside_works_through_kcproxy_which_uses_the_name_inside(tmp_path: Path) -> None:
    """Three processes and two names of Keycloak: ``localhost`` for people, 127.0.0.1 instead of ``keycloak`` for kcproxy and the set-up."""
    port = free_port()
    words = [word.replace("8080", str(port)) for word in services()["keycloak"]["command"] if word.startswith("--hostname")]
    assert words, "compose.yaml gives Keycloak no hostname"
    with RealServer("26.7.5", port=port, options=tuple(words)):
        outside, stack = f"http://localhost:{port}", composed(tmp_path, f"http://127.0.0.1:{port}")
        assert (await stack.setup())[0] == 0
        async with stack.serving(), aiohttp.ClientSession() as http:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
            async with http.post(f"{outside}/realms/master/protocol/openid-connect/token", data=form) as answer:
                token = (await answer.json())["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"http://localhost:{stack.port}/admin/realms/demo/users", headers=headers) as answer:
                assert (answer.status, answer.headers.get("Kcproxy-Cause")) == (200, None), await answer.text()
