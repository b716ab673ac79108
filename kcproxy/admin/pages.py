"""The page and its live stream: list, one denial, explain form, role table."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiohttp import web
from yarl import URL

from kcproxy.admin import explain_form as admin_explain
from kcproxy.admin import templates as render
from kcproxy.admin import views
from kcproxy.admin.auth import HEADERS, is_signed_in, still_allowed
from kcproxy.admin.explain_form import OBSERVER, html
from kcproxy.admin.fleet import FLEET, Fleet, is_for_one
from kcproxy.admin.listing import Query
from kcproxy.errors import HistoryUnusable
from kcproxy.observe.denials.document import Document, encoded
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.denials.subscriptions import Subscriber
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import Settings

MAX_LISTED = 200
COALESCE_SECONDS = 0.25
HEARTBEAT_SECONDS = 5.0


Denials = tuple[LiveObserver, Fleet | None]
_ID = re.compile(r"[\w-]{1,64}")
PROCESS = web.AppKey("process", str)
"""Another value after each start."""
INSTANCE = web.AppKey("instance", str)
"""The name of this instance; "" if it has none."""
SEVERAL = web.AppKey("several", bool)
"""Whether the list shows the denials of several instances."""


def add_routes(app: web.Application, observer: LiveObserver, settings: Settings) -> None:
    """Add the routes of the page. The live streams end with the application."""
    instance, peers, key = settings.instance or "", settings.fleet.peers, settings.admin_key
    app[INSTANCE] = instance
    app[PROCESS] = secrets.token_hex(8)
    app[FLEET] = None
    app[SEVERAL] = bool(peers) or settings.history.url is not None
    if peers:
        app[FLEET] = fleet = Fleet(peers, key, observer.denials.live, name=instance, process=app[PROCESS])
        app.cleanup_ctx.append(fleet.run)
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


def _listed(request: web.Request) -> list[Document]:
    observer, fleet = request.app[OBSERVER], request.app[FLEET]
    own = [group.summary() for _, group in zip(range(MAX_LISTED), observer.denials.groups(), strict=False)]
    return own if fleet is None or is_for_one(request.query) else fleet.merged(own)[:MAX_LISTED]


async def _list(request: web.Request) -> web.Response:
    query, observer = request.query, request.app[OBSERVER]
    q = query.get("q", "")
    if await _is_id(observer, q.strip()):  # an id from a header or a log line: show this denial, not the newest of its group
        raise web.HTTPSeeOther(URL.build(path=f"/denials/{q.strip()}"))
    asked = Query.of(query)
    groups, fleet = _listed(request), request.app[FLEET]
    instance, silent = request.app[INSTANCE], () if fleet is None else fleet.silent
    return html(
        render.denials_page(
            groups,
            asked,
            now_epoch_seconds=time.time(),
            instance=instance,
            several=request.app[SEVERAL],
            silent=silent,
            signed_in=is_signed_in(),
        )
    )


async def _is_id(observer: LiveObserver, text: str) -> bool:
    """Whether a search is the id of a denial. While the database is away, those in memory count."""
    if not _ID.fullmatch(text):
        return False
    try:
        return await observer.denials.look_up(text) is not None
    except HistoryUnusable:
        return False


async def _one(request: web.Request) -> web.Response:
    store = request.app[OBSERVER].denials
    try:
        found = await _found(request)
    except HistoryUnusable as error:
        return html(render.message_page("The history does not respond", f"{error}.", signed_in=is_signed_in()), 503)
    if found is None:
        text = "This denial is not stored. Only recent denials are."
        return html(render.message_page("Denial not found", text, signed_in=is_signed_in()), 404)
    group, fleet = store.group(found["group"]), request.app[FLEET]
    summary = None if group is None else group.summary()
    course = views.course(
        found, fleet.one(summary, found["group"]) if fleet is not None else summary, await _occurrences(store, found["group"])
    )
    return html(render.denial_page(found, course, signed_in=is_signed_in()))


async def _occurrences(store: DenialStore, name: str) -> list[Document]:
    """The newest denials of a kind; those in memory while the database is away."""
    try:
        return await store.occurrences(name)
    except HistoryUnusable:
        group = store.group(name)
        return [] if group is None else group.newest()


async def _found(request: web.Request) -> Document | None:
    """A denial of this instance or of another one. Raises HistoryUnusable if the shared database does not respond."""
    denial_id, fleet = request.match_info["id"], request.app[FLEET]
    found = await request.app[OBSERVER].denials.look_up(denial_id)
    if found is not None or fleet is None or is_for_one(request.query) or not _ID.fullmatch(denial_id):
        return found
    return await fleet.denial(denial_id)


async def _roles(request: web.Request) -> web.Response:
    catalog = request.app[OBSERVER].catalog
    if catalog is None:
        return html(render.message_page("No role table", "This process has no role table.", signed_in=is_signed_in()), 404)
    return html(render.roles_page(catalog, request.query.get("q", ""), signed_in=is_signed_in()))


async def _asset(request: web.Request) -> web.Response:
    found = render.asset(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return web.Response(body=found[0], content_type=found[1], charset="utf-8", headers={"Cache-Control": "no-cache"})


async def _api_list(request: web.Request) -> web.Response:
    fleet, stored = request.app[FLEET], len(request.app[OBSERVER].denials)
    about = {
        "instance": request.app[INSTANCE] or None,
        "process": request.app[PROCESS],
        "silent": [] if fleet is None else list(fleet.silent),
    }
    return _json({"denials": _listed(request), "stored": stored, **about})


async def _api_one(request: web.Request) -> web.Response:
    try:
        found = await _found(request)
    except HistoryUnusable as error:
        return _json({"error": f"the history does not respond: {error}"}, status=error.status_hint)
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
            await _stream(response, follower, (observer, request.app[FLEET]), still_allowed())
    return response


def _always() -> bool:
    return True


def _holds(still_allowed: Callable[[], bool]) -> bool:
    try:
        return still_allowed()
    except web.HTTPException:  # the key cannot be read at the moment
        return False


async def _stream(response: web.StreamResponse, follower: Subscriber, of: Denials, still_allowed: Callable[[], bool]) -> None:
    await response.write(b"retry: 2000\n\n")
    while not follower.closed:
        try:
            changed: Sequence[str] = await asyncio.wait_for(follower.changes(), HEARTBEAT_SECONDS)
        except TimeoutError:
            changed = ()
        if not _holds(still_allowed):
            return
        await response.write(_event(of, changed))
        await asyncio.sleep(COALESCE_SECONDS)


def _changed(of: Denials, name: str) -> Document | None:
    observer, fleet = of
    group = observer.denials.group(name)
    own = None if group is None else group.summary()
    return own if fleet is None else fleet.one(own, name)


def _event(of: Denials, changed: Sequence[str]) -> bytes:
    groups = [group for name in changed if (group := _changed(of, name)) is not None]
    return b"event: denials\ndata: " + json.dumps(groups).encode() + b"\n\n" if groups else b": still here\n\n"
