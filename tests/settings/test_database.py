"""The URL of the shared database: what is accepted, where a password may be, and that none is shown."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.settings.database import database_url, has_password, is_database_url
from kcproxy.settings.show import shown
from tests.cli.running import run
from tests.settings.reading import UPSTREAM, config, problems, read, secret_file

PASSWORD = "hunter2-and-more"
PLAIN = "postgresql://kcproxy@db.example.com/kcproxy"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://db/kcproxy", "is not a URL such as postgresql://"),
        ("denials.sqlite", "is not a URL such as postgresql://"),
        ("postgresql://db.example.com", "it names no database"),
        ("postgresql://db.example.com/a/b", "it names no database"),
        ("postgresql:///kcproxy", "it has no host"),
        (f"{PLAIN}?timeout=3", "the proxy does not know its parameter 'timeout'; known are host, port, sslcert"),
        (f"{PLAIN}?sslmode=strict", "sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full"),
        (f"{PLAIN}?sslpassword=x", "sslpassword is not supported"),
        (f"{PLAIN}#1", "it has a fragment"),
        ("postgresql://db.example.com/kc proxy", "whitespace"),
        ("postgresql://[::1/kcproxy", "is not a URL such as postgresql://"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, said: str) -> None:
    (found,) = problems(environ={**UPSTREAM, "KCPROXY_HISTORY__URL": url})
    assert found.startswith("KCPROXY_HISTORY__URL: ")
    assert said in found


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://kcproxy:{PASSWORD}@db.example.com/kcproxy",
        f"postgres://kcproxy:{PASSWORD}@db.example.com/kcproxy",
        f"{PLAIN}?password={PASSWORD}",
        f"postgresql://:{PASSWORD}@db.example.com/kcproxy?sslmode=verify-full",
        f"postgresql://kcproxy:{PASSWORD}@/nothing-else",
    ],
)
def test_a_password_in_a_file_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    found = problems(config(tmp_path, f'upstream = "http://localhost:8080"\n[history]\nurl = "{url}"\n'))
    remedy = "put it into a file of its own (mode 600), set history.password_file to that file, and change the password"
    assert any(f"history.url contains a password, which does not belong into a configuration file; {remedy}" in each for each in found)
    assert PASSWORD not in "".join(found)


@pytest.mark.parametrize("url", [f"postgresql://kcproxy:{PASSWORD}@db.example.com/kcproxy", f"{PLAIN}?password={PASSWORD}"])
def test_a_password_in_the_environment_is_used_and_never_shown(url: str) -> None:
    settings = read(environ={**UPSTREAM, "KCPROXY_HISTORY__URL": url})
    assert settings.history.url is not None
    assert settings.history.url.password is not None
    assert settings.history.url.password.reveal() == PASSWORD
    assert str(settings.history.url) == PLAIN
    assert PASSWORD not in "".join(each.line for each in shown(settings)) + repr(settings)
    printed = run("check", "--print", "--offline", environ={**UPSTREAM, "KCPROXY_HISTORY__URL": url})
    assert PLAIN in printed.output
    assert PASSWORD not in printed.output


def test_a_password_has_one_place(tmp_path: Path) -> None:
    file = secret_file(tmp_path)
    environ = {**UPSTREAM, "KCPROXY_HISTORY__URL": f"postgresql://u:{PASSWORD}@h/d", "KCPROXY_HISTORY__PASSWORD_FILE": str(file)}
    (found,) = problems(environ=environ)
    assert "history.url contains a password, and history.password_file is given; keep one of them" in found


def test_denials_have_one_place(tmp_path: Path) -> None:
    text = f'upstream = "http://localhost:8080"\n[history]\nurl = "{PLAIN}"\npath = "{tmp_path}/denials"\n[fleet]\npeers = ["other:9180"]\n'
    found = "\n".join(problems(config(tmp_path, text)))
    assert "history.url and history.path are both given; keep one of them" in found
    assert "history.url and fleet.peers are both given" in found


def test_the_folder_of_pending_files_must_be_one_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {**UPSTREAM, "KCPROXY_HISTORY__URL": f"{PLAIN}?sslmode=verify-full"}
    missing, file = tmp_path / "missing", secret_file(tmp_path)
    for wrong in (missing, file):
        (found,) = problems(environ={**environ, "KCPROXY_HISTORY__PENDING_DIR": str(wrong)})
        assert found.endswith(f"history.pending_dir: there is no directory {wrong}; create it, or use another path")
    assert read(environ={**environ, "KCPROXY_HISTORY__PENDING_DIR": str(tmp_path)}).history.pending_dir == tmp_path
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = problems(environ={**environ, "KCPROXY_HISTORY__PENDING_DIR": str(tmp_path)})
    assert f"{tmp_path} cannot be written; let the proxy's user write to it" in found


def test_a_folder_in_which_everybody_can_replace_pending_files_is_noted(tmp_path: Path) -> None:
    environ = {**UPSTREAM, "KCPROXY_HISTORY__URL": f"{PLAIN}?sslmode=verify-full", "KCPROXY_HISTORY__PENDING_DIR": str(tmp_path)}
    assert read(environ=environ).notes == ()
    tmp_path.chmod(0o777)
    (note,) = read(environ=environ).notes
    assert "history.pending_dir: everybody on this machine can replace" in note


def test_a_folder_of_pending_files_without_a_database_is_noted(tmp_path: Path) -> None:
    environ = {**UPSTREAM, "KCPROXY_HISTORY__PENDING_DIR": str(tmp_path)}
    (note,) = read(environ=environ).notes
    assert "history.pending_dir has no effect without history.url; set history.url, or remove it" in note
    (note,) = read(environ={**environ, "KCPROXY_HISTORY__PATH": str(tmp_path / "denials")}).notes
    assert "remove it: the pending files of history.path are beside it" in note


@pytest.mark.parametrize(
    ("url", "noted"),
    [
        (PLAIN, True),
        (f"{PLAIN}?sslmode=require", True),
        (f"{PLAIN}?sslmode=verify-full", False),
        ("postgresql://kcproxy@127.0.0.1:5432/kcproxy", False),
        ("postgresql://kcproxy@localhost/kcproxy", False),
        ("postgresql://kcproxy@[::1]:5432/kcproxy", False),
        ("postgresql:///kcproxy?host=/var/run/postgresql", False),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/kcproxy", False),
        ("postgresql://kcproxy@localhost,db.example.com/kcproxy", True),
        ("postgresql://kcproxy@localhost/kcproxy?host=db.example.com", True),
    ],
)
def test_a_connection_whose_server_is_not_checked_is_noted(url: str, noted: bool) -> None:
    notes = read(environ={**UPSTREAM, "KCPROXY_HISTORY__URL": url}).notes
    assert any("so the proxy does not check which server" in note for note in notes) is noted


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="@/?#[]%", exclude_categories=["C", "Z"]), min_size=1))
def test_no_password_survives_in_the_text_of_a_url(password: str) -> None:
    url = f"postgresql://kcproxy:{password}@db.example.com/kcproxy"
    assert has_password(url)
    read_url = database_url(url)
    assert read_url.text == PLAIN
    assert read_url.password is not None
    assert read_url.password.reveal() == password


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_without_being_repeated(text: str) -> None:
    url = f"postgresql://{text}"
    assert is_database_url(url)
    try:
        found, said = database_url(url), ""
    except ValueError as refused:
        found, said = None, str(refused)
    assert len(text) < 12 or text not in said
    assert found is None or not has_password(found.text)
