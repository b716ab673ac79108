"""The log: fields as documented, nothing secret, nothing formatted in vain, nothing that stops the loop."""

import errno
import json
import logging
import os
import pty
import re
import select
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kcproxy.model import CallerKind, Confidence
from kcproxy.observe.log import Log
from kcproxy.observe.log_fields import DENIAL_FIELDS, REQUEST_FIELDS
from kcproxy.observe.log_writer import LogWriter
from kcproxy.redaction import redact_text, redact_value
from kcproxy.settings import LogFormat, LogSettings
from kcproxy.usage.model import UseCaller
from kcproxy.usage.tally import KnownCaller
from tests.hostile_text import ALL_AT_ONCE, unseen
from tests.observe.samples import USERNAME, caller, explanation, record, target
from tools.docs.log import FILE, documents

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
Written = Callable[[], list[str]]


class Captured(LogWriter):
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    def write_all(self, lines: Sequence[str]) -> None:
        self.lines.extend(lines)

    def expect(self) -> None:
        """No thread: lines are written at once."""


def log_of(form: LogFormat = LogFormat.JSON, level: str = "info", *, instance: str = "", every_success: int = 1) -> tuple[Log, list[str]]:
    sink, chosen = Captured(), LogSettings(format=form, level=level, every_success=every_success)
    return Log(chosen, sink=sink, now=lambda: 1_700_000_000.25, batch=1, instance=instance), sink.lines


def test_a_request_is_one_line_of_json_with_the_documented_fields() -> None:
    log, written = log_of()
    log.request(record(injected_account="app", token_replaced=True, trace_id="ab" * 16, denial_id="d-1", peer="127.0.0.1"))
    (line,) = map(json.loads, written)
    assert line["time"] == "2023-11-14T22:13:20.250Z"
    assert (line["event"], line["status"], line["duration_ms"], line["upstream_ms"]) == ("request", 200, 4.2, 4.0)
    assert line["operation"] == "GET /admin/realms/{realm}/users/{user-id}"
    assert set(line) <= set(REQUEST_FIELDS)


USED_BY = KnownCaller(UseCaller(client='s"ync', token_realm="shop", kind=CallerKind.USER))


@pytest.mark.parametrize("reduced", [None, True, False])
@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_a_verified_caller_is_named_and_it_is_said_what_is_known_of_the_response(form: LogFormat, reduced: bool | None) -> None:
    log, written = log_of(form)
    log.request(record(used_by=USED_BY, reduced=reduced))
    log.request(record(reduced=reduced))
    if form is LogFormat.JSON:
        named, unnamed = map(json.loads, written)
        assert (named["client"], named["token_realm"], named.get("reduced")) == ('s"ync', "shop", reduced)
        assert not {"client", "token_realm", "reduced"} & set(unnamed)
    else:
        assert "token_realm=shop" in written[0]
        assert "token_realm" not in written[1]


def test_one_in_so_many_successes_is_written_and_everything_else() -> None:
    log, written = log_of(every_success=3)
    for status in (200, 204, 200, 201, 403, 404, 502):
        log.request(record(status=status))
    assert [json.loads(line)["status"] for line in written] == [200, 201, 403, 404, 502]


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_every_line_names_the_instance_if_it_has_a_name(form: LogFormat) -> None:
    log, written = log_of(form, instance="pod-1")
    log.request(record())
    log.warning("something")
    assert all("pod-1" in line for line in written)
    assert form is LogFormat.CONSOLE or all(json.loads(line)["instance"] == "pod-1" for line in written)


def test_every_documented_field_of_a_request_can_occur() -> None:
    log, written = log_of(instance="pod-1")
    everything = record(
        injected_account="a",
        used_by=USED_BY,
        reduced=True,
        admitted="k",
        exceeded_limits=("account shop/a", "key k"),
        token_replaced=True,
        retried=True,
        error_kind="connect",
        trace_id="t",
        denial_id="d",
        peer="p",
    )
    log.request(everything)
    assert set(json.loads(written[0])) == set(REQUEST_FIELDS)


