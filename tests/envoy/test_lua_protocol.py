"""Messages of the Lua script, as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.envoy import lua_protocol as protocol
from kcproxy.envoy.changes import Changes
from kcproxy.errors import RequestRefused

PLAIN = {protocol.METHOD: "GET", protocol.TARGET: "/admin/realms/demo/users?max=1", protocol.STATUS: "403"}


async def test_an_exchange_is_read_from_the_fields() -> None:
    fields = {
        **PLAIN,
        "kcproxy-request-host": "keycloak.test",
        "kcproxy-request-authorization": "Bearer a.b.c",
        "kcproxy-response-content-type": "application/json",
        "kcproxy-peer": "10.0.0.7",
        "user-agent": "envoy",
    }
    request, response = protocol.exchange_of(fields, b"{}")
    assert (request.method, request.raw_target, request.peer) == ("GET", "/admin/realms/demo/users?max=1", "10.0.0.7")
    assert request.fields == [(b"host", b"keycloak.test"), (b"authorization", b"Bearer a.b.c")]
    assert (request.body, request.body_unseen) == (None, False)
    assert (response.status, response.headers) == (403, [(b"content-type", b"application/json")])
    assert await response.read(100) == b"{}"


@given(st.binary(max_size=50), st.binary(max_size=50))
async def test_both_bodies_come_in_one(sent: bytes, received: bytes) -> None:
    fields = {**PLAIN, protocol.REQUEST_BODY: "seen", protocol.REQUEST_BODY_BYTES: str(len(sent))}
    request, response = protocol.exchange_of(fields, sent + received)
    assert (request.body, await response.read(100)) == (sent, received)


def test_a_body_that_was_not_seen_is_said_to_exist() -> None:
    request, _ = protocol.exchange_of({**PLAIN, protocol.REQUEST_BODY: "unseen"}, b"{}")
    assert (request.body, request.body_unseen) == (None, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {protocol.METHOD: ""},
        {protocol.TARGET: ""},
        {protocol.STATUS: "4o3"},
        {protocol.STATUS: "-40"},
        {protocol.STATUS: "٤٠٣"},
        {protocol.REQUEST_BODY: "seen"},
        {protocol.REQUEST_BODY: "seen", protocol.REQUEST_BODY_BYTES: "3"},
        {protocol.REQUEST_BODY: "seen", protocol.REQUEST_BODY_BYTES: "-1"},
    ],
)
def test_what_the_script_never_sends_is_refused_with_the_reason(wrong: dict[str, str]) -> None:
    with pytest.raises(RequestRefused, match="not a message of kcproxy's Lua script: kcproxy-"):
        protocol.exchange_of({**PLAIN, **wrong}, b"{}")


def test_changes_become_fields_that_no_other_field_is_taken_for() -> None:
    made = Changes(set=((b"Content-Type", b"application/json"),), removed=(b"content-encoding", b"digest"), body=b"{}")
    assert protocol.fields_to_send(made) == {
        "kcproxy-set-content-type": "application/json",
        "kcproxy-removed": "content-encoding,digest",
        "kcproxy-new-body": "yes",
    }
    assert protocol.fields_to_send(Changes(set=((b"Kcproxy-Cause", b"a"),))) == {"kcproxy-set-kcproxy-cause": "a"}
