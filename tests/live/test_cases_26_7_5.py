"""The reported cases on a real Keycloak 26.7.5, through the proxy."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live import situations
from tests.live.conftest import Start
from tests.live.judging import Bench, bench, check, play
from tests.live.situations import Situation

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

VERSION = "26.7.5"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(real_keycloak: Start, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(real_keycloak(VERSION), tmp_path_factory.mktemp("cases")) as made:
        yield made


@pytest.mark.parametrize("situation", situations.of(VERSION), ids=lambda entry: f"{entry.id}: {entry.says}")
async def test_the_true_cause_is_found_and_the_fix_works(stage: Bench, situation: Situation) -> None:
    check(situation, await play(stage, situation))
