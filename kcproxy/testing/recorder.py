"""A proxy in a thread of the test's own process: it records what a program calls, so that a test can pin the roles that it needs."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from kcproxy.catalog import Catalog, catalog_for
from kcproxy.denial.decisions import REFUSED
from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.model import Explanation
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.proxy.handler import RequestHandler
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AddressSettings, ExplainSettings, Settings
from kcproxy.settings.load import load
from kcproxy.testing.recorded_calls import Recording
from kcproxy.usage.model import outcome_of
from kcproxy.usage.tally import UseTally

_ANY_PORT = AddressSettings(host="127.0.0.1", port=0)
_SECONDS = 30.0
_POLL_SECONDS = 0.002


class ProxyRecording(Recording, Observer):
    """What was called through a proxy at ``url``: the address to call instead of Keycloak's, with its base path."""

    def __init__(self, catalog: Catalog) -> None:
        """Made by ``recording``."""
        super().__init__(catalog)
        self.url = ""
        self._service: RequestHandler | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def served(self, url: str, service: RequestHandler, loop: asyncio.AbstractEventLoop) -> None:
        """The proxy listens."""
        self.url, self._service, self._loop = url, service, loop

    def settle(self) -> None:
        """Wait until every response that a client has got is counted."""
        loop, service, ends_at = self._loop, self._service, time.monotonic() + _SECONDS
        if loop is None or service is None:
            return
        while loop.is_running() and service.in_flight and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)
        if loop.is_running():  # a turn of the loop, so that the last request is counted too
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(_SECONDS)

    def use_tally(self) -> UseTally:
        """Where identities of callers are kept."""
        return self.tally

    def request_finished(self, record: RequestRecord) -> None:
        """Count the call of a verified caller."""
        known, operation = record.used_by, record.target.operation
        if known is not None and operation is not None:
            outcome = outcome_of(record.status, reduced=record.reduced)
            self.tally.count(known, record.target.realm, operation.key, record.variant, outcome)

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        """Keep the sentence of a refusal."""
        if record.status in REFUSED:
            self.note_refusal(record.status, explanation)


@contextmanager
def recording(
    keycloak_url: str, *, accounts: Sequence[ServiceAccount] = (), keycloak_version: str | None = None
) -> Iterator[ProxyRecording]:
    """A recording proxy before a Keycloak or the simulator, until the context ends. What was recorded can be asked for afterwards too.

    ``accounts``: service accounts whose tokens the proxy adds to requests without one. ``keycloak_version``: default: the newest measured one.
    Raises SettingsError if the address is none.
    """
    settings = replace(
        load(None, {}, {"upstream.url": keycloak_url}),
        listen=_ANY_PORT,
        accounts=tuple(account.settings() for account in accounts),
        explain=ExplainSettings(keycloak_version=keycloak_version),
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="kcproxy-recording", daemon=True)
    thread.start()
    server = _served(settings, loop)
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


@asynccontextmanager
async def _served(settings: Settings, loop: asyncio.AbstractEventLoop) -> AsyncIterator[ProxyRecording]:
    catalog = catalog_for(settings.explain.keycloak_version)
    recorded = ProxyRecording(catalog)
    service = RequestHandler(runtime_of(settings, recorded, catalog), recorded)
    server = Server(service, settings.limits)
    socket = listening_socket(settings.listen, name="listen")
    listener = await loop.create_server(server, sock=socket)
    recorded.served(f"http://127.0.0.1:{socket.getsockname()[1]}{settings.upstream.base_path}", service, loop)
    try:
        yield recorded
    finally:
        listener.close()
        await server.shutdown(1.0)
        await dismantle(service.runtime, patience_seconds=1.0)
