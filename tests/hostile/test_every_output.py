"""Requests with secrets in every part, to a serving process with every output enabled. No output contains one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.stage import Stage, stage, token

CLAIMS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["azp", "iss", "sub", "exp", "aud", "realm_access", "resource_access", "name"]),
        st.text() | st.integers(),
        max_size=4,
    ),
    st.sampled_from(["[" * 5000, '{"a":' * 5000, "null", "7", '"text"', "{", "\x00", json.dumps({"azp": "x" * 50_000})]),
)
PLACES: dict[str, Callable[[str, Any], tuple[str, str, str]]] = {
    "bearer": lambda own, claims: (f"Authorization: Bearer {token(own, claims)}", "", ""),
    "unsigned": lambda own, claims: (f"Authorization: bearer {token(own, claims, algorithm='none')}", "", ""),
    "opaque": lambda own, _: (f"Authorization: Bearer {own}", "", ""),
    "basic": lambda own, _: (f"Authorization: Basic {own}", "", ""),
    "dpop": lambda own, claims: (f"Authorization: DPoP {token(own, claims)}", "", ""),
    "another scheme": lambda own, _: (f"Authorization: Token {own}", "", ""),
    "no scheme": lambda own, _: (f"Authorization: {own}", "", ""),
    "twice": lambda own, claims: (f"Authorization: Bearer {own}\r\nAuthorization: Bearer {token(own, claims)}", "", ""),
    "cookie": lambda own, _: (f"Cookie: KEYCLOAK_IDENTITY={own}", "", ""),
    "key": lambda own, _: (f"Kcproxy-Key: {own}", "", ""),
    "key as token": lambda own, claims: (f"Kcproxy-Key: Bearer {token(own, claims)}", "", ""),
    "query": lambda own, _: ("", f"?access_token={own}", ""),
    "query, encoded": lambda own, claims: ("", f"?x%3D1%26token%3D{own}&y={token(own, claims)[:3000]}", ""),
    "query, secret": lambda own, _: ("", f"?client_secret={own}&password={own}&code={own}", ""),
    "path": lambda own, _: ("", f"/{token(own)}", ""),
    "referer": lambda own, _: (f"Referer: http://localhost/?access_token={own}", "", ""),
    "agent": lambda own, claims: (f"User-Agent: tool (Bearer {token(own, claims)[:3000]})", "", ""),
    "origin": lambda own, _: (f"Origin: http://localhost/?token={own}", "", ""),
    "trace": lambda own, _: (f"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nbaggage: token={own}", "", ""),
    "body": lambda own, _: ("", "", json.dumps({"username": "x", "credentials": [{"value": own}], "secret": own})),
    "form": lambda own, _: ("", "", f"client_secret={own}&password={own}"),
    "injected": lambda _, __: ("Kcproxy-Key: {key}", "", ""),
}
REQUESTS = st.tuples(
    st.sampled_from(sorted(PLACES)),
    CLAIMS,
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"]),
    st.sampled_from(
        [
            "/admin/realms/demo/users",
            "/admin/realms/demo/roles",
            "/admin/realms/demo/groups",
            "/admin/realms/demo/clients",
            "/admin/x",
            "/realms/demo",
        ]
    ),
)


def test_no_planted_secret_is_in_any_output(tmp_path: Path) -> None:
    with stage(tmp_path) as running:

        @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(REQUESTS)
        def ask(request: tuple[str, Any, str, str]) -> None:
            answer = running.send(raw(running, *request))
            assert answer.startswith(b"HTTP/1.1 "), "no answer"
            assert running.planted.found_in(answer) == []

        for place in PLACES:  # each of them for sure, and then at will
            assert running.planted.found_in(running.send(raw(running, place, None, "GET", "/admin/realms/demo/users"))) == []
        ask()
        _check(running)


def test_what_is_planted_would_be_found(tmp_path: Path) -> None:
    """The check itself: a secret that is put where it may not be is noticed."""
    with stage(tmp_path) as running:
        own = running.planted.another()
        running.send(
            f"GET /admin/realms/{own}/users HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )  # a realm's name is no secret, and is shown
        seen = {where for where, text in running.outputs() if running.planted.found_in(text)}
        assert {"page", "API"} <= seen
        running.end()
        assert {where for where, text in running.remains() if running.planted.found_in(text)} >= {"log", "log records", "denials --history"}


def raw(running: Stage, place: str, claims: Any, method: str, path: str) -> bytes:
    fields, more, body = PLACES[place](running.planted.another(), claims)
    fields = fields.format(key=running.planted.api_key) if place == "injected" else fields
    lines = [
        f"{method} {path}{more} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *filter(None, [fields]),
    ]
    return "\r\n".join([*lines, "", body]).encode("utf-8", "surrogatepass")


def _check(running: Stage) -> None:
    planted = running.planted
    assert [where for where, text in running.outputs() if planted.found_in(text)] == []
    assert planted.found_in(Path(f"/proc/{running.process.pid}/cmdline").read_bytes()) == []
    injected = [target for _, target, authorization in running.arrived if planted.injected in authorization]
    assert injected, "nothing was injected, so nothing was shown"
    own = planted.another()
    explained = running.command("explain", "GET", "/admin/realms/demo/users", "--token-file", "-", typed=token(own))
    assert b"users" in explained
    assert planted.found_in(explained) == []
    assert running.end() == 0
    remains = dict(running.remains())
    assert [where for where, text in remains.items() if planted.found_in(text)] == []
    assert remains["spans"], "no span was exported, so nothing was shown"
    assert b"kcproxy.denial" in remains["log records"], "no denial was exported, so nothing was shown"
    assert b'"event": "denial"' in remains["log"] or b'"event":"denial"' in remains["log"] or b"denied" in remains["log"]
