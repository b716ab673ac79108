"""What the record of use counts separately: caller, realm, operation and variant; for the file and for the shared database."""

from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import Batch

DAY_SECONDS = 86_400
Place = tuple[UseCaller, str, str, str]


def by_place(batch: Batch) -> dict[Place, dict[Outcome, int]]:
    """The numbers of a batch by outcome."""
    found: dict[Place, dict[Outcome, int]] = {}
    for (known, realm, operation, variant, outcome), number in batch.counts.items():
        counts = found.setdefault((known.caller, storable(realm or ""), operation, variant), {})
        counts[outcome] = counts.get(outcome, 0) + number
    return found


def storable(name: str) -> str:
    """A name as a database can store it: a path can contain bytes that are not UTF-8, and PostgreSQL stores no NUL."""
    return name.encode("utf-8", "replace").decode("utf-8", "replace").replace("\0", "\ufffd")
