"""Counting calls in memory: bounds, and which names are kept."""

import pytest

from kcproxy.model import CallerKind
from kcproxy.usage import tally as module
from kcproxy.usage.model import OTHER_REALM, Outcome, UseCaller, outcome_of
from kcproxy.usage.tally import KnownCaller, UseTally

USERS = "GET /admin/realms/{realm}/users"


def caller(client: str = "sync", realm: str = "shop") -> UseCaller:
    return UseCaller(client=client, token_realm=realm, kind=CallerKind.SERVICE_ACCOUNT)


def known(tally: UseTally, client: str = "sync") -> KnownCaller:
    found = tally.know(caller(client))
    assert found is not None
    return found


def counted(tally: UseTally) -> list[tuple[str, str | None, str, int]]:
    return [(key[0].caller.client, key[1], key[4].value, number) for key, number in tally.take().counts.items()]


@pytest.mark.parametrize(
    ("status", "reduced", "outcome"),
    [
        (200, None, "full"),
        (204, False, "full"),
        (200, True, "reduced"),
        (304, None, "full"),
        (401, None, "refused"),
        (403, None, "refused"),
        (404, None, "error"),
        (409, None, "error"),
        (499, None, "error"),
        (502, None, "error"),
    ],
)
def test_the_outcome_of_a_status_code(status: int, reduced: bool | None, outcome: str) -> None:
    assert outcome_of(status, reduced=reduced).value == outcome


def test_calls_of_one_kind_are_one_number_until_they_are_taken() -> None:
    tally = UseTally()
    for _ in range(3):
        tally.count(known(tally), "shop", USERS, "", Outcome.FULL)
    tally.count(known(tally), "shop", USERS, "", Outcome.REFUSED)
    assert tally.wake.is_set()
    assert counted(tally) == [("sync", "shop", "full", 3), ("sync", "shop", "refused", 1)]
    assert counted(tally) == []


def test_realms_that_a_caller_invents_are_one_name() -> None:
    tally = UseTally()
    for number in range(50):
        tally.count(known(tally), f"invented-{number}", USERS, "", Outcome.ERROR)
    tally.count(known(tally), "other", USERS, "", Outcome.FULL)
    tally.count(known(tally), "other", USERS, "", Outcome.REFUSED)
    assert counted(tally) == [("sync", OTHER_REALM, "error", 50), ("sync", "other", "full", 1), ("sync", "other", "refused", 1)]


def test_kinds_of_calls_beyond_the_bound_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    tally = UseTally()
    for operation in ("a", "b", "c", "a", "c"):
        tally.count(known(tally), "shop", operation, "", Outcome.FULL)
    batch = tally.take()
    assert (sum(batch.counts.values()), batch.dropped) == (3, 2)


def test_callers_and_their_roles_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CALLERS", 10)
    tally = UseTally()
    for number in range(100):
        found = known(tally, f"client-{number}")
        tally.name_roles(found.caller, {"realm-management": ("view-users",)})
    assert len(tally._known) <= 10
    assert len(tally.take().roles) == 10


def test_a_token_with_too_many_roles_is_recorded_without_them() -> None:
    tally = UseTally()
    tally.name_roles(caller(), {f"realm-{number}-realm": ("view-users",) for number in range(module.MAX_ROLES + 1)})
    assert tally.take().roles == {caller(): {}}


def test_names_that_are_too_long_are_not_recorded() -> None:
    assert UseTally().know(caller("x" * 256)) is None


def test_without_a_record_callers_are_known_and_nothing_waits() -> None:
    tally = UseTally(recording=False)
    tally.name_roles(known(tally).caller, {"realm-management": ("view-users",)})
    assert not tally.take()
