"""Everything that one generation of settings amounts to. Requests that use it are counted."""

import asyncio
import time
from collections.abc import Callable

from kcproxy.catalog import Catalog
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.proxy.admission import Admission
from kcproxy.proxy.credentials import Accounts
from kcproxy.proxy.denial_response import DenialEnricher
from kcproxy.proxy.forwarding import Forwarding
from kcproxy.proxy.observed_limits import ObservedLimits
from kcproxy.proxy.permission_switches import PermissionSwitches
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.proxy.token_retry import TokenRetry
from kcproxy.settings import Settings
from kcproxy.upstream.pool import PoolUpstream


class Runtime:
    """Data only. A reload creates a new runtime; requests in progress finish with the one that they began with."""

    def __init__(
        self,
        settings: Settings,
        *,
        catalog: Catalog,
        upstream: PoolUpstream,
        side: PoolUpstream,
        tokens: TokenSource,
        token_retry: TokenRetry,
        denial_enricher: DenialEnricher | None = None,
        inspector: Inspector | None = None,
        reduced_responses: ReducedResponses | None = None,
        admission: Admission | None = None,
        clock: Callable[[], float] = time.perf_counter,
        token_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``side`` carries token requests and look-ups; ``clock`` measures durations; ``token_clock`` is the one that ``tokens`` uses."""
        self.settings = settings
        self.catalog = catalog
        self.version = settings.explain.keycloak_version
        self.noted_version: str | None = None  # as a server-info response showed it that passed through
        self.permission_switches = PermissionSwitches(token_clock)
        self.upstream = upstream
        self.side = side
        self.tokens = tokens
        self.token_retry = token_retry
        self.denial_enricher = denial_enricher
        self.inspector = inspector
        self.reduced_responses = reduced_responses
        self.admission = admission or Admission()
        self.accounts = Accounts(settings.accounts)
        self.observed_limits = ObservedLimits(self.accounts, self.admission)
        self.forwarding = Forwarding.of(settings.upstream)
        self.base_path = settings.upstream.base_path
        self.clock = clock
        self.token_clock = token_clock
        self._users = 0
        self._empty: asyncio.Event | None = None

    def enter(self) -> None:
        """Count a request that begins with this runtime."""
        self._users += 1

    def leave(self) -> None:
        """Count its end."""
        self._users -= 1
        if self._empty is not None and not self._users:
            self._empty.set()

    async def unused(self) -> None:
        """Wait until no request uses this runtime. To be called when no new request can use it."""
        if self._users:
            self._empty = asyncio.Event()
            await self._empty.wait()
