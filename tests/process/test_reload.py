"""When a change of files is a change: once for each, when they have come to rest, however they are written."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kcproxy.errors import SettingsError
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.process.reload import WatchedFiles
from kcproxy.process.serve import Process
from kcproxy.settings import LogSettings, Settings, UpstreamSettings
from kcproxy.settings.file_stamps import stamp
from tests.deploy.mounted import Mounted

LOOK_SECONDS = 0.04
SETTINGS = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=8080))


@dataclass
class Watching:
    """What is watched, and how often a change was reported."""

    watched: WatchedFiles
    changes: list[int] = field(default_factory=list)

    def changed(self) -> None:
        self.changes.append(1)

    async def reported(self, seconds: float = 10 * LOOK_SECONDS) -> int:
        """How many changes were reported within a while."""
        await asyncio.sleep(seconds)
        count = len(self.changes)
        self.changes.clear()
        return count


@asynccontextmanager
async def watching(*files: Path, read: Callable[[Watching], None] | None = None) -> AsyncIterator[Watching]:
    here = Watching(WatchedFiles(lambda _: files, SETTINGS))

    def changed() -> None:
        here.changed()
        if read is not None:
            read(here)

    task = asyncio.create_task(here.watched.watch(changed, look_seconds=LOOK_SECONDS))
    try:
        yield here
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def rewritten(file: Path) -> None:
    file.write_text("other")


def renamed(file: Path) -> None:
    file.with_name("new").write_text("other")
    file.with_name("new").replace(file)


def moved_away_and_written(file: Path) -> None:
    file.rename(file.with_name("backup"))
    file.write_text("other")


def same_size_and_time(file: Path) -> None:
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text("FIRST")
    os.utime(file, ns=times)


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [rewritten, renamed, moved_away_and_written, same_size_and_time, removed])
async def test_each_way_to_change_a_file_is_reported_once(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "file"
    file.write_text("first")
    async with watching(file) as here:
        assert await here.reported() == 0
        change(file)
        assert await here.reported() == 1
        assert await here.reported() == 0


async def test_a_swapped_folder_of_kubernetes_is_reported_once_for_all_its_files(tmp_path: Path) -> None:
    mounted = Mounted(tmp_path / "mounted", {"a": "1", "b": "1"})
    async with watching(mounted / "a", mounted / "b") as here:
        mounted.swap({"a": "1", "b": "1"})
        assert await here.reported() == 1


async def test_a_file_that_is_written_in_pieces_is_reported_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("first")
    seen: list[str] = []
    async with watching(file, read=lambda _: seen.append(file.read_text())) as here:
        with file.open("w") as out:
            for piece in range(8):
                out.write(f"{piece}")
                out.flush()
                await asyncio.sleep(LOOK_SECONDS * 0.8)
        assert await here.reported() == 1
    assert seen == ["01234567"]


async def test_a_file_that_never_rests_is_read_nevertheless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.process.reload.LONGEST_UNREST_SECONDS", LOOK_SECONDS * 4)
    file = tmp_path / "file"
    file.write_text("first")
    async with watching(file) as here:
        for number in range(40):
            file.write_text(f"{number}")
            await asyncio.sleep(LOOK_SECONDS / 2)
        assert await here.reported(0) >= 2


async def test_what_was_read_for_another_reason_is_no_change_any_more(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("first")
    async with watching(file) as here:
        file.write_text("other")
        here.watched.reading()  # SIGHUP comes with the edit
        assert await here.reported() == 0


async def test_other_settings_have_other_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    files = [one]
    here = Watching(WatchedFiles(lambda _: tuple(files), SETTINGS))
    task = asyncio.create_task(here.watched.watch(here.changed, look_seconds=LOOK_SECONDS))
    files[:] = [other]
    here.watched.follow(SETTINGS)
    one.write_text("x")
    assert await here.reported() == 0
    other.write_text("x")
    assert await here.reported() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_stamp_is_that_of_the_target_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to("a")
    assert stamp(tmp_path / "link") == stamp(tmp_path / "a") is not None
    assert stamp(tmp_path / "none") is None


async def test_one_edit_that_is_seen_as_several_changes_is_refused_once() -> None:
    problems = ["a = 1: no such setting"]

    def again() -> Settings:
        raise SettingsError(list(problems))

    process = Process(SETTINGS, reload=again)
    process.observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())

    def refused() -> float | None:
        return process.observer.metrics.registry.get_sample_value("kcproxy_config_reloads_total", {"outcome": "refused"})

    for _ in range(2):
        process.reload(is_change=True)
    assert refused() == 1
    problems.append("b = 1: no such setting")
    process.reload(is_change=True)
    assert refused() == 2
    process.reload()  # a signal is always answered
    assert refused() == 3
    process.observer.close()
