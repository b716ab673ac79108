"""Pending files: what waits is in them, what is settled is not, and only files of processes that are gone are taken over."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.observe.denials import pending as module
from kcproxy.observe.denials.pending import PendingFiles, PendingPlace
from kcproxy.observe.denials.pending_lines import Item, key_of, line_of, unwritten, written_line
from kcproxy.observe.denials.records import Resolution, Stored

NAME = "waiting-"
seconds = st.floats(0, 1e11)
documents = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
names = st.text(st.characters(codec="utf-8"))
denials = st.builds(
    Stored,
    id=names,
    at=seconds,
    group=names,
    verified=st.booleans(),
    document=documents.map(lambda value: json.dumps(value).encode()),
    instance=names.filter(bool),
    why=names,
)
items = st.lists(denials | st.builds(Resolution, group=names, at=seconds), max_size=8, unique_by=key_of)


def denial(number: int, *, more: int = 0) -> Stored:
    return Stored(id=f"d-{number}", at=float(number), group="g", verified=True, document=b'"%b"' % (b"x" * more), why="role-missing")


def files(folder: Path, **changes: Any) -> PendingFiles:
    return PendingFiles(PendingPlace(folder=folder, prefix=NAME), instance="one", **changes)


def contents(folder: Path) -> list[Item]:
    return [item for path in sorted(folder.glob(f"{NAME}*")) for item in unwritten(path.read_bytes()).items]


def ids(given: Sequence[Item]) -> list[str]:
    return sorted(item.id for item in given if isinstance(item, Stored))


@given(items)
def test_what_is_written_is_read_back(given_items: list[Item]) -> None:
    found = unwritten(b"".join(line_of(item, "another") for item in given_items))
    assert (list(found.items), found.damaged) == (given_items, 0)


@given(items, st.data())
def test_of_a_file_that_is_cut_off_all_complete_lines_are_read(given_items: list[Item], data: st.DataObject) -> None:
    lines = [line_of(item, "another") for item in given_items]
    text = b"".join(lines)
    end = data.draw(st.integers(0, len(text)))
    complete = [item for number, item in enumerate(given_items) if sum(map(len, lines[: number + 1])) <= end + 1]  # without a line break
    found = unwritten(text[:end])
    assert list(found.items) == complete
    assert found.damaged <= 1


@given(items.filter(bool), st.data())
def test_a_damaged_line_is_counted_and_the_others_are_read(given_items: list[Item], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(given_items) - 1))
    lines = [bytearray(line_of(item, "another")) for item in given_items]
    place = data.draw(st.integers(0, len(lines[number]) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda value: value not in {lines[number][place], 10}))
    lines[number][place] = other
    found = unwritten(b"".join(lines))
    assert (list(found.items), found.damaged) == ([*given_items[:number], *given_items[number + 1 :]], 1)


@given(st.binary())
def test_anything_else_is_damaged_and_no_error(data: bytes) -> None:
    found = unwritten(data)
    assert found.items == ()
    assert found.damaged == sum(map(bool, data.split(b"\n")))


@given(items, st.sets(st.integers(0, 7)))
def test_what_the_history_has_is_not_read(given_items: list[Item], chosen: set[int]) -> None:
    written = [key_of(item) for number, item in enumerate(given_items) if number in chosen]
    found = unwritten(b"".join(line_of(item, "another") for item in given_items) + written_line(written))
    assert list(found.items) == [item for number, item in enumerate(given_items) if number not in chosen]


def test_an_item_is_in_a_file_until_it_is_settled(tmp_path: Path) -> None:
    pending = files(tmp_path)
    for number in range(3):
        pending.append(denial(number))
    pending.append(Resolution(group="g", at=7.0))
    pending.append(denial(1))  # it is there
    assert ids(contents(tmp_path)) == ["d-0", "d-1", "d-2"]
    pending.settle(["d-0", "d-2", "unknown"])
    assert ids(contents(tmp_path)) == ["d-1"]
    pending.settle(["d-1", key_of(Resolution(group="g", at=7.0))])
    assert contents(tmp_path) == []
    pending.append(denial(4))
    assert ids(contents(tmp_path)) == ["d-4"]
    assert len(list(tmp_path.iterdir())) == 1  # the emptied file is used again
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_files_that_are_no_longer_needed_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1000)
    pending = files(tmp_path)
    for number in range(30):
        pending.append(denial(number, more=400))
    assert len(list(tmp_path.iterdir())) == 10
    pending.settle([f"d-{number}" for number in range(29)])
    assert ids(contents(tmp_path)) == ["d-29"]
    assert len(list(tmp_path.iterdir())) <= 2
    pending.settle(["d-29"])
    pending.close()
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_bounded_and_room_is_free_again(tmp_path: Path) -> None:
    failures, back = list[str](), list[int]()
    pending = files(tmp_path, max_bytes=2 << 20, on_failure=failures.append, on_back=back.append)
    for number in range(30):
        pending.append(denial(number, more=100_000))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 << 20
    assert ids(contents(tmp_path)) == ids([denial(number) for number in range(20)])
    assert failures == [f"{tmp_path}: the pending files have 2 MiB, which is their largest size"]
    pending.settle([f"d-{number}" for number in range(20)])
    pending.append(denial(99))
    assert "d-99" in pending
    assert back == [10]


def test_the_files_of_dead_processes_count_for_the_bound(tmp_path: Path) -> None:
    files(tmp_path).append(denial(1, more=1 << 20))  # its descriptor is closed with the object's process; here:
    release(tmp_path)
    pending = files(tmp_path, max_bytes=(1 << 20) + 1000)
    pending.take_over()
    pending.append(denial(2, more=2000))
    assert "d-2" not in pending
    pending.remove(pending.leftovers[0])
    pending.append(denial(2, more=2000))
    assert "d-2" in pending


def release(folder: Path) -> None:
    """Close this process's descriptors of the files, as its end would."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            is_one = entry.readlink().parent == folder
        except OSError:
            continue
        if is_one:
            os.close(int(entry.name))


