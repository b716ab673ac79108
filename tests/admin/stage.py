"""An admin port over a real socket, for the tests of its parts: the fixtures ``observer``, ``problems`` and ``opened``."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from kcproxy import catalog
from kcproxy.admin import app as admin
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, LogSettings, Secret, Settings, UpstreamSettings
from tests.catalog.conftest import DOCUMENT
from tests.observe.samples import explanation, record

Client: TypeAlias = TestClient[web.Request, web.Application]
Open: TypeAlias = Callable[..., Awaitable[Client]]
LOOPBACK = AddressSettings(host="127.0.0.1", port=0)
EVERYWHERE = AddressSettings(host="0.0.0.0", port=0)
KEY = "correct horse"


@pytest.fixture
def observer() -> Iterator[LiveObserver]:
    made = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore(), catalog=catalog.parse(DOCUMENT))
    yield made
    made.close()


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def opened(aiohttp_client: Any, observer: LiveObserver, problems: list[str]) -> Open:
    async def start(address: AddressSettings = LOOPBACK, key: Secret | None = None) -> Client:
        upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
        app = admin.build(Settings(upstream=upstream, admin_listen=address, admin_key=key), observer, lambda: problems)
        client: Client = await aiohttp_client(app)
        return client

    return start


def deny(observer: LiveObserver, denial_id: str = "d-1", **changes: Any) -> None:
    observer.denied(explanation(denial_id, **changes), record(status=403))
