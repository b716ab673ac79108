"""The budget of a transfer: a client at the minimum rate never uses it up, and one that stops always does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.server.transfer_rate import TransferRate

RATES = st.integers(1, 1 << 20)
GRACES = st.floats(0.1, 3600)


@pytest.mark.parametrize(
    ("steps", "is_too_slow"),
    [
        ([], False),
        ([(19.9, 0)], False),
        ([(20, 0)], True),
        ([(19, 500), (19, 0)], True),
        ([(1, 1)] * 25, True),
        ([(1, 499)] * 1000, False),
        ([(1, 400)] * 101, True),
        ([(10, 5000)] * 100, False),
        ([(0, 10_000_000), (20, 0)], True),
        ([(20, 1)], False),
    ],
    ids=[
        "nothing yet",
        "a pause within the grace period",
        "a pause as long as it",
        "two pauses and hardly a byte",
        "a byte a second",
        "a little below the rate uses the budget up slowly",
        "well below the rate uses it up",
        "bursts at the least rate",
        "much at once buys no longer pause",
        "the last moment",
    ],
)
def test_a_caller_is_too_slow_once_the_budget_is_used_up(steps: list[tuple[float, int]], is_too_slow: bool) -> None:
    rate = TransferRate(500, 20)
    for seconds, moved in steps:
        rate.waited(seconds)
        rate.moved(moved)
    assert rate.is_too_slow is is_too_slow


@given(RATES, GRACES, st.lists(st.floats(0.001, 0.09), max_size=50), st.floats(1, 100))
def test_a_client_at_the_minimum_rate_is_never_too_slow(least: int, grace: float, waits: list[float], faster: float) -> None:
    rate = TransferRate(least, grace)
    for seconds in waits:
        rate.waited(seconds)
        assert not rate.is_too_slow
        rate.moved(int(seconds * least * faster) + 1)


@given(RATES, GRACES, st.lists(st.integers(0, 1 << 30), max_size=20))
def test_a_client_that_stops_is_too_slow_after_the_grace_period(least: int, grace: float, moved: list[int]) -> None:
    rate = TransferRate(least, grace)
    for count in moved:
        rate.moved(count)
    rate.waited(grace)
    assert rate.is_too_slow
    assert rate.behind_seconds >= grace
