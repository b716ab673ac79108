"""The retention policy: unverified denials cannot displace verified ones, in memory or in the file."""

import pytest

from kcproxy.observe.retention import Bounds, bounds_of, is_verified


@pytest.mark.parametrize(("max_denials", "verified", "unverified"), [(1000, 750, 250), (7, 6, 1), (3, 3, 1), (1, 1, 1), (0, 0, 0)])
def test_unverified_denials_get_a_quarter_and_at_least_one_slot(max_denials: int, verified: int, unverified: int) -> None:
    assert bounds_of(max_denials, 1024, verified=True) == Bounds(max_denials=verified, max_bytes=768)
    assert bounds_of(max_denials, 1024, verified=False) == Bounds(max_denials=unverified, max_bytes=256)


@pytest.mark.parametrize(("status", "verified"), [(403, True), (401, False), (400, False), (502, False)])
def test_only_a_403_shows_that_keycloak_verified_the_token(status: int, *, verified: bool) -> None:
    assert is_verified(status) is verified
