"""The programs of compose.yaml, as processes, in front of a real Keycloak."""

from pathlib import Path

import pytest

from tests.deploy.test_compose import check_the_story
from tests.live.conftest import Keycloak

pytestmark = pytest.mark.live


async def test_set_up_kcproxy_and_caller_show_an_allowed_call_and_two_explained_refusals(keycloak: Keycloak, tmp_path: Path) -> None:
    await check_the_story(tmp_path, keycloak.base_url)
