"""The steps of the scenario as values: request, response, and checks."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from kcproxy.cli.scenario.exchange import Exchange
from kcproxy.errors import KcproxyError


class ScenarioError(KcproxyError):
    """The scenario cannot run. The message says why, and what to do."""

    kind = "scenario"


class Check(Struct, frozen=True, kw_only=True):
    """One expectation of the scenario."""

    ok: bool
    says: str


class CommandRun(Struct, frozen=True, kw_only=True):
    """A command line that was run, its program, and its output."""

    line: str
    program: str
    exit_code: int
    output: str


class Step(Struct, frozen=True, kw_only=True):
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
