"""The facts that a request body shows."""

from typing import Any

import pytest

from kcproxy import catalog as catalogs
from kcproxy.denial.evidence import SentRequest, request_facts

CATALOG = catalogs.load("26.7.5")
ID = "d0d0d0d0-3aae-4b0e-af38-629b3432738a"
MEMBERS = f"/admin/realms/demo/organizations/{ID}/members"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (ID.encode(), b"application/json", ID),
        (f'"{ID}"'.encode(), b"application/json", ID),
        (ID.encode(), b"text/plain", None),
        (ID[:-1].encode(), b"application/json", None),
        (ID.encode() + b"\n", b"application/json", None),
        (b'{"username":"bob"}', b"application/json", {"username": "bob"}),
    ],
)
def test_an_id_may_be_sent_with_quotation_marks_or_without(body: bytes, content_type: bytes, expected: Any) -> None:
    sent = SentRequest(target=CATALOG.target("POST", MEMBERS), raw_target=MEMBERS, fields=[(b"Content-Type", content_type)], body=body)

    assert request_facts(sent, base_path="", public_url="http://localhost:8080").body == expected
