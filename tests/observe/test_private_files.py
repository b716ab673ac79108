"""Files that the program writes: for their owner only from the first moment, tightened, and never through a link."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kcproxy.catalog import default_version, load
from kcproxy.errors import SettingsError
from kcproxy.observe.denials.history import History
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.private_files import is_same, make_private
from kcproxy.observe.setup import live_observer
from kcproxy.settings import HistorySettings, LogSettings, Settings, UpstreamSettings
from tests.observe.test_denial_history import denial

BESIDE = ("", "-wal", "-shm")
UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=8080)


def modes(path: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for ending in BESIDE if (file := path.with_name(path.name + ending)).exists()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_history_is_for_its_owner_only_with_any_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "h.sqlite"
    before = os.umask(umask)
    try:
        history = History(path)
        history.add(denial(1))
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("SELECT count(*) FROM denials").fetchone()
            assert all(path.with_name(path.name + ending).exists() for ending in BESIDE)
            assert modes(path) == {0o600}
        history.close()
    finally:
        os.umask(before)
    assert history.tightened == ()


def test_a_readable_history_and_its_companions_lose_the_permissions_of_others(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    History(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM denials").fetchone()
        for ending in BESIDE:
            path.with_name(path.name + ending).chmod(0o666)
        history = History(path)
        assert modes(path) == {0o600}
        assert history.tightened == tuple(path.with_name(path.name + ending) for ending in BESIDE)
        history.add(denial(1))
        history.close()
    assert modes(path) == {0o600}
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM denials").fetchone() == (1,)


def test_that_it_was_tightened_is_in_the_log(tmp_path: Path) -> None:
    path, written = tmp_path / "h.sqlite", tmp_path / "log"
    path.touch(0o644)
    path.chmod(0o644)
    settings = Settings(upstream=UPSTREAM, history=HistorySettings(path=path))
    with written.open("wb") as out:
        observer = live_observer(settings, load(default_version()), log=Log(LogSettings(), sink=LogWriter(out.fileno())))
        observer.close()
    assert f'"history_tightened","files":["{path}"]' in written.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o644)
    os.chown(path, 54321, -1)
    assert make_private(path, create=True)[1] is False
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("ending", [*BESIDE, "-journal"])
@pytest.mark.parametrize("there", [True, False])
def test_no_link_is_followed(tmp_path: Path, ending: str, *, there: bool) -> None:
    target = tmp_path / "elsewhere"
    if there:
        target.write_text("precious")
        target.chmod(0o644)
    path = tmp_path / "h.sqlite"
    path.with_name(path.name + ending).symlink_to(target)
    with pytest.raises(SettingsError, match=rf"history\.path = '.*h\.sqlite{ending}': it is a symbolic link, which the proxy"):
        live_observer(Settings(upstream=UPSTREAM, history=HistorySettings(path=path)), load(default_version()))
    assert target.exists() is there
    if there:
        assert (target.read_text(), target.stat().st_mode & 0o777) == ("precious", 0o644)


def test_a_named_pipe_or_a_directory_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, said in (("pipe", "not a regular file"), ("folder", "directory")):
        with pytest.raises(OSError, match=said):
            make_private(tmp_path / name, create=True)


def test_a_file_that_was_replaced_meanwhile_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    history = History(path)
    path.rename(tmp_path / "away")
    (tmp_path / "elsewhere").touch()
    path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="another file has replaced it"):
        history.load()
    history.close()
    assert (tmp_path / "elsewhere").stat().st_size == 0


def test_whether_a_path_leads_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    identity, _ = make_private(path, create=True)
    assert identity is not None
    assert is_same(path, identity)
    path.rename(tmp_path / "away")
    assert not is_same(path, identity)
    path.symlink_to("away")
    assert not is_same(path, identity)
    assert make_private(tmp_path / "none", create=False) == (None, False)
