"""Refusals of a real Keycloak 26.7.5 through Envoy with the external processor, through Envoy with the Lua filter, and through the proxy: the same answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from devkit.envoy import running_envoy, running_processor
from devkit.lab import Attempt, Lab, laboratory
from tests.envoy.conftest import require_envoy
from tests.live import situations
from tests.live.conftest import Start
from tests.live.test_middleware import VERSION, call_of, of_proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

TRIES = 6
"""Look-ups have a limit of time (200 ms), which a busy machine may exceed."""
OFTEN, FIRST = 16, 5
FORM_UNSEEN = frozenset({"K-exchange", "K-signed-late"})
"""Situations of the sample in which the form of a token request, which Envoy does not send, names what the explanation names."""
ALWAYS = frozenset({"C70"})
"""What decides is in the request body."""
EVERY = tuple(situation for situation in situations.of(VERSION) if situation.id != "K-signed-proxy")
SAMPLED = frozenset(each.id for number, each in enumerate(EVERY) if number % OFTEN == FIRST or each.id in ALWAYS)
"""The situations of every run, which takes less than two minutes. The others belong to `make test-long`."""
DOCS_URL = "http://localhost:9180/docs/causes"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """``ways``: Envoy's addresses by way."""

    lab: Lab
    proxy: str
    ways: Mapping[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(real_keycloak: Start, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    require_envoy()
    folder = tmp_path_factory.mktemp("envoy")
    async with laboratory(real_keycloak(VERSION), folder) as lab:
        with ExitStack() as stack:
            url = lab.keycloak.base_url
            settings = f'[explain]\nkeycloak_version = "{VERSION}"\ndocs_url = "{DOCS_URL}"\n'
            processor = stack.enter_context(running_processor(url, folder, settings=settings))
            port = int(url.rpartition(":")[2])
            ways = {
                "ext_proc": stack.enter_context(running_envoy("ext_proc", port, folder, socket=processor.socket)).port,
                "lua": stack.enter_context(running_envoy("lua", port, folder, http_port=processor.http_port)).port,
            }
            async with lab.proxy(preserve_host=True, docs_url=DOCS_URL) as proxy:
                yield Stage(lab=lab, proxy=proxy, ways={way: f"http://127.0.0.1:{port}" for way, port in ways.items()})


async def through(stage: Stage, address: str, attempt: Attempt) -> Any:
    """Called by Keycloak's own name, because an explanation may name the address that the client calls."""
    host = stage.lab.keycloak.base_url.partition("://")[2]
    call = call_of(stage.lab, attempt)
    named = Attempt(method=attempt.method, path=attempt.path, headers={"Host": host, **call.headers}, json=attempt.json, form=attempt.form)
    return of_proxy(await stage.lab.send(address, named))


async def compared(stage: Stage, attempt: Attempt) -> dict[str, Any]:
    """What differs from the answer through the proxy, by way."""
    found: dict[str, Any] = {}
    for _ in range(TRIES):
        expected = await through(stage, stage.proxy, attempt)
        answers = {way: await through(stage, address, attempt) for way, address in stage.ways.items()}
        found = {way: (answer, expected) for way, answer in answers.items() if answer != expected}
        if not found:
            break
        await asyncio.sleep(0.2)
    return found


def _marked(situation: situations.Situation) -> Any:
    mark = pytest.mark.live if situation.id in SAMPLED else pytest.mark.live_long
    return pytest.param(situation, marks=mark, id=f"{situation.id}: {situation.says}")


@pytest.mark.parametrize("situation", tuple(map(_marked, EVERY)))
async def test_envoy_gives_the_answer_of_the_proxy(stage: Stage, situation: situations.Situation) -> None:
    attempt = await situation.build(stage.lab)
    different = await compared(stage, attempt)
    if situation.id in FORM_UNSEEN:
        assert {way: answer[0][0] for way, answer in different.items()} == dict.fromkeys(stage.ways, situation.status)
    else:
        assert different == {}
