"""The least set for many calls together equals what an exhaustive search finds."""

import random
from itertools import combinations

import pytest

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.catalog.queries import least_cover
from kcproxy.model import RoleSet

TABLE = catalog.load("26.7.5")
ROLES_TRIED = 11
SEEDS = range(50)


def demands_within(table: Catalog, universe: frozenset[str]) -> list[tuple[RoleSet, ...]]:
    """Every demand of the table, as far as these roles can meet it."""
    found = []
    for entry in table.operations:
        for requirement in (entry.requirement, *(variant.requirement for variant in entry.variants)):
            for sets in (requirement.any_of, requirement.admits, requirement.useful):
                within = tuple(roles for roles in sets if universe.issuperset(roles))
                if within:
                    found.append(within)
    return found


def exhaustive(table: Catalog, demands: list[tuple[RoleSet, ...]], universe: frozenset[str]) -> RoleSet:
    """The set of lowest rank among all subsets of the roles that meet every demand."""
    subsets = (roles for size in range(len(universe) + 1) for roles in combinations(sorted(universe), size))
    closures = ((roles, table.closure(roles)) for roles in subsets)
    fitting = (roles for roles, held in closures if all(any(held.issuperset(one) for one in sets) for sets in demands))
    return min(fitting, key=table.rank)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_set_equals_an_exhaustive_search(seed: int) -> None:
    chance = random.Random(seed)
    universe = frozenset(chance.sample(TABLE.roles, ROLES_TRIED))
    possible = demands_within(TABLE, universe)
    demands = chance.sample(possible, min(len(possible), chance.randint(1, 12)))
    assert least_cover(TABLE, demands) == exhaustive(TABLE, demands, universe)


def test_all_operations_of_the_table_together_take_a_moment() -> None:
    demands = [entry.requirement.any_of for entry in TABLE.operations if entry.requirement.any_of]
    found = least_cover(TABLE, demands)
    assert found is not None
    held = TABLE.closure(found)
    assert all(any(held.issuperset(roles) for roles in sets) for sets in demands)
