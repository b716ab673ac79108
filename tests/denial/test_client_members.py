"""gocloak joins members of an error, so it gets the sentence in one of them."""

from typing import Any

import pytest

from kcproxy.denial.client_members import prints_each_member, user_agent_of, with_one_sentence

SENTENCE = "service-account-shop is missing the role view-users."


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("go-resty/2.16.5 (https://github.com/go-resty/resty)", True),
        ("Go-Resty/3", True),
        ("", False),
        ("Go-http-client/1.1", False),
        ("shop/1.0 go-resty/2.16.5", False),
        ("python-requests/2.32", False),
    ],
)
def test_gocloak_is_known_by_its_http_library(user_agent: str, expected: bool) -> None:
    assert prints_each_member(user_agent) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [([], ""), ([(b"Accept", b"*/*"), (b"USER-AGENT", b"a")], "a"), ([(b"User-Agent", b"a\xff")], "a\xff")],
)
def test_the_user_agent_is_found_in_any_case(fields: list[tuple[bytes, bytes]], expected: str) -> None:
    assert user_agent_of(fields) == expected


@pytest.mark.parametrize(
    ("body", "original", "left"),
    [
        ({"errorMessage": SENTENCE, "error_description": SENTENCE, "message": SENTENCE}, None, {"errorMessage", "message"}),
        ({"error": "x", "errorMessage": SENTENCE, "error_description": SENTENCE}, {"error": "x"}, {"error", "errorMessage"}),
        ({"errorMessage": "own", "error_description": SENTENCE}, {"errorMessage": "own"}, {"errorMessage", "error_description"}),
        ({"errorMessage": "own", "error_description": "own"}, {"errorMessage": "own", "error_description": "own"}, None),
    ],
)
def test_a_repeated_sentence_goes_and_what_keycloak_sent_stays(
    body: dict[str, Any], original: dict[str, Any] | None, left: set[str] | None
) -> None:
    assert set(with_one_sentence(body, original)) == (set(body) if left is None else left)
