"""The simulator answers the same script of calls as a real server does: statuses, bodies and headers, ids aside."""

import pytest

from kcproxy import catalog
from kcproxy.simulator import SimulatedKeycloak
from tests.live.conftest import Keycloak
from tests.simulator.script import Line, play

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
async def test_every_answer_is_the_one_of_the_real_server(keycloak: Keycloak) -> None:
    real = await play(keycloak.base_url, "simulator-compared", keycloak.admin_username, keycloak.admin_password)
    table = catalog.load(catalog.nearest(keycloak.version))
    async with SimulatedKeycloak(table, version=keycloak.version) as simulator:
        simulated = await play(simulator.url, "simulator-compared", "admin", "admin")
    differences = [(ours, theirs) for ours, theirs in zip(simulated, real, strict=True) if ours != theirs]
    assert not differences, _listed(differences)


def _listed(differences: list[tuple[Line, Line]]) -> str:
    return "\n".join(f"simulator {ours}\nreal      {theirs}\n" for ours, theirs in differences)
