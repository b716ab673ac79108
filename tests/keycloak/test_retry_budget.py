"""When a refused or reduced response is worth a retry with a newer token, with a fake clock."""

import pytest

from kcproxy.keycloak.retry_budget import REDUCED_REFILL_PER_SECOND, RetryBudget

OPERATION = ("robot", "GET /admin/realms/{realm}/users")


def hand_at(now: list[float], **more: float) -> RetryBudget:
    return RetryBudget(lambda: now[0], **more)


@pytest.mark.parametrize(
    ("arrived_at", "token_arrived_at", "told_at", "in_one_burst"),
    [
        (10.0, 10.5, None, True),  # the token came after the request
        (10.0, 10.0, None, True),
        (10.0, 9.9, None, False),  # the first refusal of a token from before the request
        (10.0, 9.9, 9.99, False),  # asked after the last refusal was reported: there may have been a grant
        (10.0, 9.9, 10.0, True),
        (10.0, 9.9, 10.1, True),  # another like it was reported meanwhile, of the same new token
        (10.0, 8.1, 10.1, True),
        (10.0, 8.0, 10.1, False),  # the same, but the token is not new
        (10.0, 1.0, 10.1, False),
        (10.0, 10.5, 9.0, True),
    ],
)
def test_a_refusal_is_part_of_a_burst_where_its_token_is_as_new_as_the_question(
    arrived_at: float, token_arrived_at: float, told_at: float | None, in_one_burst: bool
) -> None:
    now = [0.0]
    budget = hand_at(now)
    if told_at is not None:
        now[0] = told_at
        budget.note_refusal(*OPERATION)
    assert budget.in_one_burst(*OPERATION, arrived_at=arrived_at, token_arrived_at=token_arrived_at) is in_one_burst


@pytest.mark.parametrize("other", [("another", OPERATION[1]), (OPERATION[0], "DELETE /admin/realms/{realm}")])
def test_a_burst_is_of_one_account_and_one_operation(other: tuple[str, str]) -> None:
    budget = hand_at([10.1])
    budget.note_refusal(*other)
    assert not budget.in_one_burst(*OPERATION, arrived_at=10.0, token_arrived_at=9.9)


def test_asking_for_a_retry_does_not_use_it() -> None:
    budget = hand_at([5.0])
    for _ in range(3):
        assert budget.has_retry(*OPERATION)
        assert budget.has_retry(*OPERATION)
        assert budget.use(*OPERATION)
    assert not budget.has_retry(*OPERATION)


@pytest.mark.parametrize(("more", "seconds"), [({}, 2.0), ({"refill_per_second": REDUCED_REFILL_PER_SECOND}, 10.0)])
def test_a_used_one_grows_back_in_its_time_and_never_more_than_three(more: dict[str, float], seconds: float) -> None:
    now = [0.0]
    budget = hand_at(now, **more)
    for _ in range(3):
        budget.use(*OPERATION)
    now[0] += seconds * 0.99
    assert not budget.use(*OPERATION)
    now[0] += seconds * 0.02
    assert [budget.use(*OPERATION) for _ in range(2)] == [True, False]
    now[0] += 100 * seconds
    assert [budget.use(*OPERATION) for _ in range(4)] == [True, True, True, False]
