"""Settings to a data plane: the upstream that carries requests, a small one beside it for tokens, the accounts' tokens."""

import asyncio

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.keycloak.inspector import inspector_of
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.proxy.admission import admission_of
from kcproxy.proxy.denial_response import DenialEnricher
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import Carrier, Settings
from kcproxy.upstream.interface import Upstream
from kcproxy.upstream.pool import PoolUpstream
from kcproxy.upstream.session import SessionUpstream

_TOKEN_CONNECTIONS = 8


def catalog_for(version: str | None) -> Catalog:
    """The table of a version, of the nearest that has one, or of the newest where none is known."""
    return catalogs.load(catalogs.nearest(version) if version else catalogs.default_version())


def runtime_of(settings: Settings, observer: Observer, catalog: Catalog | None = None) -> Runtime:
    """A plane on a running event loop; ``dismantle`` closes it."""
    admission = admission_of(settings, observer.looked_up)
    side = SessionUpstream(settings.upstream, max_connections=_TOKEN_CONNECTIONS)
    tokens = TokenSource(settings.upstream, side, observer, injected=settings.accounts)
    inspector = inspector_of(settings, side, tokens, observer)
    explainer = LiveExplainer(
        settings.explain,
        observer,
        catalog=lambda: runtime.catalog,
        version=lambda: runtime.version,
        lookups=inspector,
        budget_seconds=inspector.budget_seconds,
    )
    runtime = Runtime(
        settings,
        catalog=catalog or catalog_for(settings.explain.keycloak_version),
        upstream=_carrier(settings),
        side=side,
        tokens=tokens,
        observer=observer,
        inspector=inspector,
        admission=admission,
        reduced_responses=ReducedResponses(
            observer,
            catalog=lambda: runtime.catalog,
            caller=explainer.caller,
            base_path=settings.upstream.base_path,
            public_url=settings.upstream.origin,
        ),
        denial_enricher=DenialEnricher(
            explainer,
            max_body_bytes=settings.limits.explain_body_bytes,
            base_path=settings.upstream.base_path,
            public_url=settings.upstream.origin,
            accounts=settings.accounts,
        ),
    )
    return runtime


def _carrier(settings: Settings) -> Upstream:
    if settings.upstream.carrier is Carrier.SESSION:
        return SessionUpstream(settings.upstream)
    return PoolUpstream(settings.upstream, max_queue_seconds=settings.limits.max_queue_seconds)


async def dismantle(runtime: Runtime, *, patience_seconds: float) -> None:
    """Close a plane once the requests that use it are done, or patience is at its end."""
    try:
        async with asyncio.timeout(patience_seconds):
            await runtime.unused()
    except TimeoutError:
        pass  # what is still under way is told by its connection's end
    if runtime.inspector is not None:
        await runtime.inspector.close()
    await runtime.tokens.close()
    await runtime.side.close()
    await runtime.upstream.close()
