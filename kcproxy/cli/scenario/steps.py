"""The steps of the scenario as values: request, response, and checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kcproxy.cli.scenario.exchange import Exchange
from kcproxy.errors import KcproxyError


class ScenarioError(KcproxyError):
    """The scenario cannot run. The message says why, and what to do."""

    kind = "scenario"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation of the scenario."""

    ok: bool
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """A command line that was run, its program, and its output."""

    line: str
    program: str
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One finished step. ``explanation`` is the object from the response, if there is one."""

    title: str
    exchanges: Sequence[Exchange] = ()
    checks: Sequence[Check] = ()
    command: CommandRun | None = None
    explanation: Mapping[str, Any] | None = None
    note: str | None = None
    attempt: bool = False

    @property
    def ok(self) -> bool:
        """Whether all checks passed."""
        return all(check.ok for check in self.checks)


class Audience(Protocol):
    """Output of the scenario."""

    def opened(self, *, keycloak: str, version: str, simulated: bool) -> None:
        """The server responds, and the administrator is logged in."""
        ...

    def begun(self, title: str) -> None:
        """A step begins."""
        ...

    def ended(self, step: Step) -> None:
        """The step has ended."""
        ...
