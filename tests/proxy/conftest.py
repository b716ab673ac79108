"""Fixtures on real sockets; see ``servers``."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.proxy.servers import WAY, RecordingUpstream, Running, recording_upstream, running_proxy


@pytest.fixture(params=["lane", "ordinary"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """A test that asks for it runs twice: with the quick lane, and without."""
    WAY.lane = request.param == "lane"
    yield request.param
    WAY.lane = False


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingUpstream]:
    async with recording_upstream() as running:
        yield running


@pytest.fixture
async def proxy(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port) as running:
        yield running
