"""The kinds of denial that a history knows, as the metrics name them: after a restart, *first seen* is that of the history."""

from collections.abc import Iterator

from msgspec import Struct

from kcproxy.observe.denials.document import Document
from kcproxy.observe.denials.store import DenialStore, Group
from kcproxy.observe.retention import is_verified


class KnownKind(Struct, frozen=True, kw_only=True):
    """A kind of denial that a history knows. Times in seconds since the epoch."""

    operation: str
    realm: str | None
    cause: str
    missing: tuple[str, ...]
    client: str | None
    is_proven: bool
    first_at: float
    last_at: float
    resolved_at: float | None


def known_kinds(store: DenialStore) -> Iterator[KnownKind]:
    """The kinds of denial that the history knows, as the metrics name them."""
    for group in store.groups():
        yield known_kind(group, group.latest)


def known_kind(group: Group, newest: Document) -> KnownKind:
    """One kind, with its newest denial."""
    explanation = newest["explanation"]
    method, _, operation = newest["what"].partition(" ")
    return KnownKind(
        operation=operation[1:-1] if operation.startswith("(") else f"{method} {operation}",
        realm=newest["realm"],
        cause=newest["why"],
        missing=tuple(explanation["missing"]),
        client=explanation["caller"]["clientId"],
        is_proven=is_verified(newest["status"]),
        first_at=group.first_at,
        last_at=group.last_at,
        resolved_at=group.resolved_at,
    )
