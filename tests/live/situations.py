"""The reported cases and their variants on real servers, as one table; importing this module fills it."""

from tests.live import (
    situations_elsewhere,
    situations_further,
    situations_further_elsewhere,
    situations_neighbours,
    situations_requests,
    situations_roles,
    situations_targets,
    situations_token_endpoint,
    situations_tokens,
)
from tests.live.registry import SITUATIONS, Situation

__all__ = ["PARTS", "SITUATIONS", "Situation", "of"]

PARTS = (
    situations_roles,
    situations_tokens,
    situations_elsewhere,
    situations_further,
    situations_further_elsewhere,
    situations_token_endpoint,
    situations_requests,
    situations_neighbours,
    situations_targets,
)


def of(version: str) -> list[Situation]:
    """The situations of one version."""
    return [entry for entry in SITUATIONS if version in entry.versions]
