"""Serving processes with a shared history: they start and serve without the database, and workers share it, too."""

import asyncio
import json
import signal
from pathlib import Path

from devkit.ports import free_port
from devkit.postgres import Postgres
from devkit.servers import FORBIDDEN, RecordingUpstream
from tests.process.test_serve import served
from tests.process.test_workers import all_ready, ask

PASSWORD = "hunter2-and-more"
USERS = "/admin/realms/demo/users"


def shared(url: str, folder: Path, password: str = "secret") -> str:
    """The table of the settings, with the password in a file."""
    file = folder / "password"
    file.write_text(f"{password}\n")
    file.chmod(0o600)
    return f'[history]\nurl = "{url.replace(":secret@", "@")}"\npassword_file = "{file}"\n'


async def test_without_its_database_a_proxy_starts_and_serves_and_says_why(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    url = f"postgresql://kcproxy@127.0.0.1:{free_port()}/kcproxy"
    async with served(upstream, tmp_path, tail=shared(url, tmp_path, PASSWORD)) as running:
        assert await running.admin("/readyz") == (200, "ready\n")
        assert await ask(running, USERS) == 403
        listed = json.loads((await running.admin("/api/denials"))[1])
        assert [group["count"] for group in listed["denials"]] == [1]
        away = await running.logged("history_away")
        assert "check host and port" in away["reason"]
        assert "\nkcproxy_history_connected 0.0\n" in (await running.admin("/metrics"))[1]
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert PASSWORD not in running.log.read_text()


async def test_a_wrong_password_is_logged_without_it(upstream: RecordingUpstream, tmp_path: Path, database: str) -> None:
    async with served(upstream, tmp_path, tail=shared(database, tmp_path, PASSWORD)) as running:
        away = await running.logged("history_away")
        assert "refuses user or password" in away["reason"]
        assert PASSWORD not in running.log.read_text() + (await running.admin("/metrics"))[1] + (await running.admin("/"))[1]


async def test_two_proxies_show_the_denials_of_both(upstream: RecordingUpstream, tmp_path: Path, database: str) -> None:
    upstream.react = lambda _: FORBIDDEN
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one, two = (served(upstream, folder, f'instance = "{folder.name}"\n', tail=shared(database, folder)) for folder in folders)
    async with one as first, two as second:
        for running in (first, second):
            assert await ask(running, USERS) == 403
        denial = await second.logged("denial")
        for _ in range(200):
            listed = json.loads((await first.admin("/api/denials"))[1])["denials"]
            if [group["count"] for group in listed] == [2]:
                break
            await asyncio.sleep(0.05)
        assert [(group["count"], group["instances"]) for group in listed] == [(2, ["one", "two"])]
        found = json.loads((await first.admin(f"/api/denials/{denial['denial_id']}"))[1])
        assert found["instance"] == "two"


async def test_the_denials_of_workers_are_written_once(
    upstream: RecordingUpstream, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, "workers = 3\n", tail=shared(database, tmp_path)) as running:
        await all_ready(running)
        assert [await ask(running, USERS) for _ in range(12)] == [403] * 12
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
    assert postgres.sql("SELECT count(*) FROM kcproxy.denials", database=database.rpartition("/")[2]) == "12"
