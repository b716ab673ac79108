"""Enums and types that several values use."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

RoleSet = tuple[str, ...]
"""Role names of one client (``realm-management``, or ``{realm}-realm`` in master), sorted; all of them are required together."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """The default of every mapping: read-only and shared."""
    return NOTHING


class Basis(StrEnum):
    """The source of a requirement."""

    MEASURED = "measured"
    DOCUMENTED = "documented"
    SOURCES = "sources"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a cause is: proven by facts, likelier than all others, or not ruled out."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Detail(StrEnum):
    """How much of an explanation the caller gets. Log and page always have all of it."""

    FULL = "full"
    ROLE = "role"
    REFERENCE = "reference"
