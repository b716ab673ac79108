"""The proxy of a worker: settings that the program takes, a process that starts, reloads them and ends."""

import asyncio
import json
import tomllib
from pathlib import Path

import aiohttp
import pytest

from devkit.servers import Message, RecordingUpstream
from tools.fixloop.proxy import ProxyFailed, prepared, proxy


def written(folder: Path, upstream: str) -> tuple[Path, tuple[int, int]]:
    return prepared(folder, upstream=upstream, version="26.7.4", realms=["read-1", "own-1"], client_id="loop-0", secret="hidden")


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def tokens_of(upstream: RecordingUpstream) -> list[Message]:
    return [request for request in upstream.requests if request.target.endswith(b"/openid-connect/token")]


def test_each_realm_has_the_account_and_the_first_one_serves_the_whole_server(tmp_path: Path) -> None:
    config, ports = written(tmp_path / "worker", "http://localhost:1")
    settings = tomllib.loads(config.read_text())
    assert settings["listen"] == f"127.0.0.1:{ports[0]}"
    assert [account["realms"] for account in settings["accounts"]] == [["read-1", "read-1-absent-0", "master"], ["own-1", "own-1-absent-0"]]
    secret = Path(settings["accounts"][0]["client_secret_file"])
    assert secret.read_text() == "hidden"
    assert secret.stat().st_mode & 0o077 == 0
    assert "hidden" not in config.read_text()


async def test_it_listens_reloads_its_settings_and_ends(tmp_path: Path) -> None:
    async with proxy(*written(tmp_path, "http://127.0.0.1:1")) as running:
        await running.reload()
        await running.reload()
        assert running.process.returncode is None
    assert running.process.returncode == 0
    assert running.log.read_text().count('"event":"reloaded"') == 2


async def test_after_a_reload_each_account_has_a_new_token(upstream: RecordingUpstream, tmp_path: Path) -> None:
    def react(request: Message) -> bytes:
        if request.target.endswith(b"/openid-connect/token"):
            return ok(json.dumps({"access_token": f"token-{len(tokens_of(upstream))}", "expires_in": 300}).encode())
        return ok(b"[]")

    upstream.react = react
    async with proxy(*written(tmp_path, f"http://127.0.0.1:{upstream.port}")) as running, aiohttp.ClientSession() as http:
        for _ in range(2):
            for _ in range(2):
                for realm in ("read-1", "own-1"):
                    await (await http.get(f"{running.url}/admin/realms/{realm}/users")).read()
            await running.reload()
    used = [request.value("authorization") for request in upstream.requests if request.target.startswith(b"/admin")]
    assert len(used) == 8
    assert len(set(used[:4]) | set(used[4:])) == 4
    assert not set(used[:4]) & set(used[4:])


async def test_settings_that_cannot_be_used_are_a_failure(tmp_path: Path) -> None:
    config, ports = written(tmp_path, "nonsense")
    with pytest.raises(ProxyFailed, match="does not listen"):
        async with asyncio.timeout(30), proxy(config, ports):
            pass
