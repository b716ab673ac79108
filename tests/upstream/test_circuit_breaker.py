"""The circuit breaker for new connections, with a fake clock."""

import pytest

from kcproxy.upstream.circuit_breaker import FAILURES_TO_OPEN, OPEN_SECONDS, CircuitBreaker


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock) -> CircuitBreaker:
    circuit = CircuitBreaker(clock)
    for _ in range(FAILURES_TO_OPEN):
        assert circuit.allows()
        circuit.failed("connection refused")
    return circuit


def test_a_few_failures_do_not_open_it(clock: Clock) -> None:
    circuit = CircuitBreaker(clock)
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit.failed("connection refused")
    assert circuit.allows()


def test_failures_in_a_row_open_it_and_its_last_error_is_kept(clock: Clock) -> None:
    circuit = opened(clock)
    assert not circuit.allows()
    assert circuit.last_error == "connection refused"


def test_a_success_in_between_resets_the_count(clock: Clock) -> None:
    circuit = CircuitBreaker(clock)
    for _ in range(10 * FAILURES_TO_OPEN):
        circuit.failed("connection refused")
        circuit.succeeded()
    assert circuit.allows()


def test_after_a_moment_one_attempt_is_let_through_and_the_others_are_not(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += OPEN_SECONDS
    assert [circuit.allows() for _ in range(3)] == [True, False, False]


def test_the_attempt_decides(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += OPEN_SECONDS
    assert circuit.allows()
    circuit.failed("connection refused")
    assert not circuit.allows()
    clock.now += OPEN_SECONDS
    assert circuit.allows()
    circuit.succeeded()
    assert [circuit.allows() for _ in range(3)] == [True, True, True]


def test_an_attempt_that_never_reports_back_does_not_close_it_for_ever(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += OPEN_SECONDS
    assert circuit.allows()
    clock.now += OPEN_SECONDS
    assert circuit.allows()
