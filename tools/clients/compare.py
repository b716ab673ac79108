"""Each program directly and through the proxy, on a stage of its own on a real server."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from kcproxy.cli.scenario import embedded
from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Server
from kcproxy.settings import Secret
from tools.clients.programs import Program, Target

CLIENT_ID = "clients-without-a-role"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one program printed. ``unavailable`` says why it could not be run, then there is no output."""

    program: Program
    direct: str = ""
    proxied: str = ""
    sentence: str = ""
    unavailable: str | None = None

    @property
    def is_printed(self) -> bool:
        """Whether the proxy's sentence is in what the program printed."""
        return self.times_printed > 0

    @property
    def times_printed(self) -> int:
        """How often the proxy's sentence is in what the program printed; line breaks and quotes around it do not matter."""
        return _plain(self.proxied).count(_plain(self.sentence)) if self.sentence else 0


def _plain(text: str) -> str:
    return " ".join(text.replace("' +\n", "").split())


async def compare(
    programs: Sequence[Program], *, url: str, username: str, password: str, home: Path, realm: str = "clients-compared"
) -> list[Comparison]:
    """Run every program. The realm is made for it and removed; the account holds no role, so each call is refused."""
    async with aiohttp.ClientSession() as session:
        admin = Admin(Server(session, url, "Keycloak"), realm="master", username=username, password=Secret(password), clock=time.monotonic)
        version = await admin.version()
        target = await _stage(admin, realm, url, home)
        try:
            async with embedded.running(embedded.settings_for(url, accounts=(), version=version)) as (proxy_url, _):
                sentence = await _sentence(session, target, proxy_url)
                proxied = replace(target, url=proxy_url)
                return [await asyncio.to_thread(_compared, program, target, proxied, sentence) for program in programs]
        finally:
            await admin.write("DELETE", f"/admin/realms/{realm}")


async def _stage(admin: Admin, realm: str, url: str, home: Path) -> Target:
    path = f"/admin/realms/{realm}"
    await admin.write("POST", "/admin/realms", {"realm": realm, "enabled": True})
    client = {"clientId": CLIENT_ID, "publicClient": False, "serviceAccountsEnabled": True}
    await admin.write("POST", f"{path}/clients", client)
    (made,) = await admin.read(f"{path}/clients?clientId={CLIENT_ID}")
    secret = await admin.read(f"{path}/clients/{made['id']}/client-secret")
    user = await admin.write("POST", f"{path}/users", {"username": "john-doe", "email": "john-doe@example.com", "enabled": True})
    user_id = (user.header("Location") or "").rpartition("/")[2]
    return Target(url=url, realm=realm, client_id=CLIENT_ID, client_secret=secret["value"], user_id=user_id, home=home)


async def _sentence(session: aiohttp.ClientSession, target: Target, proxy_url: str) -> str:
    """The sentence that the proxy tells about this very request."""
    form = {"grant_type": "client_credentials", "client_id": target.client_id, "client_secret": target.client_secret}
    proxy = Server(session, proxy_url, "kcproxy")
    _, bearer = await proxy.token(target.realm, form, target.client_id)
    refused = await proxy.send("GET", f"/admin/realms/{target.realm}/users/{target.user_id}", bearer=bearer)
    return str(refused.json["errorMessage"])


def _compared(program: Program, direct: Target, proxied: Target, sentence: str) -> Comparison:
    if program.missing:
        return Comparison(program=program, unavailable=f"{', '.join(program.missing)} not installed")
    try:
        program.ready()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return Comparison(program=program, unavailable=f"its library could not be had ({error.__class__.__name__})")
    return Comparison(program=program, direct=program.output(direct), proxied=program.output(proxied), sentence=sentence)
