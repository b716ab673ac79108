"""Who may see the admin port's page and API: everybody on loopback, elsewhere who knows the admin key; health and metrics are open.

A browser gets a session by the login form (a signed cookie that no script can read and no other site can send), a program sends
``Authorization: Bearer <admin key>``. On loopback, names other than the machine's own are refused, so that no page from elsewhere can
read this one by pointing its own name at 127.0.0.1 (DNS rebinding).
"""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from yarl import URL

from kcproxy.observe.page.render import login_page
from kcproxy.settings.values import AddressSettings, Secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/login"})
COOKIE = "kcproxy_session"
SESSION_SECONDS = 12 * 3600
FAILURE_DELAY_SECONDS = 0.5
MAX_WAITING_FAILURES = 20

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all a browser hides the origin of its own forms from us
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


@web.middleware
async def security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Strict headers on every answer, errors and the refused ones included (streams set them before they start)."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


class Access:
    """The rules of one admin port."""

    def __init__(self, address: AddressSettings, key: Secret | None, *, now: Callable[[], float] = time.time) -> None:
        """``key`` is read anew at each check, so that a rotated one counts at once. ``now`` gives seconds since the epoch."""
        self._local = is_local(address)
        self._key = key
        self._now = now
        self._signing_key = secrets.token_bytes(32)  # sessions end with the process
        self._failures = asyncio.Semaphore(MAX_WAITING_FAILURES)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """The login form and its target."""
        router.add_get("/login", self._form)
        router.add_post("/login", self._login)
        router.add_post("/logout", self._logout)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let through, or say what is missing."""
        if request.path in OPEN_PATHS or request.path.startswith("/assets/"):
            return await handler(request)
        if self._key is None and not self._local:
            return web.Response(status=403, text="This port is not loopback, so the page needs a login: set admin_key.\n")
        if self._local and not _names_this_machine(request.host):
            return web.Response(status=403, text="On loopback the page answers to localhost, 127.0.0.1 and [::1] only.\n")
        if request.method == "POST" and _is_cross_site(request):
            return web.Response(status=403, text="A form of another site may not post here.\n")
        if self._key is None or self._session_holds(request.cookies.get(COOKIE)):
            return await handler(request)
        return await self._without_session(request, handler)

    async def _without_session(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and await self._is_key(given.strip()):
            return await handler(request)
        if request.path.startswith("/api/"):
            return web.json_response(
                {"error": "login needed: Authorization: Bearer <admin key>"}, status=401, headers={"WWW-Authenticate": "Bearer"}
            )
        raise web.HTTPSeeOther("/login")

    async def _form(self, _request: web.Request) -> web.Response:
        return web.Response(text=login_page(problem=None), content_type="text/html")

    async def _login(self, request: web.Request) -> web.Response:
        given = (await request.post()).get("key")
        if _is_cross_site(request) or not isinstance(given, str) or not await self._is_key(given):
            return web.Response(status=401, text=login_page(problem="That is not the admin key."), content_type="text/html")
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            COOKIE, self._new_session(), max_age=SESSION_SECONDS, httponly=True, samesite="Strict", secure=request.secure, path="/"
        )
        return response

    async def _logout(self, _request: web.Request) -> web.Response:
        response = web.Response(status=303, headers={"Location": "/login"})
        response.del_cookie(COOKIE, path="/")
        return response

    async def _is_key(self, given: str) -> bool:
        expected = self._revealed()
        if expected and hmac.compare_digest(given.encode(), expected.encode()):
            return True
        if self._failures.locked():
            raise web.HTTPTooManyRequests(text="too many wrong keys; wait a moment\n")
        async with self._failures:  # a guess costs time, and only so many at once
            await asyncio.sleep(FAILURE_DELAY_SECONDS)
        return False

    def _revealed(self) -> str:
        try:
            return self._key.reveal() if self._key is not None else ""
        except OSError as error:
            raise web.HTTPServiceUnavailable(text=f"the file of admin_key cannot be read: {error.strerror}\n") from error

    def _new_session(self) -> str:
        expiry = str(int(self._now()) + SESSION_SECONDS)
        return f"{expiry}.{self._signature(expiry)}"

    def _session_holds(self, cookie: str | None) -> bool:
        expiry, _, signature = (cookie or "").partition(".")
        if len(expiry) > 12 or not expiry.isascii() or not expiry.isdigit() or int(expiry) < self._now():
            return False
        return hmac.compare_digest(signature.encode(), self._signature(expiry).encode())

    def _signature(self, expiry: str) -> str:
        # The key goes in, so that sessions end when it is changed.
        return hmac.new(self._signing_key, f"{expiry}\n{self._revealed()}".encode(), hashlib.sha256).hexdigest()


def is_local(address: AddressSettings) -> bool:
    """Whether only this machine can reach the address."""
    if address.unix_path is not None or address.host == "localhost":
        return True
    try:
        return ipaddress.ip_address((address.host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def _names_this_machine(host: str) -> bool:
    try:
        name = URL(f"http://{host}").host or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_cross_site(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and URL(origin).authority != request.host
