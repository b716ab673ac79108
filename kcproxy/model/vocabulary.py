"""The closed sets that more than one value uses, and what an empty mapping is."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

RoleSet = tuple[str, ...]
"""Role names of one client (``realm-management``, or ``{realm}-realm`` in master), sorted, all of them needed together."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """The default of every mapping: read only, and the same one for all."""
    return NOTHING


class Basis(StrEnum):
    """Where a requirement is known from."""

    MEASURED = "measured"
    DOCUMENTED = "documented"
    SOURCES = "sources"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a cause is: proven by facts, the likeliest by far, or merely not ruled out."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Detail(StrEnum):
    """How much of an explanation its caller sees; log and page always have all of it."""

    FULL = "full"
    ROLE = "role"
    REFERENCE = "reference"
