"""Whether a realm has fine-grained permissions is learnt from its representation as it passes to a caller, and from nothing else."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.servers import Message, RecordingUpstream
from kcproxy.cli.scenario import embedded
from kcproxy.model import Operation, Target, TargetKind
from kcproxy.proxy.permission_switches import KEPT_SECONDS, PermissionSwitches
from tests.process.test_exact_version import AUTHORIZATION, FORBIDDEN, _json

REALM = "/admin/realms/demo"
USER = f"{REALM}/users/7f1c2b3a-0000-4000-8000-000000000000"
MISSING, DENIED = "fine-grained-permission-missing", "fine-grained-permission-denied"
HEADERS = dict([AUTHORIZATION.split(": ", 1)])


def representation(switch: bool | None, *, padding: int) -> bytes:
    """A realm, large or small. An attribute has text that looks like the switch, the other way."""
    decoy = f'"adminPermissionsEnabled":{json.dumps(not switch)}'
    members = {} if switch is None else {"adminPermissionsEnabled": switch}
    return json.dumps(
        {"realm": "demo", "displayName": decoy, "attributes": {"x": "y" * padding, "adminPermissionsEnabled": decoy}, **members}
    ).encode()


@asynccontextmanager
async def proxy(upstream: RecordingUpstream, realm: bytes, status: int = 200) -> AsyncIterator[str]:
    def react(request: Message) -> bytes:
        return _json(status, realm) if request.target.decode().partition("?")[0] == REALM else _json(403, FORBIDDEN)

    upstream.react = react
    async with embedded.running(embedded.settings_for(f"http://127.0.0.1:{upstream.port}", accounts=(), version="26.7.5")) as (url, _):
        yield url


async def causes_after(url: str, *before: str) -> list[str]:
    """The causes of a refusal, after these readings."""
    async with aiohttp.ClientSession(headers=HEADERS) as http:
        for path in before:
            async with http.get(url + path) as response:
                await response.read()
        async with http.get(url + USER) as response:
            explanation: Any = (await response.json())["explanation"]
    return [explanation["cause"], *(each["cause"] for each in explanation["alternatives"])]


@pytest.mark.parametrize("padding", [10, 100_000])
async def test_a_realm_without_permissions_ends_the_question(upstream: RecordingUpstream, padding: int) -> None:
    async with proxy(upstream, representation(False, padding=padding)) as url:
        assert MISSING in await causes_after(url)
        assert not {MISSING, DENIED} & set(await causes_after(url, REALM))


@pytest.mark.parametrize("padding", [10, 100_000])
async def test_a_realm_with_permissions_keeps_it(upstream: RecordingUpstream, padding: int) -> None:
    async with proxy(upstream, representation(True, padding=padding)) as url:
        assert MISSING in await causes_after(url, REALM)


@pytest.mark.parametrize(("body", "status"), [(representation(None, padding=10), 200), (representation(False, padding=10), 404)])
async def test_a_response_without_the_switch_shows_nothing(upstream: RecordingUpstream, body: bytes, status: int) -> None:
    async with proxy(upstream, body, status) as url:
        assert MISSING in await causes_after(url, REALM)


def target(method: str = "GET", path: str = "/admin/realms/{realm}", realm: str = "demo") -> Target:
    return Target(
        kind=TargetKind.ADMIN, method=method, raw_path=f"/admin/realms/{realm}", realm=realm, operation=Operation(method=method, path=path)
    )


@given(cuts=st.lists(st.integers(1, 400), max_size=12))
def test_any_pieces_of_the_body_give_the_switch(cuts: list[int]) -> None:
    body, switches = representation(True, padding=200), PermissionSwitches(lambda: 0.0)
    reader = switches.reader(target())
    assert reader is not None
    at = 0
    for cut in [*cuts, len(body)]:
        reader.read(body[at : at + cut])
        at += cut
    assert switches.of("demo") is True
    assert switches.of("other") is None


def test_what_was_learnt_is_forgotten_after_some_minutes() -> None:
    now = [0.0]
    switches = PermissionSwitches(lambda: now[0])
    reader = switches.reader(target())
    assert reader is not None
    reader.read(b'{"adminPermissionsEnabled": false}')
    now[0] = KEPT_SECONDS - 1
    assert switches.of("demo") is False
    now[0] = KEPT_SECONDS + 1
    assert switches.of("demo") is None


def test_other_operations_are_not_read() -> None:
    switches = PermissionSwitches(lambda: 0.0)
    assert switches.reader(target("PUT")) is None
    assert switches.reader(target(path="/admin/realms/{realm}/users")) is None


@pytest.mark.parametrize(("status", "known"), [(204, None), (403, True)])
async def test_a_change_of_the_realm_that_passes_makes_it_forgotten(upstream: RecordingUpstream, status: int, known: bool | None) -> None:
    async with proxy(upstream, representation(False, padding=10)) as url:
        assert MISSING not in await causes_after(url, REALM)
        upstream.react = lambda _: _json(status, b"" if status == 204 else FORBIDDEN)
        async with aiohttp.ClientSession(headers=HEADERS) as http, http.put(url + REALM, json={"realm": "demo"}) as response:
            assert response.status == status
        upstream.react = lambda _: _json(403, FORBIDDEN)
        assert (MISSING in await causes_after(url)) is (known is None)
