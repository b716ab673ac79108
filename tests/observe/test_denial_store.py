"""The store of recent denials: grouping, bounds against a hostile caller, followers, and what survives a restart."""

import asyncio
import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from kcproxy.model import Answer, Caller, CallerKind, Cause
from kcproxy.observe.denials.course import HOURS, MAX_CHANGES
from kcproxy.observe.denials.history import History, read
from kcproxy.observe.denials.store import MAX_EXAMPLES, DenialStore
from kcproxy.observe.denials.subscriptions import MAX_AT_ONCE, MAX_CHANGED, MAX_SUBSCRIBERS, Subscriptions
from tests.observe.samples import REALM, USERNAME, caller, explanation, record, target


def store(max_denials: int = 100, **changes: object) -> DenialStore:
    return DenialStore(max_denials, **changes)  # type: ignore[arg-type]


def add(to: DenialStore, denial_id: str, **changes: object) -> str:
    return to.add(explanation(denial_id, **changes), record(status=403))


def groups(of: DenialStore) -> list[tuple[str, int]]:
    return [(group.summary()["who"], group.count) for group in of.groups()]


def test_a_denial_can_be_opened_by_its_id_with_all_that_is_known() -> None:
    found_in = store()
    add(found_in, "d-1")
    found = found_in.find("d-1")
    assert found is not None
    assert (found["who"], found["why"], found["status"]) == (USERNAME, "role-missing", 403)
    assert found["explanation"]["required"]["least"] == ["view-users"]
    assert found["explanation"]["fixes"][0]["kcadm"][0].endswith("--rolename view-users")
    assert found["sets"] == {
        "needed": [["view-users"], ["manage-users"]],
        "granted": ["query-users"],
        "inScope": ["query-users", "view-users"],
        "inToken": [],
    }


@pytest.mark.parametrize(
    "line",
    ["kcadm.sh " + "x" * 20_000, f"kcadm.sh --uusername {'password=abcdef'}", "kcadm.sh --uid eyJhbGciOiJub25lIn0.eyJhIjoxfQ."],
    ids=["long", "like a password", "like a token"],
)
def test_a_command_is_kept_whole_or_not_at_all(line: str) -> None:
    found_in = store()
    fixed = replace(explanation().fixes[0], kcadm=("kcadm.sh a", line), curl=("curl a",), terraform=line)
    add(found_in, "d-1", fixes=(fixed,))
    found = found_in.find("d-1")
    assert found is not None
    (kept,) = found["explanation"]["fixes"]
    assert (kept["kcadm"], kept["curl"], kept["terraform"]) == ([], ["curl a"], None)


def test_the_commands_of_several_roles_are_kept() -> None:
    lines = tuple(f"curl {'x' * 900}" for _ in range(10))
    text = "\n".join(lines)
    found_in = store()
    add(found_in, "d-1", fixes=(replace(explanation().fixes[0], curl=lines, terraform=text),), evidence=("password=abcdef",))
    found = found_in.find("d-1")
    assert found is not None
    assert (found["explanation"]["fixes"][0]["curl"], found["explanation"]["fixes"][0]["terraform"]) == (list(lines), text)


def test_what_was_not_looked_up_is_unknown_and_not_empty() -> None:
    found_in = store()
    add(found_in, "d-1", looked_up=None, requirement=None, caller=Caller(kind=CallerKind.UNREADABLE))
    found = found_in.find("d-1")
    assert found is not None
    assert found["sets"] == {"needed": None, "granted": None, "inScope": None, "inToken": None}


def test_the_same_who_what_and_why_is_one_group() -> None:
    found_in = store()
    for number in range(3):
        add(found_in, f"d-{number}", target=target(raw_path=f"/admin/realms/{REALM}/users/{number}"))
    assert groups(found_in) == [(USERNAME, 3)]


@pytest.mark.parametrize(
    "change",
    [
        {"caller": caller("another-client")},
        {"target": target(method="DELETE")},
        {"target": target(realm="another")},
        {"cause": Cause.SCOPE_EXCLUDES_ROLE},
        {"missing": ("manage-users",)},
    ],
)
def test_another_caller_operation_realm_cause_or_role_is_another_group(change: dict[str, object]) -> None:
    found_in = store()
    assert add(found_in, "d-1") != add(found_in, "d-2", **change)


