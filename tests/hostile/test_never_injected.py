"""Hostile requests to a serving process: none gets an injected token, and none crashes it, hangs it or makes it grow."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.stage import Stage, resident_megabytes, stage, token

PLAIN = re.compile(r"/admin/realms/demo(/[A-Za-z0-9_-]+)*(\?[\x21\x22\x24-\x7e]*)?")
"""Targets that every reader reads alike. With anything else no token may go; the expression knows nothing of how the proxy decides."""

AMBIGUOUS = (
    "/admin/realms/demo/../master/users",
    "/admin/realms/demo/./users",
    "/admin/realms/demo//users",
    "//admin/realms/demo/users",
    "/admin/realms/demo/%2e%2e/master/users",
    "/admin/realms/demo/%2E%2E%2fmaster/users",
    "/admin/realms/demo/%252e%252e/master/users",
    "/admin/realms/demo/%25252e%25252e/master/users",
    "/admin/realms/demo/..%5cmaster/users",
    "/admin/realms/demo/..;/master/users",
    "/admin/realms/demo;x=1/users",
    "/admin/realms/demo/users;/../../master",
    "/admin\\realms\\demo\\users",
    "/admin/realms/demo/users%00",
    "/admin/realms/demo/%zz",
    "/admin/realms/demo/%",
    "/admin/realms/demo/users%2f..%2f..%2fmaster",
    "/realms/demo/../../admin/realms/demo/users",
    "/admin/realms/demo/\u00fcsers",
    "/admin/realms/demo/users#/../../master/users",
    "/admin/realms/demo/users?#/../../master/users",
    "/admin/realms/demo/users/42%2fgroups",
    "/admin/realms/%2564emo/users",
    "/admin/realms/demo/users?search=\u00fc",
    "http://localhost/admin/realms/demo/../master",
    "http://localhost/admin/realms/demo/users",
    "http://localhost@other/admin/realms/demo/users",
    "*",
    "/admin/realms/demo/" + "a/" * 3000 + "..",
)
FIELDS = (
    "Origin: http://evil.example.com",
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Authorization: Bearer own",
    "Authorization:",
    "Connection: authorization\r\nAuthorization: Bearer own",
    "Connection: close, kcproxy-key",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Host: evil.example.com",
    "X : y",
    " folded: value",
    "X: a\rb",
    "X: " + "h" * 60_000,
)
HEADS = st.sampled_from([*AMBIGUOUS, "/admin/realms/demo/users", "/admin/realms/demo/users?max=1", "/admin/realms/demo/events"])
SEGMENTS = st.lists(
    st.sampled_from(["admin", "realms", "demo", "master", "users", "..", ".", "", "%2e", "%2f", "%5c", ";", "\\", "%25", "a"]), max_size=8
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "TRACE", "OPTIONS", "PROPFIND", "get"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


def ask(running: Stage, method: str, target: str, *fields: str, body: str = "") -> bytes:
    """One request with the key, and what comes within the time that a caller has."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Kcproxy-Key: {running.planted.api_key}", *fields, "", body]
    began = time.monotonic()
    try:
        answer = running.send("\r\n".join(lines).encode("utf-8", "surrogatepass"))
    except ConnectionError:
        answer = b""  # the proxy closes on what is no HTTP while the rest still comes
    assert time.monotonic() - began < 8, "it hung"
    return answer


def injected(running: Stage) -> list[str]:
    """Targets that arrived with the account's token."""
    return [f"{method} {target}" for method, target, authorization in running.arrived if running.planted.injected in authorization]


def sound(running: Stage) -> None:
    """The process lives, answers at once, and has not grown."""
    assert running.process.poll() is None
    began = time.monotonic()
    assert running.admin("/healthz")[0] == 200
    assert time.monotonic() - began < 3
    assert resident_megabytes(running.process.pid) < 200


