"""Comparing two runs of a suite: which tests differ, and which differences are no faults."""

from dataclasses import replace

import pytest

from bench.suites.outcome import Found, Outcome, Reason, Run, counts, numbered
from bench.suites.page import faults, page
from bench.suites.suite import Suite

PASSED, FAILED, SKIPPED, ABSENT = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.ABSENT
DIRECT = "passed\nHTTP/1.1 200 OK\nX-Robots-Tag: none\n\nDate: x"
ENVOY = "passed\nHTTP/1.1 200 OK\nx-robots-tag: none\nserver: envoy\ndate: now\nx-envoy-upstream-service-time: 8\n\nDate: x"
SUITE = Suite(
    name="x",
    library="a library",
    version="1.2",
    tests_from="its package",
    left_out={"test_far": "reads a document from the internet"},
    adapted="none",
    prepare=lambda _folder, _clones: None,
    run=lambda _folder, _place, _label: {},
)


def found(direct: list[str], proxied: list[str], preserving: list[str]) -> Found:
    """Runs of one test."""
    return Found(direct=runs(direct), proxied=runs(proxied), preserving=runs(preserving))


def runs(outcomes: list[str]) -> tuple[Run, ...]:
    return tuple({"test": outcome} for outcome in outcomes)


@pytest.mark.parametrize(
    ("direct", "proxied", "preserving", "reason"),
    [
        ([PASSED], [FAILED], [], Reason.ALWAYS),
        ([PASSED, PASSED], [FAILED, FAILED], [FAILED], Reason.ALWAYS),
        ([PASSED, PASSED], [FAILED, PASSED], [FAILED], Reason.ONCE),
        ([PASSED, FAILED], [FAILED], [FAILED], Reason.UNSTEADY),
        ([PASSED], [FAILED], [PASSED], Reason.ADDRESS),
        ([PASSED], [SKIPPED], [], Reason.ALWAYS),
        ([FAILED], [PASSED], [], Reason.ALWAYS),
    ],
)
def test_a_difference_has_the_reason_that_the_other_runs_are_evidence_of(
    direct: list[str], proxied: list[str], preserving: list[str], reason: Reason
) -> None:
    (difference,) = found(direct, proxied, preserving).differences
    assert difference.reason is reason
    assert (difference.direct, difference.proxied) == (direct[0], proxied[0])


@pytest.mark.parametrize("reason", Reason)
def test_only_direct_runs_that_differ_and_a_setting_for_it_set_a_difference_aside(reason: Reason) -> None:
    each = {
        Reason.UNSTEADY: found([PASSED, FAILED], [FAILED], []),
        Reason.ADDRESS: found([PASSED], [FAILED], [PASSED]),
        Reason.FIELDS: Found(direct=({"get": DIRECT},), proxied=({"get": ENVOY},), by_envoy=True),
        Reason.ONCE: found([PASSED], [FAILED, PASSED], []),
        Reason.ALWAYS: found([PASSED], [FAILED], []),
    }[reason]
    assert each.same is (reason in {Reason.UNSTEADY, Reason.ADDRESS, Reason.FIELDS})
    assert bool(faults({"x": each})) is not each.same


@pytest.mark.parametrize(
    ("printed", "reason"),
    [(ENVOY, Reason.FIELDS), (ENVOY.replace("none", "all"), Reason.ALWAYS), (ENVOY.replace("Date: x", "Date: y"), Reason.ALWAYS)],
)
def test_what_envoy_does_to_fields_is_set_aside_and_nothing_else(printed: str, reason: Reason) -> None:
    each = Found(direct=({"get": DIRECT},), envoy=({"get": printed},))
    (difference,) = each.behind_envoy.differences
    assert (difference.reason, difference.set_aside) == (reason, reason is Reason.FIELDS)


def test_fields_in_lower_case_are_a_difference_without_envoy() -> None:
    (difference,) = Found(direct=({"get": DIRECT},), proxied=({"get": ENVOY},)).differences
    assert difference.reason is Reason.ALWAYS


def test_what_fails_both_ways_is_no_difference() -> None:
    assert found([FAILED], [FAILED], []).same


def test_a_test_that_one_way_lacks_is_a_difference() -> None:
    (difference,) = Found(direct=({"a": PASSED, "b": PASSED},), proxied=({"a": PASSED},)).differences
    assert (difference.test, difference.proxied) == ("b", ABSENT)


@pytest.mark.parametrize("each", [Found(), Found(unavailable="no network"), Found(direct=({},), proxied=({},))])
def test_a_suite_of_which_nothing_ran_is_never_called_the_same(each: Found) -> None:
    assert not each.same


def test_what_a_command_printed_counts_as_well_as_how_it_ended() -> None:
    each = Found(direct=({"get x": "passed\none"},), proxied=({"get x": "passed\nanother"},))
    assert [item.test for item in each.differences] == ["get x"]
    assert counts(each.direct[0]) == (1, 0, 0)
    (told,) = faults({"kcadm": each})
    assert "one" in told
    assert "another" in told


def test_a_name_that_comes_twice_hides_nothing() -> None:
    assert numbered([("a", PASSED), ("a", FAILED)]) == {"a": PASSED, "a (2)": FAILED}


def test_the_page_counts_names_and_says_what_was_left_out() -> None:
    each = Found(direct=({"a": PASSED, "b": FAILED},), proxied=({"a": FAILED, "b": FAILED},))
    text = page([(SUITE, each)], version="26.7.4")
    assert "| a library | 1.2 | 2 | 1, 1, 0 | 0, 2, 0 | not needed | 1 |" in text
    assert f"- Differs: `a` (passed directly, failed through the proxy): {Reason.ALWAYS}." in text
    assert "- Left out: `test_far`, reads a document from the internet." in text


@pytest.mark.parametrize(("each", "words"), [(None, "not run here"), (Found(unavailable="no network"), "not run: no network")])
def test_the_page_says_which_suite_could_not_be_run(each: Found | None, words: str) -> None:
    assert words in page([(SUITE, each)], version="26.7.4")


def test_the_page_says_what_the_logs_of_a_difference_show() -> None:
    suite = replace(SUITE, looked_up={"a": "the log has a timeout", "b": "unused"})
    text = page([(suite, Found(direct=({"a": PASSED},), proxied=({"a": FAILED},)))], version="26.7.4")
    assert "- Differs: `a` (passed directly, failed through the proxy): the log has a timeout." in text
    assert "unused" not in text