def test_a_401_and_a_403_are_two_distinguishable_groups() -> None:
    """They have separate room, so that one name for both would show one of them twice and the other never."""
    found_in = store()
    both = (dataclasses.replace(explanation(f"d-{status}"), answer=Answer(status=status)) for status in (401, 403))
    names = {found_in.add(one, record(status=one.answer.status)) for one in both}
    assert len(names) == 2
    assert sorted(found_in.group(name).summary()["status"] for name in names) == [401, 403]  # type: ignore[union-attr]


def test_the_newest_comes_first() -> None:
    times = iter(range(1, 100))
    found_in = store(now=lambda: float(next(times)))
    add(found_in, "d-1", caller=caller("one"))
    add(found_in, "d-2", caller=caller("two"))
    add(found_in, "d-3", caller=caller("one"))
    assert groups(found_in) == [("service-account-one", 2), ("service-account-two", 1)]


def test_a_storm_of_one_kind_keeps_some_examples_and_the_count() -> None:
    found_in = store()
    add(found_in, "other", caller=caller("other"))
    for number in range(1000):
        add(found_in, f"d-{number}")
    assert len(found_in) == MAX_EXAMPLES + 1
    assert groups(found_in)[0] == (USERNAME, 1000)
    assert found_in.find("other") is not None
    assert found_in.find("d-999") is not None
    assert found_in.find("d-0") is None


def test_strangers_cannot_push_out_what_keycloak_has_verified() -> None:
    found_in = store(100)
    add(found_in, "mine")
    for number in range(1000):
        add(found_in, f"x-{number}", status=401, caller=caller(f"invented-{number}"), cause=Cause.TOKEN_REJECTED)
    assert found_in.find("mine") is not None
    assert len(found_in) == 25 + 1


def test_the_store_is_bounded_in_number_and_in_bytes() -> None:
    found_in = store(100, max_bytes=100_000)
    for number in range(50):
        add(found_in, f"d-{number}", caller=caller(f"c-{number}"), evidence=("x" * 50_000,) * 300)
        assert len(found_in) <= 100
        assert found_in.bytes <= 200_000


def test_texts_and_lists_of_a_document_have_an_end() -> None:
    found_in = store()
    add(found_in, "d-1", target=target(raw_path="/" + "a" * 1_000_000), evidence=("e",) * 10_000, summary="s" * 1_000_000)
    assert found_in.bytes < 70_000


def test_no_token_is_kept() -> None:
    found_in = store()
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
    add(found_in, "d-1", target=target(raw_path=f"/admin/realms/{token}"), summary=f"Bearer {token}", evidence=(token,))
    assert "c2lnbmF0dXJl" not in json.dumps(found_in.find("d-1"))


def test_what_passes_later_is_marked_and_a_new_denial_opens_it_again() -> None:
    found_in = store()
    fingerprint = add(found_in, "d-1")
    found_in.resolved(fingerprint)
    assert next(found_in.groups()).summary()["resolvedAt"] is not None
    add(found_in, "d-2")
    assert next(found_in.groups()).summary()["resolvedAt"] is None


async def test_a_subscriber_gets_the_changed_groups() -> None:
    found_in = store()
    with found_in.live.subscribe() as follower:
        assert follower is not None
        fingerprint = add(found_in, "d-1")
        add(found_in, "d-2")
        assert await asyncio.wait_for(follower.changes(), 1) == [fingerprint]
    assert len(found_in.live) == 0


