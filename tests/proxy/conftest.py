"""Fixtures on real sockets; see ``servers``."""

from collections.abc import AsyncIterator

import pytest

from tests.proxy.servers import RecordingUpstream, Running, recording_upstream, running_proxy


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingUpstream]:
    async with recording_upstream() as running:
        yield running


@pytest.fixture
async def proxy(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port) as running:
        yield running
