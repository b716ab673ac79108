"""How many connections fit into the descriptors of a process, and what is said where too few do."""

import resource

import pytest

from kcproxy.errors import SettingsError
from kcproxy.process.descriptors import RESERVE, others_of, planned
from kcproxy.settings import Settings, UpstreamSettings


@pytest.mark.parametrize(
    ("soft", "hard", "asked", "limit", "fitting"),
    [
        (1024, 524_288, 4096, 4496, 4096),
        (1024, resource.RLIM_INFINITY, 4096, 4496, 4096),
        (1_048_576, 1_048_576, 4096, 1_048_576, 4096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4096, 1 << 30, 4096),
        (1024, 1024, 4096, 1024, 624),
        (256, 1024, 4096, 1024, 624),
        (420, 420, 10, 420, 10),
        (401, 401, 1, 401, 1),
    ],
    ids=[
        "raised as far as needed",
        "without a hard limit",
        "enough already",
        "no limit at all",
        "fewer fit",
        "raised, and fewer fit",
        "few are asked for",
        "one is asked for",
    ],
)
def test_the_limit_is_raised_and_what_fits_is_known(soft: int, hard: int, asked: int, limit: int, fitting: int) -> None:
    plan = planned(soft, hard, asked=asked, others=400)
    assert (plan.limit, plan.max_connections, plan.is_lowered) == (limit, fitting, fitting < asked)


@pytest.mark.parametrize(("hard", "asked"), [(400, 4096), (410, 4096), (256, 10), (400, 1)])
def test_too_few_descriptors_are_refused_with_the_number_that_is_needed(hard: int, asked: int) -> None:
    with pytest.raises(SettingsError) as refused:
        planned(hard, hard, asked=asked, others=400)
    (problem,) = refused.value.problems
    assert f"{hard} file descriptors" in problem
    assert f"to at least {400 + min(asked, 16)}" in problem


def test_a_reload_may_hold_the_old_connections_to_keycloak_beside_the_new_ones() -> None:
    settings = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=1, max_connections=100))
    assert others_of(settings, admin_connections=50) >= 2 * 100 + 50 + RESERVE