async def test_a_storm_costs_a_follower_a_bounded_memory_and_comes_in_portions() -> None:
    live = Subscriptions()
    with live.subscribe() as follower:
        assert follower is not None
        for number in range(10_000):
            live.changed(str(number))
        first = await follower.changes()
        assert first == [str(number) for number in range(10_000 - MAX_AT_ONCE, 10_000)]
        portions = [first]
        while sum(map(len, portions)) < MAX_CHANGED:
            portions.append(await asyncio.wait_for(follower.changes(), 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(follower.changes(), 0.05)


async def test_followers_have_an_end() -> None:
    live = Subscriptions()
    opened = [live.subscribe() for _ in range(MAX_SUBSCRIBERS + 1)]
    followers = [one.__enter__() for one in opened]
    assert followers[-1] is None
    assert all(follower is not None for follower in followers[:-1])
    for one in opened:
        one.__exit__(None, None, None)


def kept(path: Path, max_denials: int = 100) -> DenialStore:
    return DenialStore(max_denials, history=History(path, max_denials))


def test_denials_survive_a_restart_with_counts_first_time_and_what_passes_now(tmp_path: Path) -> None:
    first = kept(tmp_path / "h.sqlite")
    for number in range(30):
        fingerprint = add(first, f"d-{number}")
    first.resolved(fingerprint)
    before = next(first.groups()).summary()
    first.close()
    second = kept(tmp_path / "h.sqlite")
    assert next(second.groups()).summary() == before
    assert before["resolvedAt"] is not None
    assert second.find("d-29") == first.find("d-29")
    second.close()


def test_the_history_file_is_bounded_too(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    found_in = kept(path, 40)
    for number in range(1500):
        add(found_in, f"d-{number}", caller=caller(f"c-{number % 300}"), status=403 if number % 2 else 401)
    found_in.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM denials").fetchone() == (40,)
        assert connection.execute("SELECT count(*) FROM kinds").fetchone()[0] <= 40
        assert {stored.verified for stored in read(connection, 100)} == {True, False}
    connection.close()


def test_the_history_file_is_for_its_owner_only(tmp_path: Path) -> None:
    kept(tmp_path / "h.sqlite").close()
    assert (tmp_path / "h.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_history_that_cannot_be_written_is_counted_and_nothing_breaks(tmp_path: Path) -> None:
    path, lost = tmp_path / "h.sqlite", list[int]()
    history = History(path, 10, on_drop=lost.append)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE denials")
    connection.close()
    found_in = DenialStore(10)
    found_in._history = history
    add(found_in, "d-1")
    found_in.close()
    assert sum(lost) == 1
    assert found_in.find("d-1") is not None


def test_a_file_of_another_format_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(sqlite3.DatabaseError, match="move the file away"):
        History(path)


def test_a_role_that_was_revoked_and_is_missing_is_one_kind_with_its_history() -> None:
    times = iter(float(3600 * hour) for hour in range(100))
    found_in = store(now=lambda: next(times))
    revoked = add(found_in, "d-1", cause=Cause.ROLE_REVOKED)
    assert add(found_in, "d-2") == revoked
    found_in.resolved(revoked)
    assert next(found_in.groups()).summary()["state"] == "fixed"
    add(found_in, "d-3")
    (group,) = found_in.groups()
    summary = group.summary()
    assert (summary["state"], summary["count"], summary["hours"][-4:]) == ("regressed", 3, [1, 1, 0, 1])
    assert [(change["to"], change["at"][11:16]) for change in summary["changes"]] == [
        ("role-revoked", "00:00"), ("role-missing", "01:00"), ("fixed", "02:00"), ("role-missing", "03:00"),
    ]  # fmt: skip


def test_the_history_of_a_kind_and_its_hours_survive_a_restart(tmp_path: Path) -> None:
    times = iter(float(3600 * hour) for hour in range(1000))
    first = store(history=History(tmp_path / "h.sqlite"), now=lambda: next(times))
    for number in range(40):  # more than there is room for examples, and more hours than are shown
        name = add(first, f"d-{number}", cause=(Cause.ROLE_MISSING, Cause.ROLE_REVOKED)[number % 2])
    first.resolved(name)
    add(first, "d-again")
    before = next(first.groups()).summary()
    first.close()
    history = History(tmp_path / "h.sqlite")
    assert next(store(history=history).groups()).summary() == before
    history.close()
    with closing(sqlite3.connect(tmp_path / "h.sqlite")) as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("changes", "hours")]
    assert counts == [MAX_CHANGES, HOURS]


def test_a_history_of_an_older_version_without_courses_is_read(tmp_path: Path) -> None:
    first = store(history=History(tmp_path / "h.sqlite"))
    first.resolved(add(first, "d-1"))
    first.close()
    with closing(sqlite3.connect(tmp_path / "h.sqlite")) as connection, connection:
        connection.executescript("DROP TABLE changes; DROP TABLE hours")
    history = History(tmp_path / "h.sqlite")
    summary = next(store(history=history).groups()).summary()
    history.close()
    assert (summary["state"], sum(summary["hours"])) == ("fixed", 1)