def test_the_stage_does_inject_where_it_should(running: Stage) -> None:
    assert b" 403 " in ask(running, "GET", "/admin/realms/demo/users", "Connection: close")
    assert injected(running)[-1] == "GET /admin/realms/demo/users"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("target", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_a_path_that_two_readers_could_read_in_two_ways_gets_no_token(running: Stage, target: str, method: str) -> None:
    before = len(injected(running))
    ask(running, method, target, "Connection: close")
    assert injected(running)[before:] == []
    sound(running)


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.startswith(("X: h", "Connection: close"))])
def test_a_request_that_is_a_pages_or_has_credentials_or_is_no_http_gets_no_token(running: Stage, field: str) -> None:
    before = len(injected(running))
    ask(
        running, "POST", "/admin/realms/demo/users", field, *([] if field.startswith("Connection") else ["Connection: close"]), body="12345"
    )
    assert injected(running)[before:] == []
    sound(running)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # two of the largest fields in one example
@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(METHODS, st.one_of(HEADS, SEGMENTS.map(lambda parts: "/" + "/".join(parts))), st.lists(st.sampled_from(FIELDS), max_size=2))
def test_no_mixture_of_them_gets_a_token_for_anything_but_a_plain_target(
    running: Stage, method: str, target: str, fields: list[str]
) -> None:
    before = len(running.arrived)
    ask(running, method, target, *fields, "Connection: close")
    for came in running.arrived[before:]:
        if running.planted.injected in came[2]:
            assert PLAIN.fullmatch(came[1]), came
            assert came[0] in {"GET", "HEAD", "POST"}
            assert not any(field.startswith(("Origin", "Sec-Fetch", "Authorization: B")) for field in fields)


HOSTILE_TOKENS: dict[str, Callable[[], str]] = {
    "alg none": lambda: token("", algorithm="none"),
    "alg none, signed": lambda: token("x", algorithm="none"),
    "huge claims": lambda: token("x", {"azp": "y" * 70_000}),
    "many roles": lambda: token("x", {"resource_access": {f"c{n}": {"roles": ["view-users"]} for n in range(2000)}}),
    "deep list": lambda: token("x", "[" * 40_000),
    "deep object": lambda: token("x", '{"a":' * 10_000),
    "deep and whole": lambda: token("x", "[" * 5_000 + "]" * 5_000),
    "no JSON": lambda: token("x", "\x00\x01"),
    "a number": lambda: token("x", "9" * 50_000),
    "an exponent": lambda: token("x", '{"exp": 1e999999}'),
    "wrong types": lambda: token("x", {"exp": [], "iss": {}, "azp": 7, "realm_access": "x", "resource_access": [1]}),
    "surrogates": lambda: token("x", json.dumps({"azp": "\ud800\u202e\u0000"})),
    "dots": lambda: "." * 5_000,
    "no token": lambda: "\x7f",
    "five parts": lambda: ".".join(["e30"] * 5),
}


@pytest.mark.parametrize("place", ["Authorization: Bearer ", "Kcproxy-Key: Bearer ", "Kcproxy-Key: ", "DPoP: ", "Authorization: DPoP "])
@pytest.mark.parametrize("kind", HOSTILE_TOKENS)
def test_a_hostile_token_opens_nothing_and_costs_nothing(running: Stage, kind: str, place: str) -> None:
    before = len(injected(running))
    raw = f"GET /admin/realms/demo/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{place}{HOSTILE_TOKENS[kind]()}\r\n\r\n"
    answer = running.send(raw.encode("utf-8", "surrogatepass"))
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer[:200]
    assert injected(running)[before:] == []
    sound(running)


def test_nothing_of_all_that_is_a_failure_in_the_log(running: Stage) -> None:
    """A refusal is a response, an exception is not. The log of the tests before counts, too."""
    for target, field in itertools.product(AMBIGUOUS, FIELDS[:4]):
        ask(running, "GET", target, field, "Connection: close")
    log = (Path(running.folder) / "log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert '"internal"' not in log
    assert log.count("\n") > 50
