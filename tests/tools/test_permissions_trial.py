"""The search of a trial: minimal sets by few questions, refusals believed, the roles that help."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.measure.callers import Kind
from tools.measure.judge import Outcome, Seen
from tools.measure.sets import RoleSet, SetSearch, closure
from tools.permissions.trial import MinimalSets, PermissionBar

TERMS = ("Users.view", "Users.view@user", "Users.manage", "Users.manage@user", "Groups.view", "query-users")
CONTAINS = {"Users.view": frozenset({"Users.view@user"}), "Users.manage": frozenset({"Users.manage@user"})}
NEEDED = st.lists(st.sets(st.sampled_from(TERMS), max_size=3).map(frozenset), max_size=3)


def search(needed: list[RoleSet], asked: list[RoleSet], kind: type[SetSearch], hints: tuple[RoleSet, ...] = ()) -> SetSearch:
    async def passes(terms: RoleSet) -> bool:
        asked.append(terms)
        return any(need <= closure(terms, CONTAINS) for need in needed)

    return kind(roles=TERMS, contains=CONTAINS, passes=passes, hints=hints)


@given(NEEDED, st.lists(st.sets(st.sampled_from(TERMS), min_size=1, max_size=2).map(frozenset), max_size=2))
def test_the_same_sets_are_found_as_by_trying_every_single_term(needed: list[RoleSet], hints: list[RoleSet]) -> None:
    quick: list[RoleSet] = []
    slow: list[RoleSet] = []

    found = asyncio.run(search(needed, quick, MinimalSets, tuple(hints)).all_minimal())
    singles = asyncio.run(search(needed, slow, SetSearch).all_minimal())

    assert set(found) == set(singles)


def test_what_passes_with_one_known_set_takes_few_questions() -> None:
    asked: list[RoleSet] = []
    known = frozenset({"Users.view@user"})

    assert asyncio.run(search([known], asked, MinimalSets, (known,)).all_minimal()) == [known]
    assert len(asked) <= 4


@dataclass
class Answers:
    """A bench that answers with these statuses, one after the other."""

    statuses: list[int]
    asked: int = 0
    place: Any = field(default=None)

    async def attempt(self, _: RoleSet, __: Kind) -> Seen:
        self.asked += 1
        return Seen(status=self.statuses.pop(0))


@pytest.mark.parametrize(
    ("statuses", "outcome", "asked"),
    [
        ([200], Outcome.FULL, 1),
        ([403], Outcome.REFUSED, 1),
        ([404], Outcome.REFUSED, 1),
        ([500, 500], Outcome.REFUSED, 2),
        ([500, 200], Outcome.FULL, 2),
    ],
)
def test_refusals_are_believed_at_once_and_server_errors_when_they_come_again(statuses: list[int], outcome: Outcome, asked: int) -> None:
    bench: Any = Answers(statuses)
    bar = PermissionBar(bench=bench, base=Seen(status=200), kind=Kind.SERVICE_ACCOUNT, contains={})

    judged = asyncio.run(bar.of(frozenset({"Users.view"})))

    assert judged.outcome is outcome
    assert bench.asked == asked
