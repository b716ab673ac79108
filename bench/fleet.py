"""Several proxies as processes with one shared history, a balancer in front of them, and an upstream that refuses one path."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import jwt

from devkit.ports import free_ports

REFUSED_PATH = "/admin/realms/shop/users"
ALLOWED_PATH = "/admin/realms/shop/clients"
CALLERS = 40
"""Each is a kind of denial of its own."""
_FORBIDDEN = b'HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{"error":"HTTP 403 Forbidden"}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
_START_SECONDS = 60.0


async def keycloak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection of the upstream: it refuses the path of users, and allows all others."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(_FORBIDDEN if REFUSED_PATH.encode() in head.partition(b"\r\n")[0] else _OK)
            await writer.drain()
    writer.close()


@dataclass(slots=True)
class Replica:
    """One process."""

    name: str
    port: int
    admin_port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it without any chance to write something."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def start(folder: Path, name: str, upstream_url: str, history: str) -> Replica:
    """Start a proxy. ``history``: the lines of the table of this name."""
    port, admin_port = free_ports(2)
    config = folder / f"{name}.toml"
    config.write_text(
        f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{admin_port}"\ninstance = "{name}"\n'
        f'[upstream]\nurl = "{upstream_url}"\n[explain]\nkeycloak_version = "26.7.4"\n'
        f'[log]\nlevel = "error"\n[history]\n{history}\n'
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith("KCPROXY_")}
    with (folder / f"{name}.log").open("ab") as log:
        command = [sys.executable, "-m", "kcproxy", "serve", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    return Replica(name, port, admin_port, process)


@asynccontextmanager
async def fleet(
    folder: Path, names: Sequence[str], history: str, *, upstream_url: str | None = None
) -> AsyncIterator[tuple[list[Replica], str]]:
    """The replicas and the address of their upstream: the given one, or one that is made for them. They end with the block."""
    server = None if upstream_url else await asyncio.start_server(keycloak, "127.0.0.1", 0)
    url = upstream_url or f"http://127.0.0.1:{server.sockets[0].getsockname()[1] if server else 0}"
    replicas = [start(folder, name, url, history) for name in names]
    try:
        for replica in replicas:
            await ready(replica)
        yield replicas, url
    finally:
        for replica in replicas:
            if replica.process.poll() is None:
                replica.process.terminate()
                await asyncio.to_thread(replica.process.wait)
        if server is not None:
            server.close()


async def ready(replica: Replica) -> None:
    """Wait until a replica accepts requests and its history is connected."""
    ends_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends_at:
        with suppress(aiohttp.ClientError, OSError):
            if "\nkcproxy_history_connected 1.0\n" in await text_of(replica, "/metrics"):
                return
        await asyncio.sleep(0.1)
    raise TimeoutError(replica.name)


async def text_of(replica: Replica, path: str) -> str:
    """A page of the admin port."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{replica.admin_port}{path}") as answer:
        return await answer.text()


async def metric(replica: Replica, name: str) -> float:
    """The value of a metric without labels."""
    lines = (await text_of(replica, "/metrics")).splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


@dataclass(slots=True)
class Balancer:
    """Gives each connection a replica that lives, in turn."""

    replicas: list[Replica]
    turn: int = 0

    async def connect(self) -> tuple[Replica, asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the next replica that accepts one."""
        while True:
            self.turn += 1
            replica = self.replicas[self.turn % len(self.replicas)]
            with suppress(OSError):
                return (replica, *await asyncio.open_connection("127.0.0.1", replica.port))
            await asyncio.sleep(0.02)


@dataclass(slots=True)
class Seen:
    """What clients saw: for each denial its replica and time (monotonic seconds), durations in seconds, and requests without a response."""

    denials: dict[str, tuple[str, float]] = field(default_factory=dict)
    allowed_seconds: list[float] = field(default_factory=list)
    refused_seconds: list[float] = field(default_factory=list)
    unanswered: int = 0

    def percentile(self, share: float) -> float:
        """Of allowed requests, in milliseconds."""
        durations = sorted(self.allowed_seconds)
        return durations[min(int(share * len(durations)), len(durations) - 1)] * 1000


def invented_token(number: int) -> str:
    """A token that no Keycloak signed, of the service account of a caller."""
    claims = {"iss": "http://localhost:8080/realms/shop", "azp": f"caller-{number % CALLERS}", "typ": "Bearer", "exp": 4_000_000_000}
    return jwt.encode(claims | {"preferred_username": f"service-account-caller-{number % CALLERS}"}, "k" * 32, algorithm="HS256")


async def client(
    token: str, balancer: Balancer, seen: Seen, requests: int, *, refused_share: float = 1.0, pause_seconds: float = 0.0
) -> None:
    """One caller on one connection at a time. ``refused_share``: the share of requests that Keycloak refuses."""
    replica, reader, writer = await balancer.connect()
    done = 0
    while done < requests:
        refused = (done * refused_share) % 1.0 + refused_share >= 1.0
        path = REFUSED_PATH if refused else ALLOWED_PATH
        began = time.monotonic()
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
            fields = {name.lower(): value for name, value in fields.items()}
            await reader.readexactly(int(fields["content-length"]))
        except (asyncio.IncompleteReadError, ConnectionError):
            seen.unanswered += 1
            writer.close()
            replica, reader, writer = await balancer.connect()
            continue
        ended = time.monotonic()
        (seen.refused_seconds if refused else seen.allowed_seconds).append(ended - began)
        if refused:
            seen.denials[fields["kcproxy-denial-id"]] = (replica.name, ended)
        done += 1
        if pause_seconds:
            await asyncio.sleep(pause_seconds)
    writer.close()


async def opens(replica: Replica, denial_ids: Sequence[str]) -> list[str]:
    """Those ids that the admin port of a replica does not open."""
    missing = []
    async with aiohttp.ClientSession() as session:
        for denial_id in denial_ids:
            async with session.get(f"http://127.0.0.1:{replica.admin_port}/api/denials/{denial_id}") as answer:
                if answer.status != 200 or json.loads(await answer.text())["id"] != denial_id:
                    missing.append(denial_id)
    return missing
