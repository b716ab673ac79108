"""Access to the admin port. Page and API: everyone on loopback, elsewhere only with the admin key. Health and metrics: everyone.

A browser gets a session through the login form (a random cookie that no script can read and no other site can send). A program sends
``Authorization: Bearer <admin key>``. On loopback, names other than the machine's own are refused, also for metrics, so that no page from
elsewhere can read this port through DNS rebinding. Off loopback, Prometheus uses addresses of pods, and pages elsewhere can reach the port
directly if the network lets them.
"""

import asyncio
import hmac
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiohttp import web

from kcproxy.admin.forms import FormUnusable, text_fields
from kcproxy.admin.sessions import SESSION_SECONDS, Sessions
from kcproxy.admin.templates import login_page
from kcproxy.network import names_loopback
from kcproxy.settings.values import AddressSettings, Secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _always() -> bool:
    return True


# Each request has a task of its own, and with it a context. Typed keys of requests exist since aiohttp 3.14 only.
_SIGNED_IN: ContextVar[bool] = ContextVar("signed_in", default=False)
_STILL_ALLOWED: ContextVar[Callable[[], bool]] = ContextVar("still_allowed", default=_always)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/login"})
_OPEN_FOLDERS = ("/assets/", "/docs")
"""Parts of the program and its documentation. They say nothing of requests."""
_PROBES = frozenset({"/healthz", "/readyz"})
"""Open under any Host: they say nothing of requests. A probe may use any name of the machine."""
COOKIE = "kcproxy_session"
FAILURE_DELAY_SECONDS = 0.5
MAX_WAITING_FAILURES = 20
MAX_WAITING_FAILURES_OF_ONE = 5

_NO_KEY = """\
The page requires a login here, because admin_listen is not loopback, and no key is configured.
- Set admin_key_file to a file with a key, and log in with it.
- In a pod: leave admin_listen at its default (127.0.0.1:9180), and set metrics_listen to 0.0.0.0:9181 for probes and metrics. Then
  kubectl port-forward POD 9180 shows the page at http://localhost:9180.
"""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers hide the origin of their own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def is_signed_in() -> bool:
    """Whether the current request belongs to a session, so that the page offers a logout."""
    return _SIGNED_IN.get()


def still_allowed() -> Callable[[], bool]:
    """What says whether the current request is still authorized: a stream can last longer than a session."""
    return _STILL_ALLOWED.get()


@web.middleware
async def security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add strict headers to every response, including errors and refusals (streams set them before they start)."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if request.path.startswith("/api/"):
            error.text, error.content_type = json.dumps({"error": (error.text or error.reason).strip()}), "application/json"
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


async def _allowed(request: web.Request, handler: Handler, still: Callable[[], bool], *, signed_in: bool) -> web.StreamResponse:
    before = (_SIGNED_IN.set(signed_in), _STILL_ALLOWED.set(still))
    try:
        return await handler(request)
    finally:
        _SIGNED_IN.reset(before[0])
        _STILL_ALLOWED.reset(before[1])


class Access:
    """Access control of one admin port."""

    def __init__(self, address: AddressSettings, key: Secret | None, *, now: Callable[[], float] = time.time) -> None:
        """``key`` is read again for each check, so that a rotated key takes effect at once. ``now`` returns seconds since the epoch."""
        self._local = address.is_local
        self._key = key
        self._sessions = Sessions(now=now)
        self._failing: Counter[str] = Counter()  # wrong keys that wait for their response, by address

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the routes of the login form."""
        router.add_get("/login", self._form)
        router.add_post("/login", self._login)
        router.add_post("/logout", self._logout)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass the request on, or refuse it with the reason."""
        check_host(request, is_local=self._local)
        if request.path in OPEN_PATHS or request.path.startswith(_OPEN_FOLDERS):
            return await handler(request)
        if self._key is None and not self._local:
            raise web.HTTPForbidden(text=_NO_KEY)
        if request.method == "POST" and _is_cross_site(request):
            raise web.HTTPForbidden(text="Forms of other sites are not accepted.\n")
        if self._key is None:
            return await handler(request)
        return await self._with_key(request, handler)

    async def _with_key(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._session_holds(cookie := request.cookies.get(COOKIE, "")):
            return await _allowed(request, handler, lambda: self._session_holds(cookie), signed_in=True)
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and await self._is_key(given := rest.strip(), request.remote):
            return await _allowed(request, handler, lambda: self._equals_key(given), signed_in=False)
        if request.path.startswith("/api/"):
            return web.json_response(
                {"error": "login needed: Authorization: Bearer <admin key>"}, status=401, headers={"WWW-Authenticate": "Bearer"}
            )
        raise web.HTTPSeeOther("/login")

    async def _form(self, _request: web.Request) -> web.Response:
        return web.Response(text=login_page(problem=None), content_type="text/html")

    async def _login(self, request: web.Request) -> web.Response:
        try:
            given = (await text_fields(request)).get("key", "")
        except FormUnusable as error:
            return _login_again(str(error), error.status)
        if _is_cross_site(request) or not await self._is_key(given, request.remote):
            return _login_again("Wrong admin key.", 401)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            COOKIE,
            self._sessions.begin(given),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
            path="/",
        )
        return response

    async def _logout(self, request: web.Request) -> web.Response:
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = web.Response(status=303, headers={"Location": "/login" if self._key is not None else "/"})
        response.del_cookie(COOKIE, path="/")
        return response

    async def _is_key(self, given: str, address: str | None) -> bool:
        """A wrong key costs time, and only a few are checked at once. While others wait, not even the right key is compared."""
        address = address or ""
        if self._failing[address] >= MAX_WAITING_FAILURES_OF_ONE or self._failing.total() >= MAX_WAITING_FAILURES:
            raise web.HTTPTooManyRequests(text="too many wrong keys; try again in a moment\n", headers={"Retry-After": "1"})
        if self._equals_key(given):
            return True
        self._failing[address] += 1
        try:
            await asyncio.sleep(FAILURE_DELAY_SECONDS)
        finally:
            self._failing[address] -= 1
            self._failing += Counter()  # removes addresses without any
        return False

    def _equals_key(self, given: str) -> bool:
        expected = self._revealed()
        return bool(expected) and hmac.compare_digest(_bytes(given), _bytes(expected))

    def _revealed(self) -> str:
        try:
            return self._key.reveal() if self._key is not None else ""
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise web.HTTPServiceUnavailable(text=f"the file of admin_key cannot be read: {why}\n") from error

    def _session_holds(self, cookie: str) -> bool:
        return bool(cookie) and self._sessions.holds(cookie, self._revealed())


def check_host(request: web.Request, *, is_local: bool) -> None:
    """Refuse names other than the machine's own on loopback, except for probes. Raises HTTPForbidden."""
    if is_local and request.path not in _PROBES and not names_loopback(_host(request)):
        raise web.HTTPForbidden(text="On loopback, this port is available only as localhost, 127.0.0.1 and [::1].\n")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # headers may contain bytes that are not UTF-8


def _login_again(problem: str, status: int) -> web.Response:
    return web.Response(status=status, text=login_page(problem=problem), content_type="text/html")


def _is_cross_site(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and origin.rpartition("://")[2].lower() != _host(request).lower()


def _host(request: web.Request) -> str:
    """The Host field; "" without one, where aiohttp's own ``host`` would ask the resolver for the name of this machine."""
    return request.headers.get("Host", "")
