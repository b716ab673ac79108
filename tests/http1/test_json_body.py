"""JSON in message bodies."""

from typing import Any

import pytest

from kcproxy.http1.json_body import json_object, json_value

DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "value", "found"),
    [
        (b'{"error": "x"}', {"error": "x"}, {"error": "x"}),
        (b'[{"id": 1}]', [{"id": 1}], None),
        (b'"text"', "text", None),
        (b"null", None, None),
        (b"", None, None),
        (None, None, None),
        (b"{", None, None),
        (b"\xff\xfe{}", None, None),
        (DEEP, None, None),
        (b'{"a":' + DEEP, None, None),
    ],
)
def test_a_body_without_usable_json_holds_none(body: bytes | None, value: Any, found: dict[str, Any] | None) -> None:
    assert json_value(body) == value
    assert json_object(body) == found
