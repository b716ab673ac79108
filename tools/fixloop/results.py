"""The result of each call of the loop, and the journal with which a run can resume."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """How a call ended."""

    FIXED = "fixed"
    """Refused, explained and allowed by the first fix, and each role of the fix is needed."""
    COMPLETED = "completed"
    """Never refused, but reduced without roles; the named roles gave the full response."""
    OPEN = "open"
    """Needs no role."""
    CLOSED = "closed"
    """No role of a realm opens it; tried with all of them."""
    BY_TARGET = "by-target"
    """Refused again for what only Keycloak knows; the response to that said so, and the table's set for it opens it."""
    OTHER = "other"
    """Does not refuse with 403, or not for a role: a named exception."""
    UNDETERMINED = "undetermined"
    """The table has no need for it, and says why."""
    FAILED = "failed"
    """Not as it should be: a wrong cell, a wrong explanation, a wrong command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One call of the loop.

    `roles` are what the first fix grants, `commands` its printed commands, `without` what each role of the set taken away gave, `reason`
    why it is an exception or has failed.
    """

    key: str
    name: str
    kind: Kind
    explained: bool = False
    roles: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)
    in_shell: bool = False
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Journal:
    """Results, one JSON line each. A run that resumes repeats what failed."""

    path: Path
    done: dict[str, Result] = field(default_factory=dict)

    def load(self) -> None:
        """Read what an earlier run left."""
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            result = parsed(json.loads(line))
            if result.kind is not Kind.FAILED:
                self.done[result.key] = result

    def add(self, result: Result) -> None:
        """Append a result."""
        self.done[result.key] = result
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(result), sort_keys=True) + "\n")


def parsed(values: Mapping[str, Any]) -> Result:
    """A result of its JSON object."""
    lists = {name: tuple(values[name]) for name in ("roles", "commands")}
    return Result(**{**values, **lists, "kind": Kind(values["kind"])})
