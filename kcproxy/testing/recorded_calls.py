"""What a program called, and the least roles for it. A proxy or the middleware counts the calls."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from kcproxy.catalog import Catalog
from kcproxy.model import Explanation
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.combine import combined
from kcproxy.usage.from_batch import record_of_batch
from kcproxy.usage.model import UseRecord
from kcproxy.usage.needs import MASTER
from kcproxy.usage.tally import UseTally


class Recording(ABC):
    """What was called. The methods raise AssertionError with sentences for people."""

    def __init__(self, catalog: Catalog) -> None:
        """``catalog``: the table of the server's version."""
        self.catalog = catalog
        self.tally = UseTally()
        self._record = UseRecord(uses=(), roles={}, days=frozenset())
        self._sentences: list[str] = []

    @abstractmethod
    def settle(self) -> None:
        """Wait until every response that a client has got is counted."""

    def note_refusal(self, status: int, explanation: Explanation) -> None:
        """Keep the sentence of a refusal."""
        self._sentences.append(f"{status} {explanation.summary}")

    @property
    def refusals(self) -> tuple[str, ...]:
        """The sentences of all refusals, each once: who may not do what, and which role is missing."""
        self.settle()
        return tuple(dict.fromkeys(self._sentences))

    def least(self, client: str | None = None) -> frozenset[str]:
        """The least roles for everything that a client called, as it was answered. ``client`` may be left out if there is only one.

        Roles are those of realm-management. For tokens of master they have their owner in front: ``shop-realm/view-users``. Raises
        AssertionError with the sentence of the missing role if a call was refused.
        """
        self._check_refusals()
        found: set[str] = set()
        for audit in self.audits(client):
            if audit.least is None:
                raise AssertionError(f"No set of roles is enough for the calls of {audit.caller.client}.")
            prefix = f"{audit.owner.client}/" if audit.owner.realm == MASTER else ""
            found |= {prefix + role for role in audit.least}
        return frozenset(found)

    def assert_least(self, *roles: str, client: str | None = None) -> None:
        """Check that exactly these roles are the least ones. The error says which calls need what."""
        found, pinned = self.least(client), frozenset(roles)
        if found != pinned:
            raise AssertionError("\n".join(self._difference(found, pinned, client)))

    def _difference(self, found: frozenset[str], pinned: frozenset[str], client: str | None) -> Iterator[str]:
        yield f"The calls need {_listed(found)}, and the test pins {_listed(pinned)}."
        if found - pinned:
            yield f"Missing in the test: {_listed(found - pinned)}."
        if pinned - found:
            yield f"No longer needed: {_listed(pinned - found)}."
        for audit in self.audits(client):
            for need in audit.needs:
                least = [self.catalog.least(demand) or () for demand in need.as_answered]
                yield f"  {need.use.operation}: {need.problem or ' + '.join(_listed(frozenset(each)) for each in least) or 'any token'}"

    def _check_refusals(self) -> None:
        refusals = self.refusals
        if refusals:
            raise AssertionError("Keycloak refused calls:\n" + "\n".join(f"  {sentence}" for sentence in refusals))

    def audits(self, client: str | None = None) -> tuple[Audit, ...]:
        """The audits behind ``least``: one for each owner of roles. Raises AssertionError if no call of the client succeeded."""
        self._take()
        names = sorted({use.caller.client for use in self._record.uses})
        if client is None and len(names) > 1:
            raise AssertionError(f"Several clients called: {', '.join(names)}. Name one of them.")
        chosen = client if client is not None else next(iter(names), None)
        if chosen not in names:
            raise AssertionError(f"No call of {chosen or 'any client'} succeeded. Callers: {', '.join(names) or 'none'}.")
        return tuple(audit for audit in audits(self.catalog, self._record) if audit.caller.client == chosen)

    def _take(self) -> None:
        self.settle()
        batch = self.tally.take()
        if batch:
            self._record = _without_difference(combined([self._record, record_of_batch(batch)]))


def _listed(roles: frozenset[str]) -> str:
    return ", ".join(sorted(roles)) or "no role"


def _without_difference(record: UseRecord) -> UseRecord:
    """The record in which a client is one caller, whether it brings its token or the proxy adds it."""
    uses = tuple(replace(use, caller=replace(use.caller, injected=False)) for use in record.uses)
    roles = {replace(caller, injected=False): named for caller, named in record.roles.items()}
    return combined([UseRecord(uses=uses, roles=roles, days=record.days)])
