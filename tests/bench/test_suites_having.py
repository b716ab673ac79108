"""Getting tests from a clone, or a clear error; replacing texts only if they exist; limiting the time of a run."""

import smtplib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.suites import gocloak, javascript
from bench.suites.having import NotHad, asked, checked_out, once
from bench.suites.kept import keep, kept
from bench.suites.outcome import Found, Outcome
from bench.suites.stage import mail_taken
from bench.suites.suite import Place, RunBroken, report_of, run_bounded

PLACE = Place(url="http://localhost:1", keycloak_url="http://localhost:2", username="root", password="p", mail_port=3)


def test_a_clone_gives_the_files_of_the_tag(tmp_path: Path) -> None:
    clone = tmp_path / "clones" / "library"
    clone.mkdir(parents=True)
    (clone / "tests.py").write_text("old")
    name = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for arguments in (["init", "-q"], ["add", "tests.py"], [*name, "commit", "-q", "-m", "x"], ["tag", "v1"]):
        subprocess.run(["git", *arguments], cwd=clone, check=True)
    (clone / "tests.py").write_text("new")
    checked_out("owner/library", "v1", clones=tmp_path / "clones", target=tmp_path / "target")
    assert (tmp_path / "target" / "tests.py").read_text() == "old"


def test_a_clone_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotHad, match="a clone library in the folder of clones at v1 could not be had: `git clone"):
        checked_out("owner/library", "v1", clones=tmp_path, target=tmp_path / "target")


def test_a_program_that_is_not_installed_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotHad, match="no-such-program is not installed"):
        asked(["no-such-program"], folder=tmp_path)


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(NotHad, match="failed and said: no such thing"):
        asked([sys.executable, "-c", "import sys; sys.exit('no such thing')"], folder=tmp_path)


def test_work_is_done_once_for_each_content(tmp_path: Path) -> None:
    folder, done = tmp_path / "suite", []
    for content in ("1", "1", "2"):
        once(folder, content, lambda: done.append(1))
    assert len(done) == 2


def test_failed_work_is_repeated(tmp_path: Path) -> None:
    def fail() -> None:
        (tmp_path / "suite" / "half").write_text("")
        raise NotHad("no")

    with pytest.raises(NotHad):
        once(tmp_path / "suite", "1", fail)
    once(tmp_path / "suite", "1", lambda: None)
    assert not (tmp_path / "suite" / "half").exists()


def test_an_address_is_replaced_only_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "constants.js"
    file.write_text(f'export const defaultBaseUrl = "{javascript.DEFAULT_ADDRESS}";')
    javascript.replaced(file, javascript.DEFAULT_ADDRESS, PLACE.url)
    assert PLACE.url in file.read_text()
    with pytest.raises(ValueError, match=r"is not in constants\.js"):
        javascript.replaced(file, javascript.DEFAULT_ADDRESS, PLACE.url)


def test_gocloaks_own_settings_get_our_address_and_administrator(tmp_path: Path) -> None:
    (tmp_path / "module/testdata").mkdir(parents=True)
    (tmp_path / "module/testdata/config.json").write_text('{"hostname": "http://x", "admin": {}, "gocloak": {"realm": "gocloak"}}')
    assert gocloak.configuration(tmp_path, PLACE) == {
        "hostname": PLACE.url,
        "admin": {"username": "root", "password": "p", "realm": "master"},
        "gocloak": {"realm": "gocloak"},
    }


def test_a_runner_that_never_ends_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RunBroken, match="did not end within 1 s"):
        run_bounded(["sh", "-c", "sleep 60 & sleep 60"], folder=tmp_path, environment={}, log=tmp_path / "log", seconds=1)
    assert time.monotonic() - began < 20


def test_a_runner_that_ran_no_test_is_quoted(tmp_path: Path) -> None:
    printed = run_bounded(["sh", "-c", "echo no module >&2"], folder=tmp_path, environment={}, log=tmp_path / "log")
    with pytest.raises(RunBroken, match="no test ran: no module"):
        report_of({}, log=tmp_path / "log", printed=printed)


def test_what_was_found_is_kept(tmp_path: Path) -> None:
    found = Found(direct=({"a": Outcome.PASSED},), proxied=({"a": Outcome.FAILED},), preserving=({"a": Outcome.PASSED},))
    keep("x", found, folder=tmp_path)
    assert kept("x", folder=tmp_path) == found
    assert kept("y", folder=tmp_path) is None


def test_mail_is_taken_while_a_suite_runs() -> None:
    with mail_taken() as port, smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        assert client.sendmail("a@example.com", ["b@example.com"], "Subject: x\n\nbody") == {}