def test_a_denial_is_one_line_more_with_the_sentence_and_the_role() -> None:
    log, written = log_of(instance="pod-1")
    log.denial(explanation(), record(status=403, injected_account="app", trace_id="t"))
    (line,) = map(json.loads, written)
    assert (line["event"], line["cause"], line["missing"], line["username"]) == ("denial", "role-missing", ["view-users"], USERNAME)
    assert set(line) == set(DENIAL_FIELDS)


@pytest.mark.parametrize(("level", "count"), [("info", 2), ("warning", 1), ("error", 0)])
def test_what_is_below_the_level_is_neither_written_nor_formatted(level: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    formatted: list[object] = []

    def formats_request(*given: object) -> str:
        formatted.append(given)
        return "line"

    def formats_denial(*given: object) -> dict[str, str]:
        formatted.append(given)
        return {}

    monkeypatch.setattr("kcproxy.observe.log.request_json", formats_request)
    monkeypatch.setattr("kcproxy.observe.log.denial_fields", formats_denial)
    log, written = log_of(level=level)
    log.request(record())
    log.denial(explanation(), record())
    log.debug("details")
    assert len(written) == len(formatted) == count


def test_the_console_shows_the_same_for_people() -> None:
    log, written = log_of(LogFormat.CONSOLE)
    log.request(record())
    log.denial(explanation(), record())
    assert "request" in written[0]
    assert "status=200" in written[0]
    assert "view-users" in written[1]


def test_a_terminal_gets_the_sentence_the_command_and_the_page() -> None:
    sink = Captured()
    log = Log(LogSettings(format=LogFormat.CONSOLE), sink=sink, now=lambda: 1_700_000_000.25, batch=1, page_url="http://127.0.0.1:9180")
    log.denial(explanation(confidence=Confidence.LIKELY), record(status=403))
    sentence, command, page = sink.lines
    assert sentence == f"22:13:20  403 {explanation().summary} (likely)"
    assert command.split(maxsplit=1) == ["fix", explanation().fixes[0].kcadm[0]]
    assert page.split() == ["page", "http://127.0.0.1:9180/denials/d-1"]


def test_a_command_that_redaction_would_change_is_not_printed_on_a_terminal() -> None:
    log, written = log_of(LogFormat.CONSOLE)
    log.denial(explanation(fixes=(replace(explanation().fixes[0], kcadm=(f"kcadm.sh {JWT}",)),)), record(status=403))
    assert [line.split()[0] for line in written[1:]] == ["fix", "id"]
    assert "kcadm.sh" not in "".join(written)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_without_a_chosen_format_a_terminal_gets_lines_for_people(is_terminal: bool) -> None:
    reading, writing = pty.openpty() if is_terminal else os.pipe()
    log = Log(LogSettings(), sink=LogWriter(writing))
    log.denial(explanation(), record(status=403))
    log.close()
    text = os.read(reading, 65536).decode()
    os.close(reading)
    os.close(writing)
    assert text.startswith("{") != is_terminal


def test_a_full_disk_leaves_no_part_of_a_line_and_standard_error_says_so(tmp_path: Path) -> None:
    path, (reading, writing) = tmp_path / "log", os.pipe()
    with path.open("wb") as file:
        limited = Limited(file.fileno(), room=70, complaints=writing)
        for number in range(10):
            limited.write(f"line {number} with some text")
        limited.close()
        limited.room = 1_000_000
        limited.write("after")
        limited.close()
    assert path.read_text().splitlines() == ["line 0 with some text", "line 1 with some text", "line 2 with some text", "after"]
    assert limited.dropped == 7
    assert os.read(reading, 1000).decode() == "kcproxy: the log cannot be written (No space left on device); 7 lines were dropped so far\n"
    os.close(reading)
    os.close(writing)


class Limited(LogWriter):
    """A sink on a disk with little room, which takes the part of a write that fits."""

    def __init__(self, descriptor: int, *, room: int, complaints: int) -> None:
        super().__init__(descriptor, complaints=complaints)
        self.room = room

    def _written(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super()._written(data[: self.room])
        self.room -= taken
        return taken


def test_a_path_cannot_move_the_cursor_of_a_terminal_nor_start_a_line_of_its_own() -> None:
    for form in LogFormat:
        log, written = log_of(form)
        log.request(record(target(raw_path='/admin/\x1b[2J\n{"event":"forged"}', realm='x"\r\n')))
        log.warning("a library\nquotes\u2028 what it got\x1b[2J", answer="\x00\r\nforged", **{ALL_AT_ONCE: ALL_AT_ONCE})
        log.denial(explanation(summary=ALL_AT_ONCE, caller=caller(ALL_AT_ONCE)), record(target(realm=ALL_AT_ONCE, raw_path=ALL_AT_ONCE)))
        assert unseen("".join(written)) == []


def test_a_line_that_json_cannot_encode_otherwise_is_still_json() -> None:
    log, written = log_of()
    log.request(record(target(raw_path="/admin/\ud800", realm="\udfff")))
    assert json.loads(written[0])["realm"] == "\udfff"


def test_a_very_long_path_is_cut() -> None:
    log, written = log_of()
    log.request(record(target(raw_path="/" + "a" * 100_000)))
    assert len(written[0]) < 1500


FIELDS = st.sampled_from(["method", "raw_path", "realm", "peer", "trace_id", "injected_account"])


@settings(deadline=None)  # the machine may be busy
@given(field=FIELDS, before=st.text(max_size=10), after=st.text(alphabet="/?& x", max_size=10), form=st.sampled_from(list(LogFormat)))
def test_a_token_in_any_field_of_a_request_never_reaches_the_line(field: str, before: str, after: str, form: LogFormat) -> None:
    log, written = log_of(form)
    value = before + JWT + after
    given_field: dict[str, Any] = {field: value}
    log.request(record(target(**given_field)) if field in {"method", "raw_path", "realm"} else record(**given_field))
    log.denial(explanation(target=target(realm=value), summary=value), record(trace_id=value))
    assert not re.search(r"eyJzdWIi|c2lnbmF0dXJl", "".join(written))


SECRET_KEYS = [
    "authorization",
    "Authorization",
    "client_secret",
    "password",
    "cookie",
    "set-cookie",
    "access_token",
    "clientAssertion",
    "admin_key",
]
NESTED: st.SearchStrategy[Any] = st.recursive(
    st.just("s3cr3t-v4lue"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(key=st.sampled_from(SECRET_KEYS), value=NESTED, depth=st.integers(0, 3))
def test_every_value_with_a_secret_name_is_redacted_at_any_depth(key: str, value: Any, depth: int) -> None:
    fields: dict[str, Any] = {key: value}
    for _ in range(depth):
        fields = {"inner": [fields]}
    log, written = log_of()
    log.info("something", **fields)
    assert "s3cr3t-v4lue" not in written[0]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef012345",
        "Basic Y2xpZW50OnNlY3JldA==",
        "POST grant_type=client_credentials&client_secret=abcdef012345&x=1",
        "refresh_token=abcdef012345",
        "password=Y2xpZW50OnNlY3JldA==",
        f"got {JWT} back",
        "client_secret%3Dabcdef012345",
        "/realms/x?code=abcdef012345",
        "BEARER abcdef012345",
        "curl -H 'Authorization: Bearer $TOKEN' and then bearer abcdef012345",
        "İİİ bearer abcdef012345",
        "CLIENT_SECRET=abcdef012345",
        "dpop+abcdef012345",
        JWT.replace(".", "%2E"),
        JWT.replace(".", "%2e"),
        JWT.replace(".", "%252E"),
        JWT.replace("eyJ", "%65%79%4a"),
        JWT.replace("eyJ", "%2565yJ"),
        "/realms/" + "".join(f"%{ord(character):02X}" for character in JWT),
        "eyJhbGciOiJkaXIifQ..aXY%2EY2lwaGVydGV4dA%2Ec2lnbmF0dXJl",
        "e%79JhbGciOiJkaXIifQ%2Eabcdef012345",
        "http://admin:abcdef012345@localhost:8080/realms",
        "//admin:abcdef012345@localhost/x",
    ],
)
def test_secrets_inside_a_text_are_found(text: str) -> None:
    assert not re.search(r"abcdef012345|Y2xpZW50OnNlY3JldA|c2lnbmF0dXJl", unquote(redact_text(text)))


def test_the_password_of_a_target_that_names_an_authority_is_not_written() -> None:
    for form in LogFormat:
        log, written = log_of(form)
        log.request(record(target(method="CONNECT", raw_path="admin:abcdef012345@localhost:443", template=None)))
        log.request(record(target(raw_path="//admin:abcdef012345@localhost/x", template=None)))
        assert "abcdef012345" not in "".join(written)
        assert "@localhost" in written[0]
        assert "@localhost/x" in written[1]


@pytest.mark.parametrize(
    "text",
    [
        "/admin/realms/{realm}/users",
        "view-users of realm-management",
        "token of the service account",
        "kcadm.sh get realms/x/keys",
        "/users/a:b@example.com/%65%79x",
        "http://localhost:8080/users?email=a@b",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text", ['curl -H "Authorization: Bearer $TOKEN"', "curl -d client_secret=$SECRET -d grant_type=client_credentials"]
)
def test_commands_with_a_variable_in_a_secrets_place_stay_as_they_are(text: str) -> None:
    assert redact_text(text) == text


def test_numbers_and_truth_values_stay_what_they_are() -> None:
    assert redact_value("sizes", {"a": [1, 2.5, True, None]}) == {"a": [1, 2.5, True, None]}


def test_what_libraries_log_comes_through_redacted() -> None:
    log, written = log_of()
    undo = log.capture_libraries()
    logging.getLogger("aiohttp.server").error("Error handling request: Authorization: Bearer %s", JWT)
    undo()
    (line,) = map(json.loads, written)
    assert line["logger"] == "aiohttp.server"
    assert "eyJzdWIi" not in written[0]


def test_a_bug_is_logged_with_its_location_and_without_values() -> None:
    log, written = log_of()
    undo = log.capture_libraries()

    def inner(password: str) -> None:
        raise ValueError(f"cannot use password={password}")

    try:
        inner("s3cr3t-v4lue")
    except ValueError:
        logging.getLogger("kcproxy.proxy").exception("a request could not be served")
    undo()
    (line,) = map(json.loads, written)
    assert (line["level"], line["error"], line["error_message"]) == ("error", "ValueError", "cannot use password=[redacted]")
    assert line["frames"][-1].startswith("tests/observe/test_log.py:")
    assert line["frames"][-1].endswith(" inner")


def test_lines_reach_the_descriptor_in_order_and_all_of_them(tmp_path: Any) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    sink = LogWriter(descriptor)
    for number in range(5000):
        sink.write(str(number))
    sink.close()
    os.close(descriptor)
    assert path.read_text().split() == [str(number) for number in range(5000)]


def test_a_reader_that_stops_blocks_nothing_and_the_loss_is_counted() -> None:
    reading, writing = os.pipe()
    sink = LogWriter(writing, max_pending_bytes=300_000)
    began = time.monotonic()
    for _ in range(2000):
        sink.write("x" * 1000)
    assert time.monotonic() - began < 1
    assert sink.dropped > 1000
    os.close(reading)  # now the blocked write ends with an error, which is counted too
    sink.close()
    os.close(writing)


def test_lines_that_cannot_be_written_are_counted_each() -> None:
    counted: list[None] = []
    with Path("/dev/full").open("wb", buffering=0) as full:
        sink = LogWriter(full.fileno())
        sink.on_drop = lambda: counted.append(None)
        for _ in range(10):
            sink.write_all(["x" * 100] * 100)
        sink.close()
    assert sink.dropped == len(counted) == 1000


def test_a_line_that_was_cut_off_is_removed_from_a_file_and_the_next_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    room = [12]
    really = os.write

    def nearly_full(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "no space left on device")
        written = really(descriptor, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("kcproxy.observe.log_writer.os.write", nearly_full)
    sink = LogWriter(descriptor)
    sink.write_all(["first", "second", "third"])
    sink.close()
    sink.write("fourth")
    sink.close()
    room[0] = 100
    sink.write("fifth")
    sink.close()
    os.close(descriptor)
    assert path.read_text(encoding="utf-8").split("\n") == ["first", "fifth", ""]
    assert sink.dropped == 3  # "second" is one of them: its line break was not written


def test_what_follows_a_line_that_was_cut_off_begins_a_line_of_its_own_in_a_file_that_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, room, really = tmp_path / "log", [12], os.write
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def nearly_full(to: int, data: bytes) -> int:
        if not room[0]:
            path.write_bytes(path.read_bytes() + b"of another\n")
            raise OSError(errno.ENOSPC, "no space left on device")
        written = really(to, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("kcproxy.observe.log_writer.os.write", nearly_full)
    sink = LogWriter(descriptor, complaints=-1)
    sink.write_all(["first", "second", "third"])
    sink.close()
    room[0] = 100
    sink.write("fifth")
    sink.close()
    os.close(descriptor)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("first\nsecondof another\n")
    assert text.endswith("\nfifth\n")


def test_a_non_blocking_descriptor_loses_nothing_while_it_is_read() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = LogWriter(writing)
    for number in range(2000):
        sink.write(f"{number:0500}")
    found = b""
    while found.count(b"\n") < 2000 and select.select((reading,), (), (), 5)[0]:
        found += os.read(reading, 4096)
    sink.close()
    os.close(writing)
    os.close(reading)
    assert [int(line) for line in found.split()] == list(range(2000))
    assert sink.dropped == 0


def test_processes_that_share_a_pipe_do_not_write_into_each_others_lines() -> None:
    """A pipe takes as one what is not longer than PIPE_BUF (POSIX, write): so what is written at once are whole lines up to that."""
    reading, writing = os.pipe()
    sinks = [LogWriter(writing, shared=True) for _ in range(4)]
    for number in range(3000):
        for name, sink in zip("abcd", sinks, strict=True):
            sink.write(f"{name * 300}{number}")
    found = b""
    while found.count(b"\n") < 12_000 and select.select((reading,), (), (), 5)[0]:
        found += os.read(reading, 3000)
    for sink in sinks:
        sink.close()
    os.close(writing)
    os.close(reading)
    assert len(found.splitlines()) == 12_000
    assert all(re.fullmatch(rb"(a{300}|b{300}|c{300}|d{300})\d+", line) for line in found.splitlines())


def test_a_line_longer_than_a_pipe_takes_at_once_is_written_all_the_same() -> None:
    reading, writing = os.pipe()
    sink = LogWriter(writing, shared=True)
    sink.write_all(["short", "x" * 10_000, "short again"])
    sink.close()
    os.close(writing)
    with os.fdopen(reading) as text:
        assert text.read().splitlines() == ["short", "x" * 10_000, "short again"]


def test_the_line_of_a_request_costs_some_microseconds() -> None:
    log, _ = log_of()
    one = record(injected_account="app", peer="127.0.0.1")
    rounds = []
    for _ in range(20):
        began = time.thread_time()
        for _ in range(500):
            log.request(one)
        rounds.append((time.thread_time() - began) / 500)
    assert min(rounds) < 30e-6


def test_the_documentation_names_every_field() -> None:
    text = documents()[FILE]
    assert all(f"| `{name}` |" in text for name in (*REQUEST_FIELDS, *DENIAL_FIELDS))


def piped(batch: int) -> tuple[Log, int, int]:
    reading, writing = os.pipe()
    return Log(LogSettings(), sink=LogWriter(writing), batch=batch), reading, writing


def test_requests_are_written_in_order_and_before_later_events() -> None:
    log, reading, writing = piped(batch=4)
    for number in range(10):
        log.request(record(sent_bytes=number))
    log.info("stopped")
    log.request(record(sent_bytes=10))
    log.close()
    os.close(writing)
    with os.fdopen(reading) as text:
        found = [json.loads(line) for line in text]
    assert [line.get("sent_bytes", line["event"]) for line in found] == [*range(10), "stopped", 10]


def test_a_single_request_is_written_by_the_beat_of_the_sink() -> None:
    log, reading, writing = piped(batch=1000)
    log.request(record())
    assert json.loads(os.read(reading, 4096))["event"] == "request"  # waits; nothing else is done to have it written
    log.close()
    os.close(writing)
    os.close(reading)