CHILD = """
import sys
from pathlib import Path
from kcproxy.observe.denials.pending import PendingFiles, PendingPlace
from kcproxy.observe.denials.records import Stored
pending = PendingFiles(PendingPlace(folder=Path(sys.argv[1]), prefix=sys.argv[2]), instance="child")
for number in range(int(sys.argv[3])):
    pending.append(Stored(id=f"c-{number}", at=1.5, group="g", verified=True, document=b"{}", why="role-missing"))
print("written", flush=True)
sys.stdin.readline()
"""


@contextmanager
def child(folder: Path, count: int = 3) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with pending files."""
    command = [sys.executable, "-c", CHILD, str(folder), NAME, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_file_of_a_live_process_is_left_alone_and_that_of_a_killed_one_taken(tmp_path: Path) -> None:
    pending = files(tmp_path)
    with child(tmp_path) as process:
        pending.take_over()
        assert pending.leftovers == []
        assert ids(contents(tmp_path)) == ["c-0", "c-1", "c-2"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        pending.take_over()
    (leftover,) = pending.leftovers
    found = pending.read(leftover)
    assert found is not None
    assert {item.instance for item in found.items if isinstance(item, Stored)} == {"child"}
    another = files(tmp_path)
    another.take_over()
    assert another.leftovers == []  # the first one has it
    pending.remove(leftover)
    assert list(tmp_path.iterdir()) == []


def test_processes_that_begin_and_end_at_once_lose_and_share_nothing(tmp_path: Path) -> None:
    """Each takes what is free while others create and remove files. Every item is in the end found once."""
    taken: list[str] = []
    ends_at = time.monotonic() + 1.5

    def live(name: int) -> None:
        number = 0
        while time.monotonic() < ends_at:
            pending = files(tmp_path)
            pending.take_over()
            for leftover in tuple(pending.leftovers):
                found = pending.read(leftover)
                assert found is not None
                taken.extend(ids(found.items))
                pending.remove(leftover)
            pending.append(Stored(id=f"{name}-{number}", at=1.0, group="g", verified=True, document=b"{}"))
            number += 1
            pending.close()
        counts[name] = number

    counts: dict[int, int] = {}
    threads = [threading.Thread(target=live, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(f"{name}-{number}" for name, count in counts.items() for number in range(count))
    assert sorted([*taken, *ids(contents(tmp_path))]) == expected


def fails(code: int) -> Callable[..., int]:
    def call(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_takes_nothing_is_reported_once_and_so_is_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failures, back = list[str](), list[int]()
    pending = files(tmp_path, on_failure=failures.append, on_back=back.append)
    pending.append(denial(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fails(code))
        for number in range(1, 5):
            pending.append(denial(number))
    pending.append(denial(5))
    assert failures == [f"{tmp_path}: {os.strerror(code)}"]
    assert back == [4]
    assert ids(contents(tmp_path)) == ["d-0", "d-5"]


@pytest.mark.parametrize("can_truncate", [True, False])
def test_half_a_line_that_a_full_disk_has_taken_does_not_damage_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_truncate: bool
) -> None:
    pending, write = files(tmp_path), os.write
    pending.append(denial(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:30]))
        if not can_truncate:
            patch.setattr(os, "ftruncate", fails(errno.EIO))
        pending.append(denial(1))
        assert "d-1" not in pending
    pending.append(denial(2))
    assert ids(contents(tmp_path)) == ["d-0", "d-2"]
    (path,) = tmp_path.iterdir()
    assert unwritten(path.read_bytes()).damaged == int(not can_truncate)


def test_a_really_full_disk_is_no_error(tmp_path: Path) -> None:
    """A limit of the process on the size of files (RLIMIT_FSIZE) cuts a line in half, as a full disk does."""
    script = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" + CHILD + "\nprint(sum(f'c-{n}' in pending for n in range(20)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), NAME, "20"], input=b"\n", capture_output=True, check=True)
    kept = int(done.stdout.split()[-1])
    assert 5 < kept < 20
    assert len(contents(tmp_path)) == kept
    assert [unwritten(path.read_bytes()).damaged for path in tmp_path.iterdir()] == [0]


def test_a_missing_folder_is_reported_and_used_when_it_is_there(tmp_path: Path) -> None:
    failures = list[str]()
    pending = files(tmp_path / "later", on_failure=failures.append)
    pending.append(denial(1))
    assert failures == [f"{tmp_path / 'later'}: No such file or directory"]
    (tmp_path / "later").mkdir()
    pending.append(denial(2))
    assert ids(contents(tmp_path / "later")) == ["d-2"]


def test_a_folder_without_rights_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = list[str]()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fails(errno.EACCES))
        files(tmp_path, on_failure=failures.append).append(denial(1))
    assert failures == [f"{tmp_path}: Permission denied"]


def test_a_system_without_locks_keeps_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = list[str]()
    monkeypatch.setattr(fcntl, "flock", fails(errno.ENOLCK))
    pending = files(tmp_path, on_failure=failures.append)
    for number in range(3):
        pending.append(denial(number))
    assert failures == [f"{tmp_path}: No locks available"]
    assert list(tmp_path.iterdir()) == []


def test_a_slow_disk_is_left_alone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.0)
    failures = list[str]()
    pending = files(tmp_path, on_failure=failures.append)
    pending.append(denial(1))
    pending.append(denial(2))
    assert ids(contents(tmp_path)) == ["d-1"]
    assert failures == [f"{tmp_path}: the disk is too slow"]
    monkeypatch.setattr(module, "SLOW_SECONDS", 1e9)
    monkeypatch.setattr(pending, "_paused_until", 0.0)
    pending.append(denial(3))
    assert ids(contents(tmp_path)) == ["d-1", "d-3"]


def test_links_and_other_files_are_not_followed_but_reported(tmp_path: Path) -> None:
    target, failures = tmp_path / "target", list[str]()
    target.write_bytes(line_of(denial(1), "one"))
    (tmp_path / f"{NAME}a").symlink_to(target)
    os.mkfifo(tmp_path / f"{NAME}b")
    (tmp_path / f"{NAME}c").mkdir()
    pending = files(tmp_path, on_failure=failures.append)
    pending.take_over()
    assert pending.leftovers == []
    assert len(failures) == 3
    assert "symbolic link" in failures[0]
    assert "not a regular file" in failures[1]
    assert target.read_bytes() == line_of(denial(1), "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    failures, planted = list[str](), tmp_path / f"{NAME}a"
    planted.write_bytes(line_of(denial(1), "one"))
    os.chown(planted, 54321, -1)
    pending = files(tmp_path, on_failure=failures.append)
    pending.take_over()
    assert pending.leftovers == []
    assert failures == [f"{planted}: it belongs to another user"]


def test_a_file_that_others_could_read_loses_their_permissions(tmp_path: Path) -> None:
    left = tmp_path / f"{NAME}a"
    left.write_bytes(line_of(denial(1), "one"))
    left.chmod(0o666)
    files(tmp_path).take_over()
    assert left.stat().st_mode & 0o777 == 0o600


def test_a_file_that_something_has_deleted_is_not_used_again(tmp_path: Path) -> None:
    pending = files(tmp_path)
    pending.append(denial(1))
    for path in tmp_path.iterdir():
        path.unlink()
    pending.settle(["d-1"])
    pending.append(denial(2))
    assert ids(contents(tmp_path)) == ["d-2"]
