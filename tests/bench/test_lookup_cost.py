"""The counts of look-ups: bounded for any realm and request, none for a repeated denial, and never above the limit for the rate."""

import pytest

from bench.lookup_cost import ATTACKERS, CALLS, ITEMS, PERMISSIONS, Attack, attack, bound_of, cost, page


@pytest.mark.parametrize("says", CALLS)
async def test_a_denial_costs_a_bounded_number_of_look_ups(says: str) -> None:
    most = await cost(CALLS[says], PERMISSIONS[-1])

    assert 0 < most.first <= 80
    assert most.at_once == 0
    assert most.after_a_second <= most.first


async def test_a_realm_without_permissions_costs_less() -> None:
    off, few = [await cost(CALLS["read a user"], count) for count in (0, 5)]

    assert off.first < few.first
    assert (off.decided, few.decided) == (None, True)


async def test_a_list_that_is_too_long_is_not_decided() -> None:
    few, many = [await cost(CALLS[f"map {says} to a user"], 2) for says in ("three roles", f"{ITEMS} roles")]

    assert (few.decided, many.decided) == (True, False)


async def test_hostile_callers_stay_below_the_limit() -> None:
    found = await attack(PERMISSIONS[-1], 0.5)

    assert found.denials >= ATTACKERS
    assert found.lookups <= bound_of(found.seconds)


async def test_the_page_has_every_call() -> None:
    costs = {(says, 0): await cost(request, 0) for says, request in CALLS.items()}

    text = page(costs, Attack(denials=7, lookups=3, seconds=1.0))

    assert all(f"| {says} | off |" in text for says in CALLS)
