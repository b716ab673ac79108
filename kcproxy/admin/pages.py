"""The page and its live stream: list, one denial, explain form, role table."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiohttp import web
from yarl import URL

from kcproxy.admin import explain_form as admin_explain
from kcproxy.admin import templates as render
from kcproxy.admin import views
from kcproxy.admin.auth import HEADERS, SIGNED_IN, STILL_ALLOWED
from kcproxy.admin.explain_form import OBSERVER, html
from kcproxy.admin.listing import Query
from kcproxy.observe.denial_document import Document, encoded
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.subscriptions import Subscriber

MAX_LISTED = 200
COALESCE_SECONDS = 0.25
HEARTBEAT_SECONDS = 5.0


INSTANCE = web.AppKey("instance", str)
"""The name of this instance; "" if it has none."""


def add_routes(app: web.Application, observer: LiveObserver, instance: str = "") -> None:
    """Add the routes of the page. The live streams end with the application."""
    app[INSTANCE] = instance
    app[OBSERVER] = observer
    app.router.add_get("/", _list)
    app.router.add_get("/denials/{id}", _one)
    admin_explain.add_routes(app)
    app.router.add_get("/roles", _roles)
    app.router.add_get("/events", _events, allow_head=False)
    app.router.add_get("/assets/{name}", _asset)
    app.router.add_get("/api/denials", _api_list)
    app.router.add_get("/api/denials/{id}", _api_one)

    async def end_streams(_app: web.Application) -> None:
        observer.denials.live.close()

    app.on_shutdown.append(end_streams)


def _listed(observer: LiveObserver, limit: int = MAX_LISTED) -> list[Document]:
    return [group.summary() for _, group in zip(range(limit), observer.denials.groups(), strict=False)]


async def _list(request: web.Request) -> web.Response:
    query, observer = request.query, request.app[OBSERVER]
    q = query.get("q", "")
    if observer.denials.find(q.strip()) is not None:  # an id from a header or a log line: show this denial, not the newest of its group
        raise web.HTTPSeeOther(URL.build(path=f"/denials/{q.strip()}"))
    asked = Query.of(query)
    groups, instance = _listed(observer), request.app[INSTANCE]
    return html(render.denials_page(groups, asked, now_epoch_seconds=time.time(), instance=instance, signed_in=SIGNED_IN in request))


async def _one(request: web.Request) -> web.Response:
    store = request.app[OBSERVER].denials
    found = store.find(request.match_info["id"])
    if found is None:
        text = "This denial is not stored. Only recent denials are."
        return html(render.message_page("Denial not found", text, signed_in=SIGNED_IN in request), 404)
    return html(render.denial_page(found, views.course(found, store.group(found["group"])), signed_in=SIGNED_IN in request))


async def _roles(request: web.Request) -> web.Response:
    catalog = request.app[OBSERVER].catalog
    if catalog is None:
        return html(render.message_page("No role table", "This process has no role table.", signed_in=SIGNED_IN in request), 404)
    return html(render.roles_page(catalog, request.query.get("q", ""), signed_in=SIGNED_IN in request))


async def _asset(request: web.Request) -> web.Response:
    found = render.asset(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return web.Response(body=found[0], content_type=found[1], charset="utf-8", headers={"Cache-Control": "no-cache"})


async def _api_list(request: web.Request) -> web.Response:
    observer = request.app[OBSERVER]
    return _json({"denials": _listed(observer), "stored": len(observer.denials), "instance": request.app[INSTANCE] or None})


async def _api_one(request: web.Request) -> web.Response:
    found = request.app[OBSERVER].denials.find(request.match_info["id"])
    if found is None:
        return _json({"error": "no such denial; only recent denials are stored"}, status=404)
    return _json(found)


def _json(value: Document, status: int = 200) -> web.Response:
    return web.Response(body=encoded(value), status=status, content_type="application/json")


async def _events(request: web.Request) -> web.StreamResponse:
    """Server-sent events (HTML Living Standard, section 9.2): ``denials`` with the changed groups, at most four times a second."""
    observer = request.app[OBSERVER]
    response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    with observer.denials.live.subscribe() as follower:
        if follower is None:
            return web.Response(status=503, text="too many live connections\n", headers={"Retry-After": "30"})
        await response.prepare(request)
        with suppress(ConnectionResetError):  # the browser disconnected
            await _stream(response, follower, observer, request.get(STILL_ALLOWED, _always))
    return response


def _always() -> bool:
    return True


def _holds(still_allowed: Callable[[], bool]) -> bool:
    try:
        return still_allowed()
    except web.HTTPException:  # the key cannot be read at the moment
        return False


async def _stream(response: web.StreamResponse, follower: Subscriber, observer: LiveObserver, still_allowed: Callable[[], bool]) -> None:
    await response.write(b"retry: 2000\n\n")
    while not follower.closed:
        try:
            changed: Sequence[str] = await asyncio.wait_for(follower.changes(), HEARTBEAT_SECONDS)
        except TimeoutError:
            changed = ()
        if not _holds(still_allowed):
            return
        await response.write(_event(observer, changed))
        await asyncio.sleep(COALESCE_SECONDS)


def _event(observer: LiveObserver, changed: Sequence[str]) -> bytes:
    groups = [group.summary() for name in changed if (group := observer.denials.group(name)) is not None]
    return b"event: denials\ndata: " + json.dumps(groups).encode() + b"\n\n" if groups else b": still here\n\n"
