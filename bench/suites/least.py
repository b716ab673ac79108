"""The least set of a suite's administrator, from `kcproxy audit --json`, and what became of the tests with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from bench.suites.outcome import Run, outcome

MASTER = "master"
ADMINISTRATOR = "admin"
"""The realm role of master that contains everything. It is never part of a set."""
CLIENT, _KIND = "admin-cli", "user"
"""The suites log in as a user of master, with the client that every realm has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastSet:
    """Roles of realm master: ``realm_roles``, and ``clients`` by client, which is `{realm}-realm` for each realm that was called.

    ``open``: operations for which the audit knows no roles, with its reason. ``whole``: operations whose same response only `admin` gets.
    """

    realm_roles: tuple[str, ...] = ()
    clients: Mapping[str, tuple[str, ...]]
    open: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    def of(self, clients: Sequence[str]) -> tuple[str, ...]:
        """The roles of these clients together."""
        return tuple(sorted({role for client in clients for role in self.clients[client]}))


class LeastReason(StrEnum):
    """Why the outcome of a test differs with the least set, if no written reason is needed."""

    UNSTEADY = "the outcome differs between runs as administrator too"
    ONCE = "the outcome differs in one run with the least set, and is the same in another"
    UNKNOWN = "no reason is known"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastDifference:
    """One test with another outcome."""

    test: str
    recorded: str
    least: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastFound:
    """``recorded``: the run as administrator that the set comes from. ``least``: runs with the set. ``made``: clients of realms that the suite made itself."""

    least_set: LeastSet
    made: tuple[str, ...]
    recorded: Run
    least: tuple[Run, ...]

    @property
    def granted(self) -> dict[str, tuple[str, ...]]:
        """The roles that the user got before the run, by client."""
        return {client: roles for client, roles in self.least_set.clients.items() if client not in self.made}

    def differences(self, known: Mapping[str, str], others: Sequence[Run] = ()) -> tuple[LeastDifference, ...]:
        """``known``: written reasons by pattern of the test's name. ``others``: more runs as administrator."""
        names = sorted({*self.recorded, *self.least[0]})
        return tuple(
            LeastDifference(
                test=name,
                recorded=outcome(self.recorded, name),
                least=outcome(self.least[0], name),
                reason=self._reason(name, known, others),
            )
            for name in names
            if outcome(self.recorded, name) != outcome(self.least[0], name)
        )

    def _reason(self, name: str, known: Mapping[str, str], others: Sequence[Run]) -> str:
        if any(_verdict(run, name) == _verdict(self.least[0], name) != _verdict(self.recorded, name) for run in others):
            return LeastReason.UNSTEADY
        written = next((reason for pattern, reason in known.items() if fnmatchcase(name, pattern)), None)
        if written is not None:
            return written
        once = any(outcome(run, name) == outcome(self.recorded, name) for run in self.least)
        return LeastReason.ONCE if once else LeastReason.UNKNOWN


def _verdict(run: Run, name: str) -> str:
    return outcome(run, name).partition("\n")[0]


def least_set(document: Mapping[str, Any]) -> LeastSet:
    """The set of the user who logs in to realm master. Accounts that the suite makes get their roles from the suite."""
    callers = [
        each
        for each in document["callers"]
        if each["used"] and (each["tokenRealm"], each["client"], each["kind"]) == (MASTER, CLIENT, _KIND)
    ]
    used = [use for each in callers for use in each["used"]]
    return LeastSet(
        realm_roles=tuple(sorted({role for use in used for role in use["realmRoles"]} - {ADMINISTRATOR})),
        clients={each["owner"]["client"]: tuple(each["least"] or ()) for each in callers},
        open=tuple(sorted({f"{use['operation']}: {use['problem']}" for use in used if use["problem"]})),
        whole=tuple(sorted({_named(use) for use in used if ADMINISTRATOR in use["realmRoles"]})),
    )


def _named(use: Mapping[str, Any]) -> str:
    return f"{use['operation']} [{use['variant']}]" if use["variant"] else str(use["operation"])
