"""Look-ups of the inspector for programs of any kind: on an event loop in a thread of its own, so that their cache serves all clients.

any thread ─ start ─▶ event loop of the thread ─▶ version of the server, the first time and at intervals
                                               └▶ facts about the caller ─▶ future
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from kcproxy.catalog import default_version
from kcproxy.errors import KcproxyError
from kcproxy.keycloak import jwks
from kcproxy.keycloak.inspector import Inspector as LookingUp
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.keycloak.version_detection import Settled, detect, settled
from kcproxy.middleware.accounts import DEFAULT_BUDGET_SECONDS, Inspector
from kcproxy.middleware.address import address_of
from kcproxy.middleware.engine import Case, LookedUp
from kcproxy.observe.events import Observer
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.pool import PoolUpstream, side_upstream

log = logging.getLogger("kcproxy.middleware")

_RETRY_SECONDS, _RECHECK_SECONDS = 15.0, 300.0
"""As the proxy: until the version is known, and after that, because servers are upgraded."""
_SHARE_OF_BUDGET = 0.95  # the rest is for handing the result over
_CLOSE_SECONDS = 5.0
_MASTER = "master"


def load() -> None:
    """Load what look-ups need and takes longer than their budget: the library that verifies signatures."""
    jwks.load()


class BackgroundLookups:
    """The look-ups of one process. After a fork the child needs its own (``is_over``)."""

    def __init__(self, base_url: str, inspector: Inspector | None, *, detects: bool) -> None:
        """Starts the thread. Without an inspector, public documents are read. ``detects``: whether to find out the version of the server. Raises SettingsError if a certificate cannot be read."""
        load()
        self._settings = _upstream_settings(base_url, None if inspector is None else inspector.ca_file)
        self._realm = _MASTER if inspector is None else inspector.realm
        self._budget_seconds = DEFAULT_BUDGET_SECONDS if inspector is None else inspector.budget_seconds
        self._detects = detects
        self._process = os.getpid()
        self._upstream: PoolUpstream = side_upstream(self._settings)
        observer = Observer()
        self._tokens = TokenSource(self._settings, self._upstream, observer)
        self._looking_up = LookingUp(
            _client(self._settings, self._upstream, self._tokens, observer, inspector), budget_seconds=self._budget_seconds
        )
        self._found: Settled | None = None
        self._detection: asyncio.Task[None] | None = None
        self._detect_at = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kcproxy-lookups", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the thread does not run in this process."""
        return self._process != os.getpid() or not self._thread.is_alive()

    def start(self, case: Case) -> "Future[LookedUp]":
        """Start the look-ups for one refusal. The result comes within the budget. Never raises."""
        return self._submit(self._look_up(case))

    def close(self) -> None:
        """End look-ups and thread."""
        if self.is_over:
            return
        try:
            self._submit(self._end()).result(timeout=_CLOSE_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    def _submit(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _look_up(self, case: Case) -> LookedUp:
        detection = self._start_detection()
        facts = self._looking_up.facts(case.request, case.caller, case.answer, case.authorization)
        try:
            async with asyncio.timeout(self._budget_seconds * _SHARE_OF_BUDGET):
                found = await facts
                if detection is not None and self._found is None:
                    await asyncio.shield(detection)
        except TimeoutError:
            found = None
        known = self._found
        return LookedUp(facts=found) if known is None else LookedUp(facts=found, catalog=known.catalog, version=known.line)

    def _start_detection(self) -> "asyncio.Task[None] | None":
        if self._detection is None and self._detects and time.monotonic() >= self._detect_at:
            self._detection = self._loop.create_task(self._detect(), name="version of Keycloak")
        return self._detection

    async def _detect(self) -> None:
        settings, realm = self._settings, self._realm
        host = settings.origin.partition("://")[2]
        look = partial(detect, self._upstream, host=host, base_path=settings.base_path, realm=realm)
        current = self._found.catalog.version if self._found is not None else default_version()
        found = None
        try:
            found = await settled(look, current=current)
        except KcproxyError as error:
            log.info("the version of Keycloak could not be detected: %s", error)
        finally:
            self._detection = None
            self._detect_at = time.monotonic() + (_RETRY_SECONDS if found is None else _RECHECK_SECONDS)
        self._found = found or self._found

    async def _end(self) -> None:
        if self._detection is not None:
            self._detection.cancel()
            await asyncio.gather(self._detection, return_exceptions=True)
        await self._looking_up.close()
        await self._tokens.close()
        await self._upstream.close()


def _client(
    settings: UpstreamSettings, upstream: PoolUpstream, tokens: TokenSource, observer: Observer, inspector: Inspector | None
) -> LookupClient:
    if inspector is None:
        return LookupClient(settings, upstream, observer)
    own = inspector.inspector_settings()
    return LookupClient(
        settings,
        upstream,
        observer,
        account=own.account,
        tokens=tokens,
        cache_seconds=own.cache_seconds,
        max_per_second=own.max_lookups_per_second,
    )


def _upstream_settings(base_url: str, ca_file: str | Path | None) -> UpstreamSettings:
    origin, base_path = address_of(base_url)
    scheme, _, rest = origin.partition("://")
    host, _, port = rest.rpartition(":") if rest.rpartition(":")[2].isdigit() else (rest, "", "")
    return UpstreamSettings(
        scheme=scheme,
        host=host.strip("[]"),
        port=int(port) if port else {"http": 80, "https": 443}[scheme],
        base_path=base_path,
        ca_file=None if ca_file is None else Path(ca_file),
    )
