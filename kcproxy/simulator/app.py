"""The simulator's HTTP side: requests in, Keycloak's responses out, on a real socket.

request ─ realm? ─▶ public pages, token endpoint
        └ admin? ─▶ who calls (401) ─▶ which realm (404, 403) ─▶ catalog: allowed? (403) ─▶ handler ─▶ 2xx, 4xx, 501
"""

import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiohttp import web

from kcproxy.catalog import Catalog
from kcproxy.simulator.admin_api import AdminApi, AdminRequest
from kcproxy.simulator.call import NotPlayed, Refusal, Reply
from kcproxy.simulator.dialect import Dialect
from kcproxy.simulator.public import certs, console_messages, discovery, realm_page, userinfo_refused
from kcproxy.simulator.state import MASTER
from kcproxy.simulator.tokens import TokenRequest, answer
from kcproxy.simulator.world import World

_MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_HEADER_BYTES = 131072


class _Server:
    """One simulated Keycloak: its world, and the way from a request to its response."""

    def __init__(self, catalog: Catalog, world: World, *, base_path: str, clock: Callable[[], float]) -> None:
        self.world = world
        self.base_path = base_path
        self._clock = clock
        self._admin = AdminApi(catalog, world, base_path=base_path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one request. The version's dialect has the texts of errors."""
        try:
            reply = await self._reply(request)
        except Refusal as refusal:
            reply = self._refused(refusal)
        except NotPlayed as lack:
            reply = Reply(status=501, json={"error": "not_simulated", "error_description": f"The simulator does not play {lack}."})
        return self._response(request, reply)

    def _refused(self, refusal: Refusal) -> Reply:
        if refusal.message is not None:
            return Reply(status=refusal.status, json={"errorMessage": refusal.message})
        return Reply(status=refusal.status, json=self.world.dialect.error_body(refusal.status, refusal.error or "", refusal.description))

    async def _reply(self, request: web.Request) -> Reply:
        if request.method == "OPTIONS":
            return Reply(status=200, headers=_preflight(request))
        path = request.raw_path.partition("?")[0]
        if path == f"{self.base_path}/":
            raise NotPlayed("the page at /")
        if not path.startswith(f"{self.base_path}/"):
            raise Refusal(404, "Unable to find matching target resource method")
        parts = path.removeprefix(f"{self.base_path}/").rstrip("/").split("/")
        if parts[0] == "admin" and parts[2:] == ["console", "messages.json"]:
            return console_messages(self.world.dialect)
        if parts[0] == "admin":
            return await self._admin_reply(request)
        if parts[0] == "realms" and len(parts) > 1:
            return await self._realm_reply(request, parts)
        raise Refusal(404, "Unable to find matching target resource method")

    async def _admin_reply(self, request: web.Request) -> Reply:
        base_url = self._base_url(request)
        return self._admin.answer(
            AdminRequest(
                method=request.method,
                raw_path=request.raw_path.partition("?")[0],
                query={name: tuple(request.query.getall(name)) for name in request.query},
                authorization=request.headers.get("Authorization"),
                content_type=request.headers.get("Content-Type"),
                body=await request.read(),
                base_url=base_url,
                now_seconds=self._clock(),
            )
        )

    async def _realm_reply(self, request: web.Request, parts: list[str]) -> Reply:
        realm = self.world.realms.get(request.path.removeprefix(f"{self.base_path}/realms/").partition("/")[0])
        if realm is None:
            raise Refusal(404, "Realm does not exist")
        base_url = self._base_url(request)
        match request.method, "/".join(parts[2:]):
            case "GET", "":
                return realm_page(realm, base_url)
            case "GET", ".well-known/openid-configuration" | ".well-known/oauth-authorization-server":
                return discovery(realm, base_url, self.world.dialect)
            case "GET", "protocol/openid-connect/certs":
                return certs(realm, self.world.dialect)
            case "GET", "protocol/openid-connect/userinfo" if "Authorization" not in request.headers:
                return userinfo_refused(self.world.dialect, realm)
            case "POST", "protocol/openid-connect/token":
                return answer(self.world, realm, await self._token_request(request, f"{base_url}/realms/{quote(realm.name)}"))
            case _, "protocol/openid-connect/token":
                raise Refusal(405, "HTTP 405 Method Not Allowed")
            case _:
                raise NotPlayed(f"{request.method} {request.path}")

    async def _token_request(self, request: web.Request, issuer: str) -> TokenRequest:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        return TokenRequest(
            form=form,
            authorization=request.headers.get("Authorization"),
            issuer=issuer,
            peer=request.remote or "",
            now_seconds=self._clock(),
        )

    def _base_url(self, request: web.Request) -> str:
        # Without a fixed hostname, Keycloak derives the issuer and Location from the Host header.
        return f"{request.scheme}://{request.host}{self.base_path}"

    def _response(self, request: web.Request, reply: Reply) -> web.Response:
        headers = dict(self.world.dialect.security_headers) | dict(reply.headers)
        if reply.at is not None:
            headers["Location"] = f"{self._base_url(request)}/admin/realms/{reply.at}"
        if reply.json is None:
            return web.Response(status=reply.status, headers=headers)
        if reply.status == 200 and "/admin/" in request.path:
            headers = {"Cache-Control": "no-cache"} | headers
            content_type = "application/json;charset=UTF-8"
        else:
            content_type = "application/json"
        body = json.dumps(reply.json, ensure_ascii=False, separators=(",", ":")).encode()
        return web.Response(status=reply.status, headers={"Content-Type": content_type} | headers, body=body)


def _preflight(request: web.Request) -> Mapping[str, str]:
    """CORS headers that Keycloak sends to any origin before it knows the caller."""
    origin = request.headers.get("Origin")
    if origin is None:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "DELETE, POST, GET, PUT",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": "Origin, Access-Control-Request-Method, X-Requested-With, Accept, "
        "Access-Control-Request-Headers, DPoP, Content-Type, Authorization",
        "Access-Control-Max-Age": "3600",
    }


