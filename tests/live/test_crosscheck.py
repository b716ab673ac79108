"""A second opinion on the tables: random cells, asked by plain calls that share nothing with the measurement."""

import random

import pytest

from tests.live.conftest import Start
from tools.crosscheck.__main__ import Check, cells_of, contains_of
from tools.crosscheck.server import Keycloak
from tools.crosscheck.things import new_realm

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

CELLS = 150


@pytest.mark.parametrize("version", ["24.0.5", "26.7.5"])
def test_random_cells_are_as_the_table_says(real_keycloak: Start, version: str) -> None:
    cells = random.Random(version).sample(cells_of(version, behind_features=False), CELLS)
    server = Keycloak(base_url=real_keycloak(version).base_url)
    try:
        check = Check(realm=new_realm(server, organizations=version.startswith("26")), contains=contains_of(version))
        check.run(cells)
        assert check.differences == []
    finally:
        server.close()
