"""Client libraries, unchanged, print the proxy's sentence; which ones can be run here is said."""

import os

import pytest

from tests.live.conftest import Keycloak
from tools.clients.compare import Comparison, compare
from tools.clients.programs import PROGRAMS, Program

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

ALWAYS = frozenset({"kcadm", "python"})
"""They come with Keycloak and with the test group; the others need a tool chain of their own."""

PRINTS_A_WHOLE_BODY = frozenset({"javascript"})
"""It prints every member of the body, so also the sentence in each."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
async def test_what_a_client_prints_of_a_refusal_has_the_sentence(keycloak: Keycloak, program: Program) -> None:
    found = await _compared(keycloak, program)
    if found.unavailable is not None:
        assert program.name not in ALWAYS, found.unavailable
        assert os.environ.get("TEST_REQUIRE_CLIENTS") != "1", found.unavailable
        pytest.skip(f"{program.library}: {found.unavailable}")
    assert "403" in found.direct
    assert "view-users" not in found.direct
    assert found.is_printed, found.proxied
    assert program.name in PRINTS_A_WHOLE_BODY or found.times_printed == 1, found.proxied


async def _compared(keycloak: Keycloak, program: Program) -> Comparison:
    (found,) = await compare(
        [program],
        url=keycloak.base_url,
        username=keycloak.admin_username,
        password=keycloak.admin_password,
        home=keycloak.home,
        realm=f"clients-{program.name}",
    )
    return found
