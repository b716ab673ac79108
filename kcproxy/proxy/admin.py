"""The admin port: health, metrics, the page of recent denials and its API. Nothing here is reachable by the proxy's own port."""

from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from kcproxy.observe.documents import encoded
from kcproxy.observe.observer import LiveObserver
from kcproxy.proxy.admin_access import Access, Handler, security_headers
from kcproxy.settings.values import Settings

Readiness = Callable[[], Sequence[str]]
"""Why the proxy cannot take requests just now; empty where it can."""

OBSERVER: web.AppKey[LiveObserver] = web.AppKey("observer", LiveObserver)
MAX_BODY_BYTES = 256 * 1024  # the form to explain takes a pasted token, and tokens reach 75 kB


def build(settings: Settings, observer: LiveObserver, readiness: Readiness) -> web.Application:
    """The application; run it on ``settings.admin_listen``. Health and metrics are open, all else as ``Access`` says."""
    access = Access(settings.admin_listen, settings.admin_key)
    app = web.Application(middlewares=[security_headers, access.middleware], client_max_size=MAX_BODY_BYTES)
    app[OBSERVER] = observer
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz(readiness))
    app.router.add_get("/metrics", make_aiohttp_handler(registry=observer.metrics.registry))
    app.router.add_get("/api/denials", _denials)
    app.router.add_get("/api/denials/{id}", _denial)
    access.add_routes(app.router)
    return app


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readyz(readiness: Readiness) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        problems = readiness()
        return web.Response(text="ready\n") if not problems else web.Response(status=503, text="".join(f"{p}\n" for p in problems))

    return handle


async def _denials(request: web.Request) -> web.Response:
    store = request.app[OBSERVER].denials
    body = {"denials": [group.summary() for group in store.groups()], "stored": len(store)}
    return web.Response(body=encoded(body), content_type="application/json")


async def _denial(request: web.Request) -> web.Response:
    found = request.app[OBSERVER].denials.find(request.match_info["id"])
    if found is None:
        return web.json_response({"error": "no such denial; only recent ones are kept"}, status=404)
    return web.Response(body=encoded(found), content_type="application/json")