async def _without_server_names(_: web.Request, response: web.StreamResponse) -> None:
    """Keycloak sends neither Server nor Date; a 2xx without a body has no Content-Type."""
    for name in ("Server", "Date"):
        response.headers.pop(name, None)
    if isinstance(response, web.Response) and not response.body:
        response.headers.pop("Content-Type", None)


def build(
    catalog: Catalog,
    *,
    version: str | None = None,
    admin_username: str = "admin",
    admin_password: str = "admin",  # noqa: S107 - a simulated server on loopback
    base_path: str = "",
    clock: Callable[[], float] = time.time,
) -> web.Application:
    """The application. ``version`` selects the dialect (26.x reads grants live, 24.x the token's claims). Default: that of the catalog.

    ``base_path`` has no trailing slash ("" or "/auth"). The master realm has one administrator, as after Keycloak's first start.
    """
    dialect = Dialect(version=version or catalog.version)
    world = World(dialect, {role: catalog.contains(role) for role in catalog.roles})
    master = world.realms[MASTER]
    administrator = world.add_user(master, admin_username, now_seconds=clock())
    administrator.password = admin_password
    administrator.roles.append(master.roles["admin"])
    server = _Server(catalog, world, base_path=base_path, clock=clock)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", server.handle)
    app.on_response_prepare.append(_without_server_names)
    return app


class SimulatedKeycloak:
    """A simulated Keycloak that listens on loopback while the context is open."""

    def __init__(self, catalog: Catalog, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        """``options`` are those of ``build``. Port 0 selects a free port."""
        self.base_path: str = options.get("base_path", "")
        self._app = build(catalog, **options)
        self._address = host, port
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen."""
        host, port = self._address
        # Tokens of an administrator of many realms are larger than aiohttp's default limit of 8190 bytes a header.
        runner = web.AppRunner(
            self._app, access_log=None, max_field_size=_MAX_HEADER_BYTES, max_line_size=_MAX_HEADER_BYTES, shutdown_timeout=1.0
        )
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        bound: Mapping[int, Any] = dict(enumerate(runner.addresses[0]))
        self.url = f"http://{host}:{bound[1]}{self.base_path}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
