"""The retention policy for recent denials, in memory and in the history file: bounds on number and bytes, separate for two classes.

A 403 means that Keycloak verified the caller's token. Any client can cause the other refusals, so they get only a quarter of the slots
and bytes, and cannot displace verified denials.
"""

from msgspec import Struct

_UNVERIFIED_SHARE = 4
"""Unverified denials get one part in this many."""


class Bounds(Struct, frozen=True, kw_only=True):
    """How much of one class is stored."""

    max_denials: int
    max_bytes: int


def bounds_of(max_denials: int, max_bytes: int, *, verified: bool) -> Bounds:
    """The part of verified or of unverified denials. Unverified ones get at least one slot if there are any."""
    unverified = Bounds(max_denials=max_denials // _UNVERIFIED_SHARE, max_bytes=max_bytes // _UNVERIFIED_SHARE)
    if verified:
        return Bounds(max_denials=max_denials - unverified.max_denials, max_bytes=max_bytes - unverified.max_bytes)
    return Bounds(max_denials=unverified.max_denials or min(max_denials, 1), max_bytes=unverified.max_bytes)


def is_verified(status: int) -> bool:
    """True if Keycloak verified the caller's token before it sent this status code."""
    return status == 403
