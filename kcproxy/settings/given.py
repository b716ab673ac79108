"""What was written where: one raw value with its place, and the list of what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Layer(IntEnum):
    """Where a value was written; the higher one wins."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One raw value. ``place`` is what a message begins with: ``kcproxy.toml:12``, ``KCPROXY_WORKERS``, ``--listen``."""

    raw: Any
    place: str
    layer: Layer

    @property
    def origin(self) -> str:
        """Layer and place, as ``check --print`` shows them."""
        return f"{self.layer.name.lower()} {self.place}"


Flat = dict[str, Given]
"""Raw values by dotted key; entries of the list of accounts as ``accounts[0].client_id``."""


@dataclass(slots=True)
class Findings:
    """Everything that is wrong (``problems``) and everything worth knowing (``notes``), each a complete line."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, place: str, what: str, remedy: str) -> None:
        """Something that has to be changed before the program can run."""
        self.problems.append(f"{place}: {what}; {remedy}")

    def note(self, place: str, what: str, remedy: str) -> None:
        """Something that works, but should be known."""
        self.notes.append(f"{place}: {what}; {remedy}")


def where(flat: Mapping[str, Given], key: str) -> str:
    """The place of a setting, its own name where it was not written anywhere."""
    return flat[key].place if key in flat else key
