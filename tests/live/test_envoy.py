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

CERTAIN = "certain"
TRIES = 6
"""Look-ups have a limit of time (200 ms), which a busy machine may exceed."""
OFTEN, FIRST = 16, 5
ALWAYS = frozenset({"C70"})
"""What decides is in the request body."""
EVERY = tuple(situation for situation in situations.of(VERSION) if situation.id != "K-signed-proxy")
SAMPLED = frozenset(each.id for number, each in enumerate(EVERY) if number % OFTEN == FIRST or each.id in ALWAYS)
"""The situations of every run, which takes less than two minutes. The others belong to `make test-long`."""
BODY_IS_EVIDENCE = frozenset({"O-policy", "O-policy-initial"})
"""Client registrations, whose bodies Envoy does not send: the evidence does not name the client scopes of the request."""
FORM_IS_THE_CAUSE = frozenset({"K-nobody"})
"""Token requests whose cause is visible only in the form, which is never sent: another cause is named, as possible."""
WITHOUT_FORM = "https-required"
"""The cause of a refused token request that is certain without its form."""
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
    if attempt.form is None and situation.id not in BODY_IS_EVIDENCE:
        assert {way: differences(*pair) for way, pair in different.items()} == {}
    for way, (got, expected) in different.items():
        assert got[0] == expected[0] == situation.status, way
        assert (cause(got) == cause(expected)) is (situation.id not in FORM_IS_THE_CAUSE), way
        assert [line.partition(":")[0] for line in differences(got, expected)] == ["[2].evidence"] or attempt.form, way
        assert got[2].get("confidence") != CERTAIN or not attempt.form or cause(got) == WITHOUT_FORM, way


def cause(answer: Any) -> str | None:
    """Of a token request too, although Envoy never sends its form: only the names in it are missing in the sentence."""
    found = answer[1].get("kcproxy-cause")
    return found if isinstance(found, str) else None


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """What is different in two JSON values, with its place."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for number, pair in enumerate(zip(one, other, strict=True)) for line in differences(*pair, f"{place}[{number}]")]
    return [] if one == other else [f"{place}: {one!r} instead of {other!r}"]
