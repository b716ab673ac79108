"""Builds a runtime from settings: the upstream for requests, a small one for tokens and look-ups, and everything that uses them."""

import asyncio
import math
import time
from dataclasses import replace

from kcproxy.catalog import Catalog, catalog_for
from kcproxy.keycloak import jwks
from kcproxy.keycloak.client_auth import SIGNED
from kcproxy.keycloak.inspector import inspector_of
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.proxy.admission import admission_of
from kcproxy.proxy.denial_response import DenialEnricher
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.token_retry import TokenRetry
from kcproxy.settings import Settings
from kcproxy.upstream.documents import DocumentClient
from kcproxy.upstream.pool import PoolUpstream, side_upstream


def runtime_of(settings: Settings, observer: Observer, catalog: Catalog | None = None, *, max_lookup_seconds: float = math.inf) -> Runtime:
    """A runtime on the running event loop. Close it with ``dismantle``. ``max_lookup_seconds`` limits the look-ups of one refusal."""
    if settings.inspector is not None or any(account.auth in SIGNED for account in settings.accounts):
        jwks.load()  # now, because on the first request it would use up the time of the look-ups, or block the event loop
    side = side_upstream(settings.upstream)
    admission = admission_of(settings, documents=DocumentClient(settings.upstream, side), on_fetch=observer.looked_up)
    tokens = TokenSource(settings.upstream, side, observer, injected=settings.accounts)
    inspector = inspector_of(settings, side, tokens, observer)
    explainer = LiveExplainer(
        replace(settings.explain, docs_url=settings.docs_url),
        observer,
        catalog=lambda: runtime.catalog,
        version=lambda: runtime.version,
        lookups=inspector,
        permissions_are_on=lambda realm: runtime.permission_switches.of(realm),  # noqa: PLW0108 - the runtime is made below
        budget_seconds=min(inspector.budget_seconds, max_lookup_seconds),
    )
    reduced_responses = ReducedResponses(
        observer,
        catalog=lambda: runtime.catalog,
        caller=explainer.caller,
        base_path=settings.upstream.base_path,
        public_url=settings.upstream.origin,
        version=lambda: runtime.version,
    )
    runtime = Runtime(
        settings,
        catalog=catalog or catalog_for(settings.explain.keycloak_version),
        upstream=PoolUpstream(settings.upstream, max_queue_seconds=settings.limits.max_queue_seconds),
        side=side,
        tokens=tokens,
        token_retry=TokenRetry(tokens, observer, reduced_responses, clock=time.monotonic),
        inspector=inspector,
        admission=admission,
        reduced_responses=reduced_responses,
        denial_enricher=DenialEnricher(
            explainer,
            max_body_bytes=settings.limits.explain_body_bytes,
            base_path=settings.upstream.base_path,
            public_url=settings.upstream.origin,
            accounts=settings.accounts,
        ),
    )
    return runtime


async def dismantle(runtime: Runtime, *, patience_seconds: float | None) -> None:
    """Close a runtime when its requests have finished, at the latest after ``patience_seconds``. None: however long they take."""
    try:
        async with asyncio.timeout(patience_seconds):
            await runtime.unused()
    except TimeoutError:
        pass  # requests in progress see the end of their connections
    if runtime.inspector is not None:
        await runtime.inspector.close()
    await runtime.tokens.close()
    await runtime.side.close()
    await runtime.upstream.close()
