"""Runs the kcadm command of an explanation: with the real kcadm.sh, or, without one, with the same API calls."""

import asyncio
import os
import shlex
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import quote

from msgspec import Struct

from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.steps import CommandRun, ScenarioError
from kcproxy.settings import Secret

_TIMEOUT_SECONDS = 120.0


class Kcadm(Protocol):
    """Runs a kcadm command line."""

    async def run(self, line: str) -> CommandRun:
        """Run the line. Raise ScenarioError if it is not ``kcadm.sh add-roles``."""
        ...


def words_of(line: str) -> list[str]:
    """Split the line as a shell does. Only ``kcadm.sh add-roles …`` is ever run here."""
    words = shlex.split(line)
    if words[:2] != ["kcadm.sh", "add-roles"]:
        raise ScenarioError(f"the demo does not run this command of the explanation: {line}")
    return words


class Login(Struct, frozen=True, kw_only=True):
    """The administrator of a real server."""

    server_url: str
    realm: str
    username: str
    password: Secret


class KcadmProgram:
    """The kcadm.sh of a distribution, with a login that is removed afterwards."""

    def __init__(self, path: Path, login: Login) -> None:
        """``path`` is ``bin/kcadm.sh`` of a distribution."""
        self._path = path
        self._login = login

    async def run(self, line: str) -> CommandRun:
        """Log in, then run the line unchanged, with ``path`` as its first word."""
        words = words_of(line)
        with tempfile.TemporaryDirectory(prefix="kcproxy-demo-") as home:
            code, output = await self._start(self._login_words(), home, secret=self._login.password)
            if code == 0:
                code, output = await self._start(words[1:], home)
        return CommandRun(line=line, program=str(self._path), exit_code=code, output=output.strip())

    def _login_words(self) -> list[str]:
        login = self._login
        return ["config", "credentials", "--server", login.server_url, "--realm", login.realm, "--user", login.username]

    async def _start(self, words: list[str], home: str, secret: Secret | None = None) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            self._path,
            *words,
            env=_environment(os.environ, home, secret),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        typed = f"{secret.reveal()}\n".encode() if secret else b""  # before 25, kcadm does not read KC_CLI_PASSWORD and prompts
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                output, _ = await process.communicate(typed)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, output.decode(errors="replace")


def _environment(parent: Mapping[str, str], home: str, secret: Secret | None) -> dict[str, str]:
    """Kcadm stores its login in ``.keycloak`` in Java's home folder. The password is never on a command line."""
    kept = {name: value for name, value in parent.items() if not name.startswith(("KC_", "KEYCLOAK_"))}
    password = {"KC_CLI_PASSWORD": secret.reveal()} if secret else {}
    return kept | {"KC_OPTS": f"-Duser.home={home}"} | password


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ScenarioError(f"kcadm command: {message}")


class KcadmCalls:
    """The same command as calls of the Admin REST API, if there is no distribution, for example for the simulator."""

    def __init__(self, admin: Admin) -> None:
        """``admin`` makes the calls."""
        self._admin = admin

    async def run(self, line: str) -> CommandRun:
        """Find the account, the client and the roles, and map the roles."""
        parser = _Parser(prog="kcadm.sh add-roles", add_help=False)
        parser.add_argument("-r", "--target-realm", dest="realm", required=True)
        account = parser.add_mutually_exclusive_group(required=True)
        account.add_argument("--uusername")
        account.add_argument("--uid")
        parser.add_argument("--cclientid", required=True)
        parser.add_argument("--rolename", action="append", required=True)
        wanted = parser.parse_args(words_of(line)[2:])
        realm = f"/admin/realms/{quote(wanted.realm, safe='')}"
        user_id = wanted.uid or await self._id(f"{realm}/users?exact=true&username={quote(wanted.uusername, safe='')}")
        client_id = await self._id(f"{realm}/clients?clientId={quote(wanted.cclientid, safe='')}")
        roles = [await self._admin.read(f"{realm}/clients/{client_id}/roles/{quote(name, safe='')}") for name in wanted.rolename]
        await self._admin.write("POST", f"{realm}/users/{user_id}/role-mappings/clients/{client_id}", roles)
        return CommandRun(line=line, program="the demo itself", exit_code=0, output="")

    async def _id(self, path: str) -> str:
        found = await self._admin.read(path)
        if not isinstance(found, list) or len(found) != 1:
            raise ScenarioError(f"GET {path} gave {len(found) if isinstance(found, list) else 'no'} entries instead of one")
        return str(found[0]["id"])
