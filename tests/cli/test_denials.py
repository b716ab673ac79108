"""``kcproxy denials``: the list and one denial, from a history file and from a running admin port."""

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from kcproxy.admin import app as admin
from kcproxy.cli.denials.table import ago, clock
from kcproxy.cli.main import main
from kcproxy.observe.denials.history import History
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, LogSettings, Secret, Settings, UpstreamSettings
from tests.observe.samples import caller, explanation, record, target


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["denials", *arguments])


def fill(store: DenialStore) -> None:
    store.add(explanation("d-1"), record(status=403))
    store.add(explanation("d-2"), record(status=403))
    store.add(explanation("d-3", caller=caller("billing"), summary="billing may not"), record(status=403))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "h.sqlite"
    store = DenialStore(history=History(path))
    fill(store)
    store.close()
    return path


@pytest.fixture
def address() -> Iterator[str]:
    """An admin port with a key, on a loop of its own."""
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())
    fill(observer.denials)
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    app = admin.build(
        Settings(upstream=upstream, admin_listen=AddressSettings(host="0.0.0.0", port=0), admin_key=Secret("s")), observer, list
    )
    with Served(app) as served:
        yield served.address
    observer.close()


class Served:
    """An application in a thread of its own, for as long as the block lasts."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.address = ""

    def _run(self) -> None:
        async def serve() -> None:
            runner = web.AppRunner(self._app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.address = "{}:{}".format(*runner.addresses[0][:2])
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()

        asyncio.run(serve())

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def call(self, function: Callable[[], object]) -> None:
        """Have something done on the loop."""
        self._loop.call_soon_threadsafe(function)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


def test_kinds_are_listed_with_their_number_and_the_sentence(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = run("--history", str(history))
    assert shown.exit_code == 0
    head, *lines = shown.output.splitlines()
    assert head.split() == ["STATE", "LAST", "COUNT", "SERVICE", "OPERATION", "MISSING", "REALM", "ID"]
    assert [line.split()[0] for line in lines] == ["fails", "fails"]
    assert [line.split()[3] for line in lines] == ["1", "2"]
    long = run("--history", str(history), "--long").output
    assert "403 role-missing (certain) 2 times" in long
    assert "billing may not" in long


@pytest.mark.parametrize("columns", [80, 120])
def test_each_kind_is_one_line_that_fits_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    path = tmp_path / "h.sqlite"
    store = DenialStore(history=History(path))
    for number in range(25):
        store.add(
            explanation(f"d-{number:02}-and-more-of-an-id", caller=caller(f"a-service-with-a-long-name-{number}")), record(status=403)
        )
    store.close()
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = run("--history", str(path))
    lines = shown.stdout.splitlines()
    assert len(lines) == 1 + 20
    assert max(map(len, lines)) <= columns
    assert all("view-users" in line and "GET /users" in line for line in lines[1:])
    assert "20 of 25 kinds of denial; --limit 0 lists all" in shown.stderr
    assert len(run("--history", str(path), "--limit", "0").stdout.splitlines()) == 1 + 25
    assert len(json.loads(run("--history", str(path), "--json").stdout)["denials"]) == 25
    assert len(json.loads(run("--history", str(path), "--json", "--limit", "3").stdout)["denials"]) == 3
    listed = lines[1].split()[-1]
    assert json.loads(run(listed[:8], "--history", str(path), "--json").stdout)["denial"]["id"].startswith(listed)


def test_several_admin_ports_are_one_list_by_the_kind_of_denial() -> None:
    observers = [LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore()) for _ in range(2)]
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    apps = [
        admin.build(Settings(upstream=upstream, admin_listen=AddressSettings(host="127.0.0.1", port=0)), observer, list)
        for observer in observers
    ]
    for observer in observers:
        fill(observer.denials)
    observers[1].denials.add(explanation("d-9", caller=caller("only there")), record(status=403))
    with Served(apps[0]) as first, Served(apps[1]) as second:
        both = ("--admin", first.address, "--admin", second.address)
        groups = {group["service"]: group for group in json.loads(run(*both, "--json").stdout)["denials"]}
        assert {name: (group["count"], len(group["instances"])) for name, group in groups.items()} == {
            "403-forbidden-fix-client": (4, 2), "billing": (2, 2), "only there": (1, 1),
        }  # fmt: skip
        assert "INSTANCE" in run(*both).stdout
        assert json.loads(run("d-9", *both, "--json").stdout)["denial"]["id"] == "d-9"
        third = run(*both, "--admin", "127.0.0.1:9")
        assert (third.exit_code, "127.0.0.1:9" in third.stderr, "billing" in third.stdout) == (0, True, True)
    for observer in observers:
        observer.close()


def test_words_narrow_the_list(history: Path) -> None:
    assert "billing" not in run("--history", str(history), "--search", "403-forbidden view-users reads").output
    assert json.loads(run("--history", str(history), "--search", "billing", "--json").stdout)["denials"][0]["id"] == "d-3"


def test_one_denial_shows_evidence_sets_and_the_command_that_fixes_it(history: Path) -> None:
    shown = run("d-1", "--history", str(history)).output
    for part in (
        "Evidence",
        "needed    view-users or manage-users",
        "granted   query-users",
        "kcadm.sh add-roles",
        "Other possible causes",
    ):
        assert part in shown


def test_a_missing_denial_of_a_history_is_reported(history: Path) -> None:
    shown = run("nowhere", "--history", str(history))
    assert (shown.exit_code, "no denial nowhere" in shown.output) == (1, True)


def test_a_running_proxy_is_asked_with_the_key_of_a_file(address: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s")
    assert "2 times" in run("--admin", address, "--key-file", str(tmp_path / "key"), "--long").output
    assert json.loads(run("d-3", "--admin", address, "--key-file", str(tmp_path / "key"), "--json").stdout)["denial"]["id"] == "d-3"


def test_without_the_key_it_says_what_to_give(address: str) -> None:
    shown = run("--admin", address)
    assert (shown.exit_code, "--key-file" in shown.output) == (1, True)


def test_what_is_refused_from_now_on_is_followed_until_the_proxy_ends(tmp_path: Path) -> None:
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())
    fill(observer.denials)
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    app = admin.build(Settings(upstream=upstream, admin_listen=AddressSettings(host="127.0.0.1", port=0)), observer, list)
    command = [sys.executable, "-m", "kcproxy.cli.main", "denials", "--follow", "--json", "--search", "may not"]
    with Served(app) as served, subprocess.Popen([*command, "--admin", served.address], stdout=subprocess.PIPE, text=True) as following:
        try:
            assert following.stdout is not None
            first = [json.loads(following.stdout.readline())["id"] for _ in range(2)]
            while not len(observer.denials.live):
                time.sleep(0.05)
            served.call(lambda: observer.denials.add(explanation("d-4", caller=caller("new"), summary="new may not"), record(status=403)))
            assert json.loads(following.stdout.readline())["id"] == "d-4"
            following.send_signal(signal.SIGINT)
            assert following.wait(60) == 0
        finally:
            following.kill()  # where it went wrong; a process that has ended is none the worse for it
    observer.close()
    assert first == ["d-2", "d-3"]


def test_a_history_of_a_format_that_comes_later_is_not_guessed_at(history: Path) -> None:
    with closing(sqlite3.connect(history)) as connection, connection:
        connection.execute("PRAGMA user_version = 7")
    shown = run("--history", str(history))
    assert (shown.exit_code, "format 7" in shown.stderr) == (1, True)


@pytest.mark.parametrize("words", [(), ("d-1",), ("--follow",)], ids=["list", "one", "follow"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"not found"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'"text"'),
        (200, b'{"denials": null}'),
        (200, b'{"denials": [1]}'),
        (200, b'{"denials": [{}]}'),
        (302, b""),
        (500, b'{"denials": []}'),
    ],
)
def test_another_program_on_the_port_is_not_mistaken_for_a_proxy(words: tuple[str, ...], status: int, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    with Served(app) as served:
        shown = run("--admin", served.address, *words)
    assert (shown.exit_code, "is not the admin port of a kcproxy" in shown.output) == (1, True), shown.output
    assert shown.exception is None or isinstance(shown.exception, SystemExit)


def test_a_missing_denial_of_a_running_proxy_is_reported(address: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s")
    shown = run("nowhere", "--admin", address, "--key-file", str(tmp_path / "key"))
    assert (shown.exit_code, "no denial nowhere" in shown.stderr) == (1, True)


def test_a_wrong_key_is_reported(address: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("another")
    shown = run("--admin", address, "--key-file", str(tmp_path / "key"))
    assert (shown.exit_code, "rejects this admin key" in shown.stderr) == (1, True)


@pytest.mark.parametrize("columns", [40, 72])
def test_sentences_fit_into_a_narrow_terminal_and_commands_stay_whole(history: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    listed = run("--history", str(history), "--long").output.splitlines()
    assert all(line.startswith(("403 ", "    ")) for line in listed)
    assert max(len(line) for line in listed if not line.startswith("403 ")) <= columns
    one = run("d-1", "--history", str(history)).output.splitlines()
    commands = [line for line in one if line.startswith(("  kcadm.sh", "  http://"))]  # a link is copied like a command
    assert commands
    assert max(len(line) for line in one[1:] if line not in commands) <= columns
    assert " ".join(run("--history", str(history), "--long").output.split()).count("it lacks the role view-users") == 1


@pytest.mark.parametrize("arguments", [("--history", __file__), ("d-1",)])
def test_only_a_running_proxy_can_be_followed(arguments: tuple[str, ...]) -> None:
    shown = run("--follow", *arguments)
    assert (shown.exit_code, "needs a running proxy" in shown.output) == (2, True)


def test_an_unreachable_admin_port_is_reported() -> None:
    shown = run("--admin", "127.0.0.1:9")
    assert (shown.exit_code, "no response from the admin port" in shown.output) == (1, True)


def test_a_file_that_is_not_a_history_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no database" * 100)
    shown = run("--history", str(tmp_path / "x"))
    assert (shown.exit_code, "cannot be read as a history" in shown.output) == (1, True)


def test_names_from_outside_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    store = DenialStore(history=History(path))
    hostile = "\x1b[2J\x07\r\n"
    store.add(
        explanation("d-1", target=target(realm=hostile, raw_path=f"/{hostile}"), summary=hostile, evidence=(hostile,)), record(status=403)
    )
    store.close()
    for arguments in ((), ("--long",), ("d-1",)):
        assert "\x1b" not in run(*arguments, "--history", str(path)).output


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (90_000, "1 d"), (-5, "0 s")])
def test_times_are_relative_with_one_unit(seconds: int, said: str) -> None:
    assert ago("1970-01-02T00:00:00Z", 86400 + seconds) == said


def test_a_list_that_is_followed_has_times_of_day() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock("2026-11-23T17:48:33Z"))
