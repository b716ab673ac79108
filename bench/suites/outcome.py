"""The outcomes of tests, and the differences between direct and proxied runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABSENT = "absent"
    """The test is in the other run's report only."""


_OF_ENVOY = frozenset({"date", "server", "x-envoy-upstream-service-time"})
Run = Mapping[str, str]
"""One run: test name → outcome. For commands of a session, a line break and the output follow."""


class Reason(StrEnum):
    """Why the outcome of a test differs. The first three are no faults of the proxy."""

    UNSTEADY = "the outcome differs between direct runs too"
    ADDRESS = "no difference with `upstream.preserve_host`: the test signs or expects the address that it calls"
    FIELDS = "no difference without what Envoy does to every response: field names in lower case, and `date`, `server` and `x-envoy-upstream-service-time` added"
    ONCE = "the outcome differs in one run this way, and is the same in another"
    ALWAYS = "the outcome differs in every run this way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One test whose outcomes differ."""

    test: str
    direct: str
    proxied: str
    reason: Reason

    @property
    def set_aside(self) -> bool:
        """Whether other runs show that the proxy is not at fault: direct runs differ too, the setting removes the difference, or it is Envoy's."""
        return self.reason in {Reason.UNSTEADY, Reason.ADDRESS, Reason.FIELDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a suite's runs showed, each way in the order in which they were made; ``unavailable`` says why there are none.

    ``preserving`` are runs through a proxy with `upstream.preserve_host`, ``envoy`` those through Envoy with `kcproxy ext-proc`.
    """

    direct: tuple[Run, ...] = ()
    proxied: tuple[Run, ...] = ()
    preserving: tuple[Run, ...] = ()
    envoy: tuple[Run, ...] = ()
    unavailable: str | None = None
    by_envoy: bool = False

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All tests whose first direct run and first proxied run have different outcomes."""
        if not self.direct or not self.proxied:
            return ()
        first, other = self.direct[0], self.proxied[0]
        names = [name for name in sorted({*first, *other}) if outcome(first, name) != outcome(other, name)]
        return tuple(
            Difference(test=name, direct=outcome(first, name), proxied=outcome(other, name), reason=self._reason(name)) for name in names
        )

    @property
    def behind_envoy(self) -> "Found":
        """The same, with the runs through Envoy in the place of those through the proxy. Envoy sends Host unchanged."""
        return Found(direct=self.direct, proxied=self.envoy, by_envoy=True)

    @property
    def same(self) -> bool:
        """Whether the suite was run, and no difference may be the proxy's fault."""
        return bool(self.direct and self.proxied and self.direct[0]) and all(item.set_aside for item in self.differences)

    def _reason(self, name: str) -> Reason:
        if len({outcome(run, name) for run in self.direct}) > 1:
            return Reason.UNSTEADY
        expected = outcome(self.direct[0], name)
        if any(outcome(run, name) == expected for run in self.preserving):
            return Reason.ADDRESS
        if self.by_envoy and any(without_envoy(outcome(run, name)) == without_envoy(expected) for run in self.proxied):
            return Reason.FIELDS
        return Reason.ONCE if any(outcome(run, name) == expected for run in self.proxied) else Reason.ALWAYS


def outcome(run: Run, name: str) -> str:
    """The outcome of a test in a run."""
    return run.get(name, Outcome.ABSENT)


def without_envoy(text: str) -> str:
    """A printed response without the fields that Envoy adds, and with names of fields in lower case. Other texts are unchanged."""
    verdict, _, printed = text.partition("\n")
    if not printed.startswith("HTTP/"):
        return text
    head, blank, body = printed.partition("\n\n")
    status, *fields = head.splitlines()
    pairs = [line.partition(":") for line in fields]
    kept = [f"{name.lower()}:{value}" for name, _, value in pairs if name.lower() not in _OF_ENVOY]
    return "\n".join([verdict, status, *kept]) + blank + body


def counts(run: Run) -> tuple[int, int, int]:
    """The numbers of passed, failed and skipped tests."""
    found = [value.partition("\n")[0] for value in run.values()]
    return found.count(Outcome.PASSED), found.count(Outcome.FAILED), found.count(Outcome.SKIPPED)


def numbered(results: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The results as a run. Repeated names get a number."""
    run: dict[str, str] = {}
    seen: dict[str, int] = {}
    for name, result in results:
        seen[name] = seen.get(name, 0) + 1
        run[name if seen[name] == 1 else f"{name} ({seen[name]})"] = result
    return run
