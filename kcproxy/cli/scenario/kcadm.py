"""Carrying out the kcadm command that an explanation printed: by the real kcadm.sh, or, where there is none, by the calls it stands for."""

import asyncio
import os
import shlex
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import quote

from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.steps import CommandRun, ScenarioError
from kcproxy.settings import Secret

_TIMEOUT_SECONDS = 120.0


class Kcadm(Protocol):
    """Something that carries out a kcadm command line."""

    async def run(self, line: str) -> CommandRun:
        """Do what the line says. ScenarioError where the line is no ``kcadm.sh add-roles``."""
        ...


def words_of(line: str) -> list[str]:
    """The line as a shell would split it. Only ``kcadm.sh add-roles …`` is ever carried out here."""
    words = shlex.split(line)
    if words[:2] != ["kcadm.sh", "add-roles"]:
        raise ScenarioError(f"the explanation's command is not one that the demo carries out: {line}")
    return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The administrator of a real server."""

    server_url: str
    realm: str
    username: str
    password: Secret


class KcadmProgram:
    """The distribution's own kcadm.sh, unchanged, with a login of its own that is gone afterwards."""

    def __init__(self, path: Path, login: Login) -> None:
        """``path`` is ``bin/kcadm.sh`` of a distribution."""
        self._path = path
        self._login = login

    async def run(self, line: str) -> CommandRun:
        """Log in, then run the line as it stands; its first word is found at ``path``."""
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
        typed = f"{secret.reveal()}\n".encode() if secret else b""  # before 25 kcadm knows no KC_CLI_PASSWORD and asks
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                output, _ = await process.communicate(typed)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, output.decode(errors="replace")


def _environment(parent: Mapping[str, str], home: str, secret: Secret | None) -> dict[str, str]:
    """Kcadm keeps its login in ``.keycloak`` of the home folder that Java knows; the password never goes on a command line."""
    kept = {name: value for name, value in parent.items() if not name.startswith(("KC_", "KEYCLOAK_"))}
    password = {"KC_CLI_PASSWORD": secret.reveal()} if secret else {}
    return kept | {"KC_OPTS": f"-Duser.home={home}"} | password


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ScenarioError(f"kcadm command: {message}")


class KcadmCalls:
    """The same command as the Admin REST API calls that kcadm makes: for servers without a distribution at hand, the simulator above all."""

    def __init__(self, admin: Admin) -> None:
        """``admin`` is who would be logged in to kcadm."""
        self._admin = admin

    async def run(self, line: str) -> CommandRun:
        """Find the account, the client and the roles, and map them."""
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
