"""The record from Prometheus: what counts as used, what is left out, and that each omission is named."""

from typing import Any

import pytest

from kcproxy.model import CallerKind
from kcproxy.usage.from_prometheus import LIMITS, NOTHING, UnusableAnswer, record_of_metrics
from kcproxy.usage.model import Outcome, UseCaller

USERS = "GET /admin/realms/{realm}/users"
JOB = UseCaller(client="job", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT, injected=True)
OWN = UseCaller(client="a/b", token_realm="shop", kind=CallerKind.UNKNOWN)


def vector(*rows: tuple[dict[str, str], float]) -> Any:
    return {"status": "success", "data": {"result": [{"metric": labels, "value": [0, str(value)]} for labels, value in rows]}}


def used(caller: str, use: str = "full", operation: str = USERS, value: float = 3.0) -> tuple[dict[str, str], float]:
    return {"caller": caller, "operation": operation, "use": use}, value


DAYS = {"status": "success", "data": {"result": [{"metric": {}, "values": [[86_400 * 5, "1"], [86_400 * 6, "0"]]}]}}
GRANTED = vector(({"account": "shop/job", "role": "view-users"}, 1), ({"account": "shop/job", "role": "query-groups"}, 1))


def test_calls_roles_and_days_become_a_record() -> None:
    reading = record_of_metrics(vector(used("shop/job"), used("shop/a/b", "reduced", value=0.4)), GRANTED, DAYS)
    assert [(use.caller, use.realm, use.counts) for use in reading.record.uses] == [
        (JOB, "shop", {Outcome.FULL: 3}),
        (OWN, "shop", {Outcome.REDUCED: 1}),
    ]
    assert {caller: named.by_owner for caller, named in reading.record.roles.items()} == {
        JOB: {"realm-management": ("query-groups", "view-users")}
    }
    assert reading.record.days == {5, 6}
    assert reading.notes == (LIMITS,)


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (
            used("master/admin-cli"),
            "Callers with tokens of master are left out, because metrics do not have the realm of the target: admin-cli",
        ),
        (used("other"), "Calls beyond the limits of labels (metrics.max_clients) are left out: 3"),
        (used("shop/job", operation="other"), "Calls beyond the limits of labels (metrics.max_clients) are left out: 3"),
        (used("shop/job", "something"), "Calls beyond the limits of labels (metrics.max_clients) are left out: 3"),
    ],
)
def test_what_metrics_cannot_attribute_is_left_out_and_named(row: tuple[dict[str, str], float], note: str) -> None:
    reading = record_of_metrics(vector(row), GRANTED, DAYS)
    assert (reading.record.uses, reading.notes) == ((), (NOTHING, note))


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"status": "error"}, {"status": "success", "data": None}, {"status": "success", "data": {"result": [1]}}, {"status": "success", "data": {"result": [{"metric": {}}]}}],
)  # fmt: skip
def test_another_answer_is_unusable(answer: Any) -> None:
    with pytest.raises(UnusableAnswer):
        record_of_metrics(answer, GRANTED, DAYS)
    with pytest.raises(UnusableAnswer):
        record_of_metrics(vector(), GRANTED, answer)
