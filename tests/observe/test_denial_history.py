"""The history file when things go wrong: damage, another's lock, a disk that is too slow, documents that are too large."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kcproxy.observe.denials import history
from kcproxy.observe.denials.document import stored as document_of
from kcproxy.observe.denials.history import History, read
from kcproxy.observe.denials.records import Stored
from kcproxy.observe.denials.store import DenialStore
from tests.observe.samples import caller, explanation, record


def denial(number: int, *, bytes_more: int = 0, verified: bool = True) -> Stored:
    document = json.loads(document_of(explanation(f"d-{number}"), record(), 1_700_000_000.0 + number))
    document["path"] = "/" + "x" * bytes_more
    group = f"{number:016x}"
    return Stored(id=f"d-{number}", at=float(number), group=group, verified=verified, document=json.dumps(document).encode())


def filled(path: Path, count: int) -> None:
    store = DenialStore(1000, history=History(path))
    for number in range(count):
        store.add(explanation(f"d-{number}", caller=caller(f"c-{number}")), record())
    store.close()


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def test_a_damaged_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    filled(path, 200)
    data = bytearray(path.read_bytes())
    for place in range(8192, len(data) - 4096, 4096):
        data[place : place + 200] = os.urandom(200)
    path.write_bytes(data)
    with pytest.raises(sqlite3.DatabaseError, match=r"h\.sqlite is damaged .* move the file away"):
        History(path)


@pytest.mark.parametrize("worth", [b"{}", b"nonsense", b"\xff\xfe", "text", None, b'{"id": 1}', b"[]", b"[" * 100_000])
def test_what_is_no_denial_is_left_out_and_counted_and_the_others_are_there(tmp_path: Path, worth: object) -> None:
    path, lost = tmp_path / "h.sqlite", list[int]()
    filled(path, 3)
    with changing(path) as connection:
        connection.execute("UPDATE denials SET document = ? WHERE number = 2", ("" if worth is None else worth,))
    found = History(path, on_drop=lost.append)
    assert [stored.id for stored in found.load()] == ["d-0", "d-2"]
    found.close()
    assert lost == [1]


@pytest.mark.parametrize("change", ["at = 'yesterday'", "id = x'00'", "fingerprint = x'07'"])
def test_a_row_with_a_value_of_another_kind_is_left_out(tmp_path: Path, change: str) -> None:
    path = tmp_path / "h.sqlite"
    filled(path, 3)
    with changing(path) as connection:
        connection.execute(f"UPDATE denials SET {change} WHERE number = 1")
    with closing(sqlite3.connect(path)) as connection:
        assert [stored.id for stored in read(connection, 10)] == ["d-1", "d-2"]


def test_the_file_is_bounded_in_bytes_and_strangers_have_a_quarter_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 400_000)
    path = tmp_path / "h.sqlite"
    found = History(path, 1000)
    for number in range(300):
        found.add(denial(number, bytes_more=10_000, verified=number % 3 == 0))
    found.close()
    with closing(sqlite3.connect(path)) as connection:
        kept = read(connection, 1000)
    strangers = [stored for stored in kept if not stored.verified]
    assert 200_000 < sum(stored.size for stored in kept) <= 400_000
    assert 50_000 < sum(stored.size for stored in strangers) <= 100_000
    assert kept[-1].id == "d-299"


def test_a_file_that_was_larger_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.sqlite"
    filled(path, 100)
    monkeypatch.setattr(history, "MAX_BYTES", 100_000)
    found = History(path, 1000)
    found.add(denial(1000))
    found.close()
    with closing(sqlite3.connect(path)) as connection:
        kept = read(connection, 1000)
    assert sum(stored.size for stored in kept) <= 100_000
    assert kept[-1].id == "d-1000"


def test_a_hanging_disk_delays_nothing_and_takes_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_WAITING_BYTES", 200_000)
    monkeypatch.setattr(history, "CLOSE_SECONDS", 0.5)
    path, lost = tmp_path / "h.sqlite", list[int]()
    found = History(path, 1000, on_drop=lost.append)
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        for number in range(2000):
            found.add(denial(number, bytes_more=1000))
        assert sum(lost) > 1000
        found.close()
        assert time.monotonic() - began < 15  # without a limit, closing would wait for as long as the disk hangs
        another.execute("ROLLBACK")
    found._thread.join(10)


def test_room_that_has_been_written_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_WAITING_BYTES", 20_000)
    lost = list[int]()
    found = History(tmp_path / "h.sqlite", 1000, on_drop=lost.append)
    for number in range(3):
        found.add(denial(number, bytes_more=10_000))
        ends_at = time.monotonic() + 5
        while found.waiting_bytes and time.monotonic() < ends_at:
            time.sleep(0.01)
    found.close()
    assert lost == []


def test_who_wants_no_denials_kept_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    store = DenialStore(0, history=History(path, 0))
    fingerprints = {store.add(explanation(f"d-{status}", status=status), record()) for status in (401, 403)}
    assert (len(store), store.bytes, list(store.groups()), [store.group(name) for name in fingerprints]) == (0, 0, [], [None, None])
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert read(connection, 10) == []


@pytest.mark.parametrize("max_denials", [1, 2, 3])
def test_of_very_few_a_stranger_gets_one(max_denials: int) -> None:
    store = DenialStore(max_denials)
    for number in range(5):
        store.add(explanation(f"a-{number}", status=401), record())
    assert len(store) == 1
