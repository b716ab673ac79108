"""Envoy's messages as values, and back."""

from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc
from google.protobuf import struct_pb2

from kcproxy.envoy import messages
from kcproxy.envoy.changes import Changes

NAME = "envoy.filters.http.ext_proc"


def headers(*lines: tuple[str, str], end: bool = False) -> Any:
    values = [base_pb2.HeaderValue(key=name, raw_value=value.encode()) for name, value in lines]
    return ext_proc.HttpHeaders(headers=base_pb2.HeaderMap(headers=values), end_of_stream=end)


def attributes(**values: str) -> dict[str, Any]:
    fields = struct_pb2.Struct()
    fields.update({name.replace("__", "."): value for name, value in values.items()})
    return {NAME: fields}


def test_a_request_is_read_from_its_headers() -> None:
    line = headers(
        (":method", "POST"), (":path", "/admin/realms?x=1"), (":authority", "keycloak.test"), (":scheme", "http"), ("Accept", "*/*")
    )
    request = messages.request_of_headers(line, "10.0.0.7")
    assert (request.method, request.raw_target, request.peer) == ("POST", "/admin/realms?x=1", "10.0.0.7")
    assert request.fields == [(b"host", b"keycloak.test"), (b"accept", b"*/*")]
    assert request.body_unseen


def test_a_request_without_a_body_has_none_that_was_not_seen() -> None:
    assert not messages.request_of_headers(headers((":method", "GET"), end=True), None).body_unseen


def test_a_value_that_is_only_text_is_read_too() -> None:
    line = ext_proc.HttpHeaders(headers=base_pb2.HeaderMap(headers=[base_pb2.HeaderValue(key=":status", value="403")]))
    assert messages.status_of(line) == 403


@pytest.mark.parametrize("text", ["", "x", "٤٠٣", "-1"])
def test_what_is_no_status_code_is_0(text: str) -> None:
    assert messages.status_of(headers((":status", text))) == 0


def attributes_of_request(method: str, **fields: str) -> dict[str, Any]:
    given = {"request__method": method, "request__path": "/admin/realms", "source__address": "[fd00::7]:4711"}
    found = attributes(**given)
    found[NAME].update({messages.field_attribute(name): value for name, value in fields.items()})
    return found


def test_a_request_is_read_from_the_attributes_of_its_response() -> None:
    request = messages.request_of_attributes(attributes_of_request("GET", host="keycloak.test", authorization="Bearer a.b.c"))
    assert request is not None
    assert (request.method, request.raw_target, request.peer) == ("GET", "/admin/realms", "fd00::7")
    assert request.fields == [(b"host", b"keycloak.test"), (b"authorization", b"Bearer a.b.c")]


@pytest.mark.parametrize(
    ("method", "fields", "unseen"),
    [
        ("GET", {}, False),
        ("DELETE", {}, False),
        ("DELETE", {"content-length": "2"}, True),
        ("GET", {"transfer-encoding": "chunked"}, True),
        ("POST", {}, True),
        ("POST", {"content-length": "0"}, False),
        ("PUT", {"content-length": "17"}, True),
    ],
)
def test_a_body_that_was_not_sent_here_is_known_by_the_fields(method: str, fields: dict[str, str], *, unseen: bool) -> None:
    request = messages.request_of_attributes(attributes_of_request(method, **fields))
    assert request is not None
    assert request.body_unseen is unseen


def test_without_attributes_there_is_no_request() -> None:
    assert messages.request_of_attributes({}) is None
    assert messages.request_of_attributes(attributes(request__method="GET")) is None


@pytest.mark.parametrize(
    "kind", ["request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers"]
)
def test_each_message_has_an_answer_that_changes_nothing(kind: str) -> None:
    answer = messages.continued(kind)
    assert answer.WhichOneof("response") == kind
    assert not answer.HasField("mode_override")


def test_a_response_without_an_explanation_keeps_its_body_out_of_the_stream() -> None:
    answer = messages.continued("response_headers", without_body=True)
    assert answer.mode_override.response_body_mode == answer.mode_override.NONE


def test_changes_replace_append_and_remove() -> None:
    made = Changes(set=((b"Vary", b"Origin"),), added=((b"Vary", b"Accept"),), removed=(b"digest",), body=b"{}")
    common = messages.changed("response_body", made).response_body.response
    lines = [(line.header.key, line.header.raw_value, line.append_action) for line in common.header_mutation.set_headers]
    option = base_pb2.HeaderValueOption
    assert lines == [("vary", b"Origin", option.OVERWRITE_IF_EXISTS_OR_ADD), ("vary", b"Accept", option.APPEND_IF_EXISTS_OR_ADD)]
    assert list(common.header_mutation.remove_headers) == ["digest"]
    assert common.body_mutation.body == b"{}"


def test_a_response_that_had_no_body_gets_one_with_its_headers() -> None:
    with_body = messages.changed("response_headers", Changes(body=b"{}")).response_headers.response
    without = messages.changed("response_headers", Changes(set=((b"a", b"b"),))).response_headers.response
    assert (with_body.status, with_body.body_mutation.body) == (with_body.CONTINUE_AND_REPLACE, b"{}")
    assert (without.status, without.HasField("body_mutation")) == (without.CONTINUE, False)
