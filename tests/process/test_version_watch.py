"""The table that fits the server: found out, found out again, and kept where nothing can be found out."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devkit.servers import Message, RecordingUpstream, Running, running_proxy
from kcproxy.catalog.fingerprint import public_paths
from kcproxy.process.version_watch import keep_version, settle_now
from kcproxy.proxy.runtime import Runtime

RECORDED = Path(__file__).parent.parent / "catalog" / "recorded"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def recorded(version: str) -> dict[str, dict[str, Any]]:
    """The public answers of a real server of that version, by name."""
    return dict(json.loads((RECORDED / f"{version}.json").read_text()))


def answer_as(upstream: RecordingUpstream, version: str) -> None:
    responses = recorded(version)
    by_path = {path: responses[name] for name, path in public_paths("master").items() if name in responses}

    def react(request: Message) -> bytes:
        found = by_path.get(request.target.decode())
        if found is None:
            return MISSING
        body = json.dumps(found.get("body", {})).encode()
        fields = "".join(f"{name}: {value}\r\n" for name, value in found["headers"].items())
        return f"HTTP/1.1 {found['status']} X\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body

    upstream.react = react


def _say(answer: bytes, _: Message) -> bytes:
    return answer


@pytest.mark.parametrize(("version", "minor"), [("24.0.5", "24.0"), ("26.7.4", "26.7")])
async def test_the_table_is_the_servers(proxy: Running, upstream: RecordingUpstream, version: str, minor: str) -> None:
    answer_as(upstream, version)
    assert await settle_now(proxy.runtime)
    assert proxy.runtime.catalog.version.startswith(minor)


async def test_nothing_changes_while_the_server_is_down_or_says_nothing_usable(proxy: Running, upstream: RecordingUpstream) -> None:
    before = proxy.runtime.catalog
    for answer in (
        MISSING,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"noise\r\n\r\n",
    ):
        upstream.react = partial(_say, answer)
        assert not await settle_now(proxy.runtime) or proxy.runtime.catalog is before
    async with running_proxy(18_297) as other:
        assert not await settle_now(other.runtime)


async def test_an_upgrade_is_noticed_and_logged_once(proxy: Running, upstream: RecordingUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.process.version_watch.RECHECK_SECONDS", 0.02)
    monkeypatch.setattr("kcproxy.process.version_watch.RETRY_SECONDS", 0.02)
    told: list[str] = []

    def tell(runtime: Runtime) -> None:
        told.append(runtime.catalog.version)

    answer_as(upstream, "24.0.5")
    watching = asyncio.create_task(keep_version(lambda: proxy.runtime, tell))
    await asyncio.sleep(0.3)
    answer_as(upstream, "26.7.4")
    await asyncio.sleep(0.3)
    watching.cancel()
    assert [version.rpartition(".")[0] for version in told] == ["24.0", "26.7"]


@pytest.mark.parametrize("after", range(1, len(public_paths("master"))))
async def test_an_upgrade_in_the_midst_of_a_look_is_no_third_version(proxy: Running, upstream: RecordingUpstream, after: int) -> None:
    answer_as(upstream, "24.0.5")
    old = upstream.react
    answer_as(upstream, "26.7.4")
    new = upstream.react
    asked = 0

    def react(request: Message) -> object:
        nonlocal asked
        asked += 1
        return old(request) if asked <= after else new(request)

    upstream.react = react
    before = proxy.runtime.catalog
    settled = await settle_now(proxy.runtime)
    assert proxy.runtime.catalog is before or proxy.runtime.catalog.version.startswith("26.7")
    assert settled or proxy.runtime.catalog is before
    assert await settle_now(proxy.runtime)
    assert proxy.runtime.catalog.version.startswith("26.7")
