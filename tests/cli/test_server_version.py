"""The table of commands that judge one server is that server's, unless another is named."""

from pathlib import Path

import pytest

from devkit.ports import free_port
from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.server_version import Origin, table_of_server
from kcproxy.testing import simulator
from tests.cli.running import run, run_json
from tests.cli.test_audit import recorded

OLD, OTHER = "24.0.5", "26.4.7"


def settings(folder: Path, url: str | None, version: str | None = None) -> Path:
    file = folder / "kcproxy.toml"
    server = "" if url is None else f'[upstream]\nurl = "{url}"\n'
    file.write_text(server + ("" if version is None else f'[explain]\nkeycloak_version = "{version}"\n'), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def without_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KCPROXY_CONFIG", "KCPROXY_UPSTREAM", "KCPROXY_UPSTREAM__URL", "KCPROXY_EXPLAIN__KEYCLOAK_VERSION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "configured", "version", "origin"),
    [
        (None, None, OLD, Origin.DETECTED),
        (None, OTHER, OTHER, Origin.CONFIGURED),
        (OTHER, None, OTHER, Origin.GIVEN),
        (OTHER, "26.6.4", OTHER, Origin.GIVEN),
    ],
)
def test_what_is_named_counts_before_what_the_server_shows(
    given: str | None, configured: str | None, version: str, origin: Origin, tmp_path: Path
) -> None:
    with simulator(OLD) as server:
        found = table_of_server(given, settings(tmp_path, server.url, configured))
    assert (found.catalog.version, found.version, found.origin) == (version, version, origin)


@pytest.mark.parametrize("is_configured", [True, False])
def test_without_a_server_that_responds_the_newest_table_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_configured: bool
) -> None:
    found = table_of_server(None, settings(tmp_path, f"http://127.0.0.1:{free_port()}" if is_configured else None))
    assert (found.catalog.version, found.version, found.origin) == (catalog.default_version(), None, Origin.NEWEST)
    assert ("could not be detected" in capsys.readouterr().err) is is_configured


def test_the_audit_uses_the_table_of_the_configured_server(tmp_path: Path) -> None:
    record = recorded(tmp_path / "use")
    with simulator(OLD) as server:
        file = settings(tmp_path, server.url)
        assert run_json("audit", "--history", str(record), "--config", str(file))["keycloak"] == OLD
        assert run_json("audit", "--history", str(record), "--config", str(file), "--keycloak", OTHER)["keycloak"] == OTHER


def test_a_forecast_starts_from_the_version_of_the_configured_server(tmp_path: Path) -> None:
    record = recorded(tmp_path / "use")
    with simulator(OLD) as server:
        words = ("upgrade", "--to", "26.7.5", "--history", str(record), "--config", str(settings(tmp_path, server.url)))
        assert "From Keycloak 24.0.5 to 26.7.5" in run(*words).stdout


def test_a_forecast_from_nowhere_asks_for_the_version(tmp_path: Path) -> None:
    result = run("upgrade", "--to", "26.7.5", "--history", str(recorded(tmp_path / "use")))
    assert result.exit_code == Exit.USAGE
    assert "--from" in result.output
