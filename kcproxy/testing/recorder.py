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
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.combine import combined
from kcproxy.usage.from_batch import record_of_batch
from kcproxy.usage.model import UseRecord, outcome_of
from kcproxy.usage.needs import MASTER
from kcproxy.usage.tally import UseTally

_ANY_PORT = AddressSettings(host="127.0.0.1", port=0)
_SECONDS = 30.0
_POLL_SECONDS = 0.002


class Recording:
    """What was called through the proxy at ``url``. The methods raise AssertionError with sentences for people."""

    def __init__(self, url: str, catalog: Catalog, observer: "_Recorder", service: RequestHandler, loop: asyncio.AbstractEventLoop) -> None:
        """Made by ``recording``. ``url``: the address to call instead of Keycloak's, with its base path."""
        self.url = url
        self.catalog = catalog
        self._observer, self._service, self._loop = observer, service, loop
        self._record = UseRecord(uses=(), roles={}, days=frozenset())

    @property
    def refusals(self) -> tuple[str, ...]:
        """The sentences of all refusals, each once: who may not do what, and which role is missing."""
        self._settle()
        return tuple(dict.fromkeys(self._observer.refusals))

    def least(self, client: str | None = None) -> frozenset[str]:
        """The least roles for everything that a client called, as it was answered. ``client`` may be left out if there is only one.

        Roles are those of realm-management. For tokens of master they have their owner in front: ``shop-realm/view-users``. Raises
        AssertionError with the sentence of the missing role if a call was refused.
        """
        self._check_refusals()
        found: set[str] = set()
        for audit in self._audits(client):
            if audit.least is None:
                raise AssertionError(f"No set of roles is enough for the calls of {audit.caller.client}.")
            prefix = f"{audit.owner.client}/" if audit.owner.realm == MASTER else ""
            found |= {prefix + role for role in audit.least}
        return frozenset(found)

    def assert_least(self, *roles: str, client: str | None = None) -> None:
        """Check that exactly these roles are the least ones. The error says which calls need what."""
        found, pinned = self.least(client), frozenset(roles)
        if found != pinned:
            raise AssertionError("\n".join(self._difference(found, pinned, client)))

    def _difference(self, found: frozenset[str], pinned: frozenset[str], client: str | None) -> Iterator[str]:
        yield f"The calls need {_listed(found)}, and the test pins {_listed(pinned)}."
        if found - pinned:
            yield f"Missing in the test: {_listed(found - pinned)}."
        if pinned - found:
            yield f"No longer needed: {_listed(pinned - found)}."
        for audit in self._audits(client):
            for need in audit.needs:
                least = [self.catalog.least(demand) or () for demand in need.as_answered]
                yield f"  {need.use.operation}: {need.problem or ' + '.join(_listed(frozenset(each)) for each in least) or 'any token'}"

    def _check_refusals(self) -> None:
        refusals = self.refusals
        if refusals:
            raise AssertionError("Keycloak refused calls:\n" + "\n".join(f"  {sentence}" for sentence in refusals))

    def _audits(self, client: str | None) -> tuple[Audit, ...]:
        self._settle()
        names = sorted({use.caller.client for use in self._record.uses})
        if client is None and len(names) > 1:
            raise AssertionError(f"Several clients called: {', '.join(names)}. Name one of them.")
        chosen = client if client is not None else next(iter(names), None)
        if chosen not in names:
            raise AssertionError(f"No call of {chosen or 'any client'} succeeded. Callers: {', '.join(names) or 'none'}.")
        return tuple(audit for audit in audits(self.catalog, self._record) if audit.caller.client == chosen)

    def _settle(self) -> None:
        """Wait until every response that a client has got is counted."""
        ends_at = time.monotonic() + _SECONDS
        while self._loop.is_running() and self._service.in_flight and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)
        if self._loop.is_running():  # a turn of the loop, so that the last request is counted too
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(_SECONDS)
        batch = self._observer.tally.take()
        if batch:
            self._record = _without_difference(combined([self._record, record_of_batch(batch)]))


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles)) or "no role"


def _without_difference(record: UseRecord) -> UseRecord:
    """The record in which a client is one caller, whether it brings its token or the proxy adds it."""
    uses = tuple(replace(use, caller=replace(use.caller, injected=False)) for use in record.uses)
    roles = {replace(caller, injected=False): named for caller, named in record.roles.items()}
    return combined([UseRecord(uses=uses, roles=roles, days=record.days)])


class _Recorder(Observer):
    """Counts the calls of verified callers, and keeps the sentences of refusals."""

    def __init__(self) -> None:
        self.tally = UseTally()
        self.refusals: list[str] = []

    def use_tally(self) -> UseTally:
        return self.tally

    def request_finished(self, record: RequestRecord) -> None:
        known, operation = record.used_by, record.target.operation
        if known is not None and operation is not None:
            outcome = outcome_of(record.status, reduced=record.reduced)
            self.tally.count(known, record.target.realm, operation.key, record.variant, outcome)

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        if record.status in REFUSED:
            self.refusals.append(f"{record.status} {explanation.summary}")


@contextmanager
def recording(keycloak_url: str, *, accounts: Sequence[ServiceAccount] = (), keycloak_version: str | None = None) -> Iterator[Recording]:
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
async def _served(settings: Settings, loop: asyncio.AbstractEventLoop) -> AsyncIterator[Recording]:
    catalog = catalog_for(settings.explain.keycloak_version)
    observer = _Recorder()
    service = RequestHandler(runtime_of(settings, observer, catalog), observer)
    server = Server(service, settings.limits)
    socket = listening_socket(settings.listen, name="listen")
    listener = await loop.create_server(server, sock=socket)
    url = f"http://127.0.0.1:{socket.getsockname()[1]}{settings.upstream.base_path}"
    try:
        yield Recording(url, catalog, observer, service, loop)
    finally:
        listener.close()
        await server.shutdown(1.0)
        await dismantle(service.runtime, patience_seconds=1.0)
