"""The threat model names tests: each of them has to exist, or the promise is empty."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", TEXT)))
TESTS = sorted(set(re.findall(r"`(test_\w+)`", TEXT)))
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("file", FILES)
def test_a_named_file_of_tests_exists(file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize("name", TESTS)
def test_a_named_test_exists(name: str) -> None:
    assert f"def {name}(" in SOURCES


def test_every_threat_names_what_shows_it() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| \d+ \|", line)]
    assert rows
    assert not [row for row in rows if "`test" not in row]
