"""Patterns of policies: matched where Java and Python read them alike, and never at a high price."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.permissions.regex import MOST_PATTERN, MOST_VALUE, is_plain, matches


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (".*@example\\.org", "a@example.org", True),
        (".*@example\\.org", "a@example.org.evil", False),
        ("admin|root", "root", True),
        ("(?:a|b)c?", "b", True),
        ("[a-z]+-[0-9]{2,3}", "team-42", True),
        ("\\w+\\s?", "abc", True),
        ("^abc$", "abc", True),
    ],
)
def test_plain_patterns_match_the_whole_value(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a|b)*", "(a|aa){20}", "a**", "a*+", "a++", "a*?", "(?i)abc", "(?=a)", "(?<name>a)", "\\p{L}+", "\\u0041", "[a&&[b]]", "[]a]", "a{,3}", "a{100}", "é", "(", "\\", "*a", "(*a)", ".*.*.*.*", "a?" * 30 + "a" * 30, "(a|a)" * 30, "a{1,9}" * 5],
)  # fmt: skip
def test_what_the_languages_read_differently_or_what_may_cost_much_is_undecided(pattern: str) -> None:
    assert matches(pattern, "aaaa") is None


@pytest.mark.parametrize("value", ["a" * (MOST_VALUE + 1), "é", "a\r", "a\nb"])
def test_long_or_unusual_values_are_undecided(value: str) -> None:
    assert matches(".*", value) is None
    assert matches("a" * (MOST_PATTERN + 1), "a") is None


@given(st.text(alphabet="ab.*+?()[]{}|^$\\-,12", max_size=12), st.text(alphabet="ab-", max_size=8))
def test_no_pattern_raises_and_a_plain_one_is_pythons_own(pattern: str, value: str) -> None:
    result = matches(pattern, value)

    assert result is None or (is_plain(pattern) and result is (re.fullmatch(pattern, value, re.ASCII) is not None))


@pytest.mark.parametrize("pattern", [".*a.*a.*b", "[ab]*[ab]*[ab]*c", "a?a?a?a?a?a?a?a?a?a?a*a*a*b"])
def test_the_worst_pattern_is_undecided_or_cheap(pattern: str) -> None:
    before = time.process_time()
    matches(pattern, "a" * MOST_VALUE)

    assert time.process_time() - before < 5
