"""The search for all minimal sets, against trying every set."""

import asyncio
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.measure.sets import RoleSet, SetSearch, closure, in_order, reduced_to_tops

ROLES = tuple("abcdefg")


def every_set(roles: tuple[str, ...]) -> list[RoleSet]:
    return [frozenset(chosen) for size in range(len(roles) + 1) for chosen in combinations(roles, size)]


def by_brute_force(roles: tuple[str, ...], contains: dict[str, list[str]], needed: list[RoleSet]) -> set[RoleSet]:
    closed = {closure(chosen, contains) for chosen in every_set(roles)}
    passing = [held for held in closed if any(need <= held for need in needed)]
    return {held for held in passing if not any(other < held for other in passing)}


@st.composite
def composites(draw: st.DrawFn) -> dict[str, list[str]]:
    """Which role contains which later ones (so that nothing contains itself), closed under containment."""
    direct = {role: draw(st.lists(st.sampled_from(ROLES[at + 1 :]), max_size=2, unique=True)) for at, role in enumerate(ROLES[:-1])}
    held: dict[str, set[str]] = {}
    for role in reversed(ROLES):
        inner = set(direct.get(role, []))
        held[role] = inner.union(*(held[name] for name in inner)) if inner else inner
    return {role: sorted(inner) for role, inner in held.items()}


needs = st.lists(st.frozensets(st.sampled_from(ROLES), max_size=4), max_size=4)


def search(contains: dict[str, list[str]], needed: list[RoleSet], hints: list[RoleSet]) -> tuple[list[RoleSet], list[RoleSet]]:
    asked: list[RoleSet] = []

    async def passes(roles: RoleSet) -> bool:
        asked.append(closure(roles, contains))
        return any(need <= closure(roles, contains) for need in needed)

    found = asyncio.run(SetSearch(roles=ROLES, contains=contains, passes=passes, hints=hints).all_minimal())
    return found, asked


@given(contains=composites(), needed=needs, hints=st.lists(st.frozensets(st.sampled_from(ROLES), min_size=1, max_size=3), max_size=3))
def test_finds_exactly_the_minimal_sets(contains: dict[str, list[str]], needed: list[RoleSet], hints: list[RoleSet]) -> None:
    found, _ = search(contains, needed, hints)
    assert {closure(roles, contains) for roles in found} == by_brute_force(ROLES, contains, needed)
    assert len({closure(roles, contains) for roles in found}) == len(found)


@given(contains=composites(), needed=needs)
def test_lists_no_role_beside_one_that_contains_it(contains: dict[str, list[str]], needed: list[RoleSet]) -> None:
    for roles in search(contains, needed, [])[0]:
        assert reduced_to_tops(roles, contains) == roles


@given(contains=composites(), needed=needs)
def test_asks_no_set_twice(contains: dict[str, list[str]], needed: list[RoleSet]) -> None:
    asked = search(contains, needed, [])[1]
    assert len(asked) == len(set(asked))


def test_nothing_needed_is_one_question() -> None:
    found, asked = search({}, [frozenset()], [])
    assert (found, len(asked)) == ([frozenset()], 1)


def test_what_no_set_opens_costs_one_question_more_than_the_single_roles() -> None:
    found, asked = search({}, [], [])
    assert (found, len(asked)) == ([], len(ROLES) + 2)


def test_a_pair_among_many_takes_far_fewer_questions_than_all_pairs() -> None:
    roles = tuple(f"r{number:02}" for number in range(20))
    asked: list[RoleSet] = []

    async def passes(chosen: RoleSet) -> bool:
        asked.append(chosen)
        return {"r03", "r17"} <= chosen

    found = asyncio.run(SetSearch(roles=roles, contains={}, passes=passes).all_minimal())
    assert found == [frozenset({"r03", "r17"})]
    assert len(asked) < 45


@pytest.mark.parametrize(
    ("sets", "listed"),
    [
        ([frozenset({"b", "a"}), frozenset({"c"})], [["c"], ["a", "b"]]),
        ([frozenset()], [[]]),
        ([], []),
    ],
)
def test_sets_are_listed_by_length_and_names(sets: list[RoleSet], listed: list[list[str]]) -> None:
    assert in_order(sets) == listed
