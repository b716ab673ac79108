"""Lists of calls: plain lines, access logs, JSON lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.catalog.calls import read_calls


@pytest.mark.parametrize(
    ("line", "method", "path", "query"),
    [
        ("GET /admin/realms/shop/users", "GET", "/admin/realms/shop/users", ""),
        ("  delete\t/admin/realms/shop/users/4?x=%20  ", "DELETE", "/admin/realms/shop/users/4", "x=%20"),
        ("PUT https://kc:8443/admin/realms/shop/users/4", "PUT", "/admin/realms/shop/users/4", ""),
        ('::1 - - [01/Nov/2026] "POST /admin/realms/a/users HTTP/1.1" 403 31 "-" "curl"', "POST", "/admin/realms/a/users", ""),
        ('{"event": "request", "method": "GET", "path": "/admin/realms/a", "status": 403}', "GET", "/admin/realms/a", ""),
    ],
)
def test_a_call_is_read_from_every_kind_of_line(line: str, method: str, path: str, query: str) -> None:
    (call,) = read_calls(f"# heading\n\n{line}\n").calls
    assert (call.method, call.path, call.query, call.line) == (method, path, query, 3)


def test_the_same_call_counts_once_with_its_first_line() -> None:
    found = read_calls("GET /a\nGET /b\nGET /a\nGET /a?x=1\n")
    assert [(call.path, call.query, call.line) for call in found.calls] == [("/a", "", 1), ("/b", "", 2), ("/a", "x=1", 4)]


def test_lines_without_a_call_are_counted() -> None:
    assert read_calls('nonsense\nGET /a\n{"method": 1, "path": "/a"}\n{"broken\nGET http://[x/\n').unreadable == (1, 3, 4, 5)


def test_log_lines_about_something_else_are_passed_over() -> None:
    found = read_calls('{"event": "listening"}\n{"event": "denial", "method": "GET", "operation": "x"}\n')
    assert (found.calls, found.unreadable) == ((), ())


def test_parameters_are_decoded_with_their_blanks() -> None:
    (call,) = read_calls("GET /a?search=j%20d&exact").calls
    assert call.parameters == {"search": ["j d"], "exact": [""]}


BEGINNING = '10.0.0.1 - {} [01/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1"'


@pytest.mark.parametrize(
    ("line", "status", "client", "realm", "reduced"),
    [
        ("GET /a", None, None, None, None),
        (BEGINNING.format("-") + " 403 31", 403, None, None, None),
        (BEGINNING.format("sync") + ' 200 31 "-" "curl"', 200, "sync", None, None),
        (BEGINNING.format("sync") + " 4031", None, "sync", None, None),
        (BEGINNING.format("sync"), None, "sync", None, None),
        ('{"method": "GET", "path": "/a", "status": "409", "account": "sync"}', 409, "sync", None, None),
        ('{"method": "GET", "path": "/a", "status": true, "account": 1}', None, None, None, None),
        ('{"method": "GET", "path": "/a", "status": 7}', None, None, None, None),
        (
            '{"method": "GET", "path": "/a", "status": 200, "client": "sync", "account": "x", "token_realm": "shop", "reduced": true}',
            200,
            "sync",
            "shop",
            True,
        ),
        ('{"method": "GET", "path": "/a", "status": 200, "client": "sync", "reduced": false}', 200, "sync", None, False),
    ],
)
def test_status_and_caller_are_read_if_the_line_has_them(
    line: str, status: int | None, client: str | None, realm: str | None, reduced: bool | None
) -> None:
    (call,) = read_calls(line).calls
    assert (call.status, call.client, call.token_realm, call.reduced) == (status, client, realm, reduced)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "used"),
        (204, "used"),
        (304, "used"),
        (401, "refused"),
        (403, "refused"),
        (404, "failed"),
        (409, "failed"),
        (499, "failed"),
        (502, "failed"),
    ],
)
def test_only_calls_that_succeeded_count_as_used(status: int, outcome: str) -> None:
    (call,) = read_calls(BEGINNING.format("-") + f" {status} 0").calls
    assert call.outcome.value == outcome


def test_calls_are_distinct_by_caller_and_outcome() -> None:
    lines = [BEGINNING.format(user) + f" {status} 0" for user in ("a", "b") for status in (200, 204, 403)]
    found = read_calls("\n".join(lines)).calls
    assert [(call.client, call.status, call.line) for call in found] == [("a", 200, 1), ("a", 403, 3), ("b", 200, 4), ("b", 403, 6)]


@given(text=st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = read_calls(text)
    assert len(found.calls) + len(found.unreadable) <= len(text.splitlines())
