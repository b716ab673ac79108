"""A record of use from what a tally has counted in this process."""

from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord
from kcproxy.usage.tally import Batch

Place = tuple[UseCaller, str | None, str, str]


def record_of_batch(batch: Batch) -> UseRecord:
    """The record of one batch: without times."""
    counted: dict[Place, dict[Outcome, int]] = {}
    for (known, realm, operation, variant, outcome), number in batch.counts.items():
        counts = counted.setdefault((known.caller, realm, operation, variant), {})
        counts[outcome] = counts.get(outcome, 0) + number
    uses = tuple(
        Use(caller=caller, realm=realm, operation=operation, variant=variant, counts=counts)
        for (caller, realm, operation, variant), counts in counted.items()
    )
    roles = {caller: NamedRoles(by_owner=by_owner) for caller, by_owner in batch.roles.items()}
    return UseRecord(uses=uses, roles=roles, days=frozenset())
