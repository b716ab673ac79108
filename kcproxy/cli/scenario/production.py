"""The complete demo: Keycloak (simulated or real), the realm in it, the proxy in front of it, and the scenario."""

import time
from contextlib import AsyncExitStack

import aiohttp

from kcproxy.cli.options import table
from kcproxy.cli.scenario import embedded
from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Server
from kcproxy.cli.scenario.kcadm import Kcadm, KcadmCalls, KcadmProgram, Login
from kcproxy.cli.scenario.replay import Play
from kcproxy.cli.scenario.request import Request
from kcproxy.cli.scenario.stage import CLIENT_ID, REALM, stage
from kcproxy.cli.scenario.steps import Audience, Check, ScenarioError, Step
from kcproxy.settings import AccountSettings, Secret
from kcproxy.simulator import SimulatedKeycloak


async def perform(request: Request, audience: Audience) -> None:
    """Run the demo and always clean up. Raise ScenarioError if it cannot run, and SettingsError for an invalid address."""
    if request.upstream is not None:
        embedded.settings_for(request.upstream, accounts=(), version=None)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session, AsyncExitStack() as stack:
            await _perform(request, audience, session, stack)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ScenarioError(f"{request.upstream or 'the simulator'} does not respond: {_why(error)}") from error


async def _perform(request: Request, audience: Audience, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
    url = request.upstream or (await stack.enter_async_context(SimulatedKeycloak(table(request.version)))).url
    keycloak = Server(session, url, "Keycloak")
    admin = _admin(request, keycloak)
    version = await admin.version()
    audience.opened(keycloak=keycloak.url, version=version, simulated=request.upstream is None)
    prepared = await stack.enter_async_context(
        stage(admin, audience, replace=request.replace, keep=request.keep and bool(request.upstream))
    )
    settings = embedded.settings_for(keycloak.url, accounts=(_account(prepared.client_secret),), version=version)
    proxy_url, _ = await stack.enter_async_context(embedded.running(settings))
    _announce(audience, proxy_url)
    play = Play(
        keycloak=keycloak,
        proxy=Server(session, proxy_url, "kcproxy"),
        stage=prepared,
        kcadm=_kcadm(request, admin),
        audience=audience,
        live_grants=int(version.partition(".")[0]) >= 26,
    )
    await play.play()


def _admin(request: Request, keycloak: Server) -> Admin:
    return Admin(
        keycloak, realm=request.admin_realm, username=request.admin_username, password=request.admin_password, clock=time.monotonic
    )


def _account(secret: Secret) -> AccountSettings:
    return AccountSettings(realms=(REALM,), token_realm=REALM, client_id=CLIENT_ID, secret=secret)


def _announce(audience: Audience, url: str) -> None:
    title = f"kcproxy in front of it, with the service account of {CLIENT_ID} for requests without a token"
    audience.begun(title)
    audience.ended(Step(title=title, checks=[Check(ok=True, says=f"listening at {url}")]))


def _kcadm(request: Request, admin: Admin) -> Kcadm:
    if request.kcadm is None or request.upstream is None:
        return KcadmCalls(admin)
    login = Login(server_url=admin.server.url, realm=request.admin_realm, username=request.admin_username, password=request.admin_password)
    return KcadmProgram(request.kcadm, login)


def _why(error: BaseException) -> str:
    """The kind of a connection or read failure as text. Never the text of a bad response, which could contain anything."""
    if isinstance(error, aiohttp.ClientResponseError):
        return "the response is not HTTP"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "the connection attempt timed out"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without a response"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection was closed within the response"
    os_error = getattr(error, "os_error", error)
    if isinstance(os_error, OSError) and os_error.strerror:
        return os_error.strerror
    return type(error).__name__
