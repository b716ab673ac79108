"""compose.yaml as the specification's own reader sees it, and its services as processes on loopback instead of containers."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from devkit.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "compose.yaml"
Service = dict[str, Any]


def services() -> dict[str, Service]:
    """The services as they are written."""
    found: dict[str, Service] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return found


def mounts(service: Service) -> dict[str, str]:
    """Where what is mounted: place inside the container to folder or volume."""
    return {inside: source for source, inside, *_ in (text.split(":") for text in service.get("volumes", []))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Set-up, kcproxy and caller as processes in front of a Keycloak."""

    folder: Path
    keycloak: str
    port: int
    admin_port: int

    async def setup(self, *, password: str = "admin") -> tuple[int, str]:
        """The service that runs once."""
        environment = {"KEYCLOAK_URL": self.keycloak, "KEYCLOAK_ADMIN_PASSWORD": password}
        return await self._run("setup", ROOT / "deploy" / "compose" / "setup" / "setup.py", str(self.folder), **environment)

    async def call(self, rounds: int) -> list[str]:
        """The caller's lines."""
        program = ROOT / "deploy" / "compose" / "caller" / "caller.py"
        words = (f"http://127.0.0.1:{self.port}", str(self.folder / "caller" / "key"), str(rounds))
        code, said = await self._run("caller", program, *words)
        assert code == 0, said
        return said.splitlines()

    async def admin(self, path: str, *, key: str | None = None) -> tuple[int, str]:
        """The admin port, with the page's key or without."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Under another name than loopback's, as from outside of the container.
        async with aiohttp.ClientSession(headers=headers) as http, http.get(f"http://127.0.0.1:{self.admin_port}{path}") as answer:
            return answer.status, await answer.text()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """kcproxy with the settings that compose mounts."""
        config = self.folder / "kcproxy.toml"
        config.write_text(self._here((ROOT / "deploy" / "compose" / "kcproxy" / "kcproxy.toml").read_text(encoding="utf-8")))
        with (self.folder / "log").open("wb") as log:
            command = (sys.executable, "-m", "kcproxy", "serve", "--config", str(config))
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=_environment())
        try:
            async with asyncio.timeout(30):
                while b'"listening"' not in (self.folder / "log").read_bytes():
                    assert process.returncode is None, (self.folder / "log").read_text()
                    await asyncio.sleep(0.05)
            yield process
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 20) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _here(self, text: str) -> str:
        text = text.replace("0.0.0.0:8180", f"127.0.0.1:{self.port}").replace("0.0.0.0:9180", f"127.0.0.1:{self.admin_port}")
        text = text.replace("http://keycloak:8080", self.keycloak).replace("/run/kcproxy/", f"{self.folder}/")
        return re.sub(r"(?m)^keycloak_version = .*\n", "", text)

    async def _run(self, name: str, program: Path, *words: str, **more: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(program),
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment() | more,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()


def composed(folder: Path, keycloak: str) -> Composed:
    """With folders where compose has volumes."""
    for name in ("proxy", "caller"):
        (folder / name).mkdir(parents=True)
    return Composed(folder=folder, keycloak=keycloak, port=free_port(), admin_port=free_port())


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("KCPROXY_", "KEYCLOAK_"))}
