"""The admin port: health, metrics, the page of recent denials and its API. The proxy's own port serves none of it."""

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from kcproxy.admin import cause_pages, least_privilege, templates, tokens
from kcproxy.admin import pages as admin_page
from kcproxy.admin.auth import Access, Handler, check_host, security_headers
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, Settings

Readiness = Callable[[], Sequence[str]]
"""Why the proxy cannot accept requests now; empty if it can."""

MAX_BODY_BYTES = 256 * 1024  # the explain form accepts a pasted token, and tokens reach 75 kB

_WITHOUT_TEMPLATES = frozenset({"/healthz", "/readyz", "/metrics"})


def build(settings: Settings, observer: LiveObserver, readiness: Readiness) -> web.Application:
    """Build the application for ``settings.admin_listen``. Health and metrics are open; ``Access`` decides about everything else."""
    access = Access(settings.admin_listen, settings.admin_key)
    app = web.Application(middlewares=[security_headers, _templates_loaded, access.middleware], client_max_size=MAX_BODY_BYTES)
    metrics = observer.metrics
    metrics.gauge("kcproxy_ready").set_function(lambda: not readiness())
    metrics.gauge("kcproxy_page_subscribers").set_function(lambda: len(observer.denials.live))
    _add_probes(app, observer, readiness)
    admin_page.add_routes(app, observer, settings)
    tokens.add_routes(app, metrics.registry)
    least_privilege.add_routes(app, settings)
    cause_pages.add_routes(app)
    access.add_routes(app.router)
    return app


def build_probes(address: AddressSettings, observer: LiveObserver, readiness: Readiness) -> web.Application:
    """Build the application for ``settings.metrics_listen``: health and metrics, which name no caller and no request, and nothing else."""

    @web.middleware
    async def own_names_only(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request, is_local=address.is_local)
        return await handler(request)

    app = web.Application(middlewares=[security_headers, own_names_only])
    _add_probes(app, observer, readiness)
    return app


def _add_probes(app: web.Application, observer: LiveObserver, readiness: Readiness) -> None:
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(readiness))
    app.router.add_get("/metrics", _metrics(observer.metrics.registry))


@web.middleware
async def _templates_loaded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Load the template engine for the first page in a thread, so that the event loop continues."""
    if request.path not in _WITHOUT_TEMPLATES and not templates.is_loaded():
        await asyncio.to_thread(templates.load)
    return await handler(request)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readyz(readiness: Readiness) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        problems = readiness()
        return web.Response(text="ready\n") if not problems else web.Response(status=503, text="".join(f"{p}\n" for p in problems))

    return handle


_COMPRESSED_IN_A_THREAD_BYTES = 64 * 1024
"""Compressing less takes about a millisecond."""


def _metrics(registry: CollectorRegistry) -> Handler:
    one_at_a_time = asyncio.Lock()

    async def handle(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(",".join(request.headers.getall("Accept", [])))
        async with one_at_a_time:
            # Thousands of series take tens of milliseconds to write out: in a thread, so that requests go on meanwhile.
            text = await asyncio.to_thread(encode, registry)
        response = web.Response(body=text, headers={"Content-Type": content_type}, zlib_executor_size=_COMPRESSED_IN_A_THREAD_BYTES)
        response.enable_compression()
        return response

    return handle
