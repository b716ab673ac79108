"""The processor is stopped, killed and started again while clients send requests: none fails, and only refusals wait."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from devkit.envoy import Processor, running_envoy, running_processor
from devkit.servers import Message
from tests.envoy.conftest import SETTINGS, require_envoy
from tests.middleware.server import recording_server, response

REFUSED, ALLOWED = "/admin/realms/demo/users", "/admin/realms/demo/groups"
REFUSAL = json.dumps({"error": "HTTP 403 Forbidden"}).encode()
JSON = "Content-Type: application/json"
LIMIT_SECONDS = 3.0
"""Envoy waits 0.25 s for each message of the processor, and as long for the script's call. A busy machine adds to that."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    path: str
    status: int
    content: bytes
    explained: bool
    began: float
    took: float


@dataclass(kw_only=True)
class Clients:
    """Two clients that are refused and two that are not, one request after another."""

    url: str
    sent: list[Sent] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self, path: str) -> None:
        with httpx.Client(timeout=30) as client:
            while not self.ended.is_set():
                began = time.monotonic()
                try:
                    got = client.get(self.url + path)
                except httpx.HTTPError as error:
                    self.failed.append(f"{path}: {error!r}")
                    continue
                explained = "kcproxy-cause" in got.headers
                took = time.monotonic() - began
                self.sent.append(Sent(path=path, status=got.status_code, content=got.content, explained=explained, began=began, took=took))
                time.sleep(0.01)

    def of(self, path: str, since: float = 0.0, until: float = float("inf")) -> list[Sent]:
        return [each for each in self.sent if each.path == path and since <= each.began < until]


@contextmanager
def sending(url: str) -> Iterator[Clients]:
    clients = Clients(url=url)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(clients.run, path) for path in (REFUSED, ALLOWED) * 2]
        try:
            yield clients
        finally:
            clients.ended.set()
    for each in running:
        each.result()


def reaction(request: Message) -> bytes:
    if ALLOWED.encode() in request.target:
        return response(200, b"[]", JSON, reason="OK")
    return response(403, REFUSAL, JSON)


def until_explained(clients: Clients) -> float:
    """When the first refusal since now was explained."""
    began = time.monotonic()
    while not any(each.explained for each in clients.of(REFUSED, since=began)):
        assert time.monotonic() < began + 30, "no refusal is explained any more"
        time.sleep(0.05)
    return time.monotonic()


def interrupted(clients: Clients, processor: Processor) -> tuple[float, float]:
    """Stopped for a second and continued, then killed. When it stood still, and when it was gone."""
    until_explained(clients)
    processor.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(1.5)
    processor.process.send_signal(signal.SIGCONT)
    until_explained(clients)
    processor.process.kill()
    processor.process.wait(10)
    gone = time.monotonic()
    time.sleep(1.5)
    return stopped, gone


@pytest.mark.parametrize("way", ["ext_proc", "lua"])
def test_no_request_fails_while_the_processor_is_stopped_killed_and_started(way: Any, tmp_path: Path) -> None:
    require_envoy()
    with recording_server() as server:
        server.react(reaction)
        upstream = f"http://localhost:{server.upstream.port}"
        with running_processor(upstream, tmp_path, settings=SETTINGS) as first:
            addresses: dict[str, Any] = {"socket": first.socket} if way == "ext_proc" else {"http_port": first.http_port}
            with (
                running_envoy(way, server.upstream.port, tmp_path, **addresses) as envoy,
                sending(f"http://127.0.0.1:{envoy.port}") as clients,
            ):
                stopped, gone = interrupted(clients, first)
                with running_processor(upstream, tmp_path, settings=SETTINGS, http_port=first.http_port):
                    until_explained(clients)
    refused, allowed = clients.of(REFUSED), clients.of(ALLOWED)

    assert clients.failed == []
    assert {each.status for each in refused} == {403}
    assert {(each.status, each.content, each.explained) for each in allowed} == {(200, b"[]", False)}
    assert {each.content for each in refused if not each.explained} == {REFUSAL}
    assert {each.explained for each in clients.of(REFUSED, since=gone, until=gone + 1)} == {False}
    assert max(each.took for each in refused) < LIMIT_SECONDS
    waiting = clients.of(ALLOWED, since=stopped, until=stopped + 1)
    assert median(each.took for each in waiting) < 0.2
