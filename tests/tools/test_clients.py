"""What is compared of client programs, and how the page words it."""

from pathlib import Path

import pytest

from tools.clients.compare import Comparison
from tools.clients.page import page, shown
from tools.clients.programs import PROGRAMS, Program, Target

SENTENCE = "robot may not read: the role view-users is missing."
PROGRAM = Program(name="x", library="a library", version="1.2", where="in the exception", command=lambda _: ("true",))


@pytest.mark.parametrize(
    ("printed", "is_printed"),
    [
        (SENTENCE, True),
        (f"Error 403: {SENTENCE}\n  at line 1", True),
        (SENTENCE.replace("view-users ", "view-users\n    "), True),
        ("HTTP 403 Forbidden", False),
        ("", False),
    ],
)
def test_the_sentence_is_found_in_what_was_printed(printed: str, is_printed: bool) -> None:
    assert Comparison(program=PROGRAM, proxied=printed, sentence=SENTENCE).is_printed is is_printed


def test_output_without_the_sentence_is_not_counted() -> None:
    assert not Comparison(program=PROGRAM, proxied="anything").is_printed


def test_the_page_says_which_client_could_not_be_run() -> None:
    text = page([Comparison(program=PROGRAM, unavailable="go not installed")], version="26.7.4")
    assert "| a library | 1.2 | not run: go not installed | |" in text


def test_the_page_has_both_outputs_word_for_word() -> None:
    text = page([Comparison(program=PROGRAM, direct="403 | bare", proxied=SENTENCE, sentence=SENTENCE)], version="26.7.4")
    assert "`403 \\| bare` | in the exception |" in text
    assert f"```text\n{SENTENCE}\n```" in text


def test_ids_are_left_out_of_the_page() -> None:
    assert shown("user 5f36dd07-16ae-4d64-b171-0c2f4e8af7b4, id: '0123456789abcdef'") == "user (id), id: '(id)'"


def test_secrets_travel_in_the_environment_only(tmp_path: Path) -> None:
    target = Target(url="http://x", realm="r", client_id="c", client_secret="hidden", user_id="u", home=tmp_path)
    for program in PROGRAMS:
        assert "hidden" not in " ".join(program.command(target))
    assert target.environment["CLIENT_SECRET"] == "hidden"
