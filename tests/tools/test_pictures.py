"""Terminal output to pictures: colours, columns, and a picture in the documentation that says what it should."""

import xml.etree.ElementTree as ET

import pytest

from tools.pictures.__main__ import PICTURE
from tools.pictures.ansi import Run, plain, runs_of
from tools.pictures.svg import terminal


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("", []),
        ("   ", []),
        ("plain", [Run(column=0, text="plain")]),
        ("\x1b[1mbold\x1b[0m then", [Run(column=0, text="bold", bold=True), Run(column=4, text=" then")]),
        ("  \x1b[31m403\x1b[0m", [Run(column=2, text="403", colour="red")]),
        ("\x1b[1;32mok", [Run(column=0, text="ok", colour="green", bold=True)]),
        ("\x1b[35mother", [Run(column=0, text="other")]),
    ],
)
def test_a_line_becomes_runs_of_one_look(line: str, runs: list[Run]) -> None:
    assert runs_of(line) == runs


def test_codes_are_no_text() -> None:
    assert plain("\x1b[1mbold\x1b[0m") == "bold"


def test_text_is_escaped_and_keeps_its_columns() -> None:
    root = ET.fromstring(terminal(['  <script> & "quotes"'], title="a < b"))
    (text,) = [element for element in root.iter() if element.tag.endswith("}text")]
    assert text.text == '<script> & "quotes"'
    assert float(text.attrib["textLength"]) == len(text.text) * 8


def test_the_committed_picture_tells_the_whole_story() -> None:
    words = " ".join(element.text or "" for element in ET.fromstring(PICTURE.read_text(encoding="utf-8")).iter())
    for part in ("HTTP 403 Forbidden", "Kcproxy-Required-Role: view-users", "kcadm.sh add-roles", "200 OK", "john-doe", "explained"):
        assert part in words
    assert "eyJ" not in words
