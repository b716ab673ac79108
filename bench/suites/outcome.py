"""What became of each test, and in what two ways of reaching Keycloak differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABSENT = "absent"
    """It is not in this run's report, although it is in the other's."""


Run = Mapping[str, str]
"""One run: a test's name → its outcome; for the commands of a session a line break and what was printed follow."""


class Reason(StrEnum):
    """Why a test came out differently; the first two set it aside."""

    UNSTEADY = "comes out differently from one direct run to the next, too"
    ADDRESS = "as directly with `upstream.preserve_host`: the test signs or expects the address that it calls"
    ONCE = "came out differently in one run through the proxy and as directly in another"
    ALWAYS = "came out differently in every run through the proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One test that did not come out the same."""

    test: str
    direct: str
    proxied: str
    reason: Reason

    @property
    def set_aside(self) -> bool:
        """Whether other runs are evidence that it is no fault: direct ones that differ too, or one with the setting for it."""
        return self.reason in {Reason.UNSTEADY, Reason.ADDRESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a suite's runs showed, each way in the order in which they were made; ``unavailable`` says why there are none.

    ``preserving`` are runs through a proxy with `upstream.preserve_host`.
    """

    direct: tuple[Run, ...] = ()
    proxied: tuple[Run, ...] = ()
    preserving: tuple[Run, ...] = ()
    unavailable: str | None = None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every test whose first run through the proxy came out unlike its first direct one."""
        if not self.direct or not self.proxied:
            return ()
        first, other = self.direct[0], self.proxied[0]
        names = [name for name in sorted({*first, *other}) if outcome(first, name) != outcome(other, name)]
        return tuple(
            Difference(test=name, direct=outcome(first, name), proxied=outcome(other, name), reason=self._reason(name)) for name in names
        )

    @property
    def same(self) -> bool:
        """Whether it was run, and nothing is left that the proxy could have a part in."""
        return bool(self.direct and self.proxied and self.direct[0]) and all(item.set_aside for item in self.differences)

    def _reason(self, name: str) -> Reason:
        if len({outcome(run, name) for run in self.direct}) > 1:
            return Reason.UNSTEADY
        expected = outcome(self.direct[0], name)
        if any(outcome(run, name) == expected for run in self.preserving):
            return Reason.ADDRESS
        return Reason.ONCE if any(outcome(run, name) == expected for run in self.proxied) else Reason.ALWAYS


def outcome(run: Run, name: str) -> str:
    """What became of that test in that run."""
    return run.get(name, Outcome.ABSENT)


def counts(run: Run) -> tuple[int, int, int]:
    """How many passed, failed, were skipped."""
    found = [value.partition("\n")[0] for value in run.values()]
    return found.count(Outcome.PASSED), found.count(Outcome.FAILED), found.count(Outcome.SKIPPED)


def numbered(results: Sequence[tuple[str, str]]) -> dict[str, str]:
    """As a run; a name that comes again gets a number, so that none hides another."""
    run: dict[str, str] = {}
    seen: dict[str, int] = {}
    for name, result in results:
        seen[name] = seen.get(name, 0) + 1
        run[name if seen[name] == 1 else f"{name} ({seen[name]})"] = result
    return run
