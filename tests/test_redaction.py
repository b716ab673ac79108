"""What is taken for a secret: every parameter and every scheme that is listed, each by itself, and nothing of what stands around it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import kcproxy
from kcproxy.redaction import is_clean, redact_path, redact_text, redact_value

PARAMETERS = [
    "client_secret",
    "client_assertion",
    "password",
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "code",
    "code_verifier",
    "assertion",
    "secret",
]
SCHEMES = ("Bearer", "Basic", "DPoP", "Negotiate")


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("sign", ["=", "%3D", "%3d"])
def test_a_secret_parameter_loses_its_value_and_the_rest_stays(name: str, sign: str) -> None:
    for spelled in (name, name.upper()):
        assert redact_text(f"POST x=1&{spelled}{sign}abcdef012345&y=2") == f"POST x=1&{spelled}{sign}[redacted]&y=2"
        assert redact_path(f"/p?{spelled}{sign}abcdef012345") == f"/p?{spelled}{sign}[redacted]"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("gap", [" ", "  ", "\t", "%20", "+", "%20+"])
def test_a_schemes_credentials_are_taken_out_and_the_scheme_stays(scheme: str, gap: str) -> None:
    for spelled in (scheme, scheme.lower(), scheme.upper()):
        assert redact_text(f"got {spelled}{gap}abcd-efgh then more") == f"got {spelled} [redacted] then more"


def test_every_one_of_several_secrets_is_taken_out() -> None:
    text = "bearer is a word; Bearer abcdef012345, Basic abcdef012345; code=abcdef012345 token=abcdef012345; eyJhbGciOiJub25lIn0.e30. and eyJhbGciOi"
    assert redact_text(text) == (
        "bearer is a word; Bearer [redacted], Basic [redacted]; code=[redacted] token=[redacted] [redacted] and [redacted]"
    )


@pytest.mark.parametrize("text", ["Bearer abc", "bearer: view-users", "zipcode=1&tokens=2", "a=b%20c+d e", "unsecret=1", "code:abcdef"])
def test_what_only_looks_alike_stays(text: str) -> None:
    assert redact_text(text) == redact_path(text) == text


@pytest.mark.parametrize(
    "path",
    [
        "/realms/x/eyJhbGciOiJub25lIn0.e30.",
        "/p?code=abcdef012345",
        "/p/code%3Dabcdef012345",
        "/p/bearer%20abcdef012345",
        "/p/bearer+abcdef012345",
        "/p/bearer abcdef012345",
    ],
)
def test_a_path_is_read_like_any_other_text(path: str) -> None:
    assert redact_path(path) == redact_text(path) != path


def test_whether_there_is_a_secret_may_be_known() -> None:
    assert [redact_value("client_secret", value) for value in (None, True, False)] == [None, True, False]
    assert [redact_value("client_secret", value) for value in ("", 0, 1.5, [True], {"a": None})] == ["[redacted]"] * 5


def test_anything_else_is_written_as_text_without_secrets() -> None:
    assert redact_value("error", ValueError("password=abcdef012345 in use")) == "password=[redacted] in use"
    assert redact_value("seen", {b"Bearer abcdef012345"}) == ["b'Bearer [redacted]'"]


def _sentences() -> Iterator[str]:
    for path in (Path(kcproxy.__file__).parent / "explain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and not node.value.startswith(("Bearer error=", "Bearer realm="))
            ):
                yield node.value


def test_our_own_sentences_about_schemes_keep_their_words() -> None:
    changed = {text: redact_text(text) for text in _sentences() if not is_clean(text) or not is_clean(json.dumps(text))}
    assert changed == {}


@pytest.mark.parametrize("credential", ["header0123", "cannot-be-guessed", "proof.of.it", "headers", "with+sign", "before="])
def test_a_credential_that_begins_like_a_word_is_no_word(credential: str) -> None:
    assert redact_text(f"Bearer {credential}") == "Bearer [redacted]"
