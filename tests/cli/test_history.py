"""``kcproxy history migrate``, and ``--history`` with the URL of a database: messages, exit codes, and no password anywhere."""

import json
import sys
from pathlib import Path

import pytest

from devkit.ports import free_port
from devkit.postgres import Postgres
from kcproxy.catalog import catalog_for
from kcproxy.errors import SettingsError
from kcproxy.observe.setup import live_observer
from kcproxy.settings.load import load
from tests.cli.running import run

PASSWORD = {"PGPASSWORD": "secret"}


def plain(url: str) -> str:
    return url.replace(":secret@", "@")


def test_tables_are_made_once_and_a_role_gets_its_rights(postgres: Postgres, database: str) -> None:
    name = database.rpartition("/")[2]
    postgres.sql(f"CREATE ROLE app_{name}")
    done = run("history", "migrate", "--url", plain(database), "--grant", f"app_{name}", environ=PASSWORD)
    assert (done.exit_code, done.stdout) == (
        0,
        f"The tables are of version 1; 1 migration made. app_{name} has the rights of an instance.\n",
    )
    again = run("history", "migrate", "--url", plain(database), "--json", environ=PASSWORD)
    assert '"migrations": 0' in again.stdout
    assert postgres.sql(f"SELECT has_table_privilege('app_{name}', 'kcproxy.denials', 'DELETE')", database=name) == "t"


def test_the_database_of_the_settings_is_the_default(database: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    file = tmp_path / "kcproxy.toml"
    file.write_text(f'[history]\nurl = "{plain(database)}"\npassword_file = "{tmp_path}/password"\n')
    assert run("history", "migrate", "--config", str(file)).exit_code == 0


def test_statements_are_printed_for_people_who_run_them_themselves(postgres: Postgres, database: str) -> None:
    name = database.rpartition("/")[2]
    done = run("history", "migrate", "--sql", "--grant", "kcproxy")
    assert done.exit_code == 0
    postgres.sql(done.stdout, database=name)
    assert postgres.sql("SELECT version FROM kcproxy.version", database=name) == "1"


@pytest.mark.parametrize(
    "words",
    [
        ("history", "migrate", "--url", "postgresql://kcproxy:hunter2@localhost/kcproxy"),
        ("denials", "--history", "postgresql://kcproxy:hunter2@localhost/kcproxy"),
        ("audit", "--history", "postgresql://localhost/kcproxy?password=hunter2"),
        ("upgrade", "--from", "26.4.7", "--to", "26.7.5", "--history", "postgresql://:hunter2@localhost/kcproxy"),
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert "use PGPASSFILE or PGPASSWORD" in " ".join(done.output.split())
    assert "hunter2" not in done.output


def test_a_database_that_is_not_there_is_reported_with_a_remedy() -> None:
    done = run("denials", "--history", f"postgresql://kcproxy@127.0.0.1:{free_port()}/kcproxy")
    assert done.exit_code == 1
    assert "check host and port" in done.stderr


def test_a_database_without_tables_says_which_command_makes_them(database: str) -> None:
    done = run("denials", "--history", plain(database), environ=PASSWORD)
    assert (done.exit_code, "run kcproxy history migrate" in done.stderr) == (1, True)


def test_without_a_database_it_says_how_to_name_one() -> None:
    done = run("history", "migrate")
    assert (done.exit_code, "set history.url, or give --url URL" in " ".join(done.stderr.split())) == (2, True)


def test_a_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "denials").touch()
    done = run("history", "migrate", "--url", str(tmp_path / "denials"))
    assert (done.exit_code, "--url is the URL of a database" in done.stderr) == (2, True)


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("asyncpg", "kcproxy.observe.shared"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)


def test_without_the_extra_a_proxy_does_not_start_and_says_what_to_install(without_the_extra: None) -> None:
    settings = load(None, {"KCPROXY_UPSTREAM": "http://localhost:8080", "KCPROXY_HISTORY__URL": "postgresql://localhost/kcproxy"}, {})
    with pytest.raises(SettingsError) as caught:
        live_observer(settings, catalog_for(None))
    says = (
        "history.url needs the client of PostgreSQL, which is not installed (asyncpg); pip install '.[postgresql]' in a checkout of kcproxy"
    )
    assert caught.value.problems == (says,)


def test_without_the_extra_every_command_says_what_to_install(without_the_extra: None) -> None:
    for words in (("denials", "--history"), ("audit", "--history"), ("history", "migrate", "--url")):
        done = run(*words, "postgresql://localhost/kcproxy")
        assert done.exit_code == 1
        assert "the client of PostgreSQL is not installed (asyncpg); pip install '.[postgresql]' in a checkout of kcproxy" in done.stderr


def test_check_reports_the_database(database: str) -> None:
    environ = {"KCPROXY_UPSTREAM": f"http://127.0.0.1:{free_port()}", "KCPROXY_HISTORY__URL": database}
    for password, ok, says in (
        ("secret", True, "the database responds without TLS; it has no tables yet"),
        ("wrong", False, "refuses user"),
    ):
        given = {**environ, "KCPROXY_HISTORY__URL": database.replace(":secret@", f":{password}@")}
        done = run("check", "--json", environ=given)
        (finding,) = [each for each in json.loads(done.stdout)["findings"] if each["what"] == "history.url"]
        assert (finding["ok"], says in finding["says"]) == (ok, True), finding
        assert "wrong" not in done.output
