"""``kcproxy audit`` and ``kcproxy upgrade`` read the records of running proxies at their admin ports."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from kcproxy import catalog
from kcproxy.admin import app as admin
from kcproxy.cli.exit_codes import Exit
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, LogSettings, Secret, Settings, UpstreamSettings, UseSettings
from tests.cli.running import run, run_json
from tests.cli.test_audit import CONSOLE, SYNC, VERSION, recorded
from tests.cli.test_denials import Served

UPGRADE = ("upgrade", "--from", "26.6.4", "--to", "26.7.5")


@contextmanager
def running(record: Path | None, key: str | None = None) -> Iterator[str]:
    """The address of an admin port of a proxy with this record."""
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore(), catalog=catalog.load(VERSION))
    settings = Settings(
        upstream=UpstreamSettings(scheme="http", host="localhost", port=8080),
        admin_listen=AddressSettings(host="127.0.0.1", port=0),
        admin_key=None if key is None else Secret(key),
        use=UseSettings(path=record),
    )
    with Served(admin.build(settings, observer, list)) as served:
        yield served.address
    observer.close()


@pytest.mark.parametrize("command", [("audit", "--keycloak", VERSION), UPGRADE], ids=lambda words: words[0])
def test_the_records_of_several_proxies_are_added(command: tuple[str, ...], tmp_path: Path) -> None:
    one, other = recorded(tmp_path / "one"), recorded(tmp_path / "two", callers=(SYNC, CONSOLE))
    with running(one) as first, running(other) as second:
        found = run_json(*command, "--admin", first, "--admin", second)
        sync = run_json("audit", "--keycloak", VERSION, "--admin", first, "--admin", second, "--client", "sync")["callers"]
    assert sorted(caller["client"] for caller in found["callers"]) == ["console", "sync"]
    assert [use["counts"] for use in sync[0]["used"]] == [{"full": 2}]


def test_a_record_at_the_admin_port_gives_the_same_audit_as_its_file(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    with running(path) as address:
        at_port = run_json("audit", "--keycloak", VERSION, "--admin", address)
    assert at_port["callers"] == run_json("audit", "--keycloak", VERSION, "--history", str(path))["callers"]


def test_a_proxy_that_does_not_respond_is_named_and_the_others_count(tmp_path: Path) -> None:
    with running(recorded(tmp_path / "use")) as address:
        found = run_json("audit", "--keycloak", VERSION, "--admin", address, "--admin", "127.0.0.1:9")
        alone = run("audit", "--admin", "127.0.0.1:9")
    assert [caller["client"] for caller in found["callers"]] == ["sync"]
    assert any("127.0.0.1:9" in note and "its calls are not included" in note for note in found["notes"])
    assert (alone.exit_code, "no response from the admin port 127.0.0.1:9" in alone.output) == (Exit.FAILED, True)


def test_a_proxy_without_a_record_says_so(tmp_path: Path) -> None:
    with running(None) as address:
        result = run("audit", "--admin", address)
    assert (result.exit_code, "There is no record of use" in result.output) == (Exit.FAILED, True), result.output


def test_the_admin_key_is_read_from_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("correct horse", encoding="utf-8")
    key.chmod(0o600)
    with running(recorded(tmp_path / "use"), key="correct horse") as address:
        without = run("audit", "--admin", address)
        found = run_json("audit", "--keycloak", VERSION, "--admin", address, "--key-file", str(key))
    assert (without.exit_code, "requires the admin key" in without.output) == (Exit.FAILED, True)
    assert [caller["client"] for caller in found["callers"]] == ["sync"]


def test_something_else_at_the_port_is_named() -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps({"schema": 7}), content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/use", other)
    with Served(app) as served:
        result = run("audit", "--admin", served.address)
    assert (result.exit_code, "is not the admin port of a kcproxy" in result.output) == (Exit.FAILED, True), result.output


def test_both_commands_have_the_same_options_for_their_sources() -> None:
    options = ("--client", "--realm", "--since", "--history", "--admin", "--key-file", "--log", "--prometheus", "--held", "--config")
    for command in ("audit", "upgrade"):
        shown = run(command, "--help").output
        assert [option for option in options if f"{option} " not in shown and f"{option}," not in shown] == [], command
