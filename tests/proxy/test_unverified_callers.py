"""On a listener that asks for keys, a share of the slots is reserved for callers with a key."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.servers import ACCOUNT, OK, Message, RecordingUpstream, Running, running_proxy
from kcproxy.proxy.admission import Admission
from kcproxy.settings import LimitSettings
from kcproxy.settings.api_keys import read_keys
from tests.proxy.test_failures import check_failure
from tests.proxy.test_injected_tokens import responding

pytestmark = pytest.mark.usefixtures("way")

CONNECTIONS = 8
LOGIN = "/realms/demo/protocol/openid-connect/userinfo"
USERS = "/admin/realms/demo/users"
KEY = "Kcproxy-Key: right"
QUEUE_SECONDS = 0.3


@asynccontextmanager
async def keyed(upstream: RecordingUpstream, folder: Path, *, has_keys: bool = True) -> AsyncIterator[Running]:
    """A proxy that asks for keys. Its Keycloak hangs on requests without an account's token."""
    go_on = asyncio.Event()

    async def held(_: Message) -> bytes:
        await go_on.wait()
        return OK

    def react(request: Message) -> Any:
        return held(request) if request.target == LOGIN.encode() else OK

    responding(upstream, react)
    (folder / "keys").write_text(f'[[keys]]\nname = "one"\nsha256 = "{hashlib.sha256(b"right").hexdigest()}"\n')
    admission = Admission(keys=read_keys(folder / "keys")) if has_keys else None
    limits = LimitSettings(max_queue_seconds=QUEUE_SECONDS)
    options: dict[str, Any] = {"accounts": (ACCOUNT,), "admission": admission, "max_connections": CONNECTIONS, "limits": limits}
    async with running_proxy(upstream.port, **options) as proxy:
        assert (await proxy.get(USERS, KEY)).status == 200
        yield proxy
        go_on.set()
        async with asyncio.timeout(10):
            while proxy.service.in_flight:  # noqa: ASYNC110 - records tell nobody that they have come
                await asyncio.sleep(0.01)
        assert proxy.service.unverified_callers.active == 0
        assert proxy.service.limit.active == 0


async def test_those_with_a_key_are_served_at_once_though_others_hold_all_they_can(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with keyed(upstream, tmp_path) as proxy:
        strangers = [asyncio.create_task(proxy.get(LOGIN, "Authorization: Bearer own")) for _ in range(2 * CONNECTIONS)]
        await asyncio.sleep(QUEUE_SECONDS / 2)
        assert proxy.service.unverified_callers.active == CONNECTIONS * 3 // 4
        began = time.monotonic()
        for _ in range(5):
            assert (await proxy.get(USERS, KEY)).status == 200
        assert time.monotonic() - began < 2
        late = [await task for task in strangers[CONNECTIONS * 3 // 4 :]]
        for answer in late:
            assert "unverified callers" in check_failure(answer, 503, "busy")
        for task in strangers[: CONNECTIONS * 3 // 4]:
            task.cancel()


async def test_without_keys_all_callers_are_equal(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with keyed(upstream, tmp_path, has_keys=False) as proxy:
        asked = [asyncio.create_task(proxy.get(LOGIN)) for _ in range(CONNECTIONS)]
        async with asyncio.timeout(10):
            while proxy.service.limit.active < CONNECTIONS:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert proxy.service.unverified_callers.active == 0
        for task in asked:
            task.cancel()
