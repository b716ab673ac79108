"""The proxy of a worker: settings that the program takes, a process that starts, reads them anew and ends."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from tools.fixloop.proxy import ProxyFailed, prepared, proxy


def written(folder: Path, upstream: str) -> tuple[Path, tuple[int, int]]:
    return prepared(folder, upstream=upstream, version="26.7.4", realms=["read-1", "own-1"], client_id="loop-0", secret="hidden")


def test_each_realm_has_the_account_and_the_first_one_serves_the_whole_server(tmp_path: Path) -> None:
    config, ports = written(tmp_path / "worker", "http://localhost:1")
    settings = tomllib.loads(config.read_text())
    assert settings["listen"] == f"127.0.0.1:{ports[0]}"
    assert [account["realms"] for account in settings["accounts"]] == [["read-1", "master"], ["own-1"]]
    secret = Path(settings["accounts"][0]["client_secret_file"])
    assert secret.read_text() == "hidden"
    assert secret.stat().st_mode & 0o077 == 0
    assert "hidden" not in config.read_text()


async def test_it_listens_reads_its_settings_anew_and_ends(tmp_path: Path) -> None:
    async with proxy(*written(tmp_path, "http://127.0.0.1:1")) as running:
        await running.reload()
        await running.reload()
        assert running.process.returncode is None
    assert running.process.returncode == 0
    assert running.log.read_text().count('"event":"reloaded"') == 2


async def test_settings_that_cannot_be_used_are_a_failure(tmp_path: Path) -> None:
    config, ports = written(tmp_path, "nonsense")
    with pytest.raises(ProxyFailed, match="does not listen"):
        async with asyncio.timeout(30), proxy(config, ports):
            pass
