"""Denials in the shared database: written in batches, read by kind and by id.

Writing a batch twice changes nothing: a denial whose id is stored is not counted again. So a batch whose commit was not confirmed is written
again after the connection is back.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from kcproxy.observe.denials.document import Document, has_all_parts
from kcproxy.observe.denials.records import Resolution, Stored
from kcproxy.observe.retention import bounds_of
from kcproxy.observe.shared.connection import Connection
from kcproxy.observe.shared.kinds import KindState, apply
from kcproxy.observe.shared.schema import CLEANING_LOCK
from kcproxy.observe.use_places import storable

CHANNEL = "kcproxy_denials"
"""The channel of NOTIFY. A payload has the fingerprints of changed kinds, with commas; ``*``: read all of them."""
ALL = "*"
MAX_OCCURRENCES = 20
_MAX_NAMED = 400
"""Fingerprints in one payload, which has to be shorter than 8000 bytes (PostgreSQL 15, NOTIFY)."""
_MAX_DELETED = 1000
"""Rows that one statement deletes."""

_INSERT = """
INSERT INTO kcproxy.denials (id, at, fingerprint, verified, instance, document)
SELECT given.id, given.at, given.fingerprint, given.verified, given.instance, given.document
FROM unnest($1::text[], $2::float8[], $3::text[], $4::bool[], $5::bytea[], $6::text[])
  AS given (id, at, fingerprint, verified, document, instance)
ON CONFLICT (id) DO NOTHING RETURNING id, number
"""
_NEW_KINDS = """
INSERT INTO kcproxy.kinds (fingerprint, verified, first_at, last_at)
SELECT * FROM unnest($1::text[], $2::bool[], $3::float8[], $3::float8[]) ORDER BY 1 ON CONFLICT DO NOTHING
"""
_LOCKED_KINDS = "SELECT * FROM kcproxy.kinds WHERE fingerprint = ANY($1) ORDER BY fingerprint FOR UPDATE"
_CHANGED_KINDS = """
UPDATE kcproxy.kinds AS kinds
SET first_at = given.first_at, last_at = given.last_at, count = given.count, resolved_at = given.resolved_at,
  changes = given.changes, hours = given.hours, instances = given.instances, latest = coalesce(given.latest, kinds.latest)
FROM unnest($1::text[], $2::float8[], $3::float8[], $4::bigint[], $5::float8[], $6::jsonb[], $7::jsonb[], $8::jsonb[], $9::bigint[])
  AS given (fingerprint, first_at, last_at, count, resolved_at, changes, hours, instances, latest)
WHERE kinds.fingerprint = given.fingerprint
"""
_KINDS = """
SELECT kinds.*, denials.id, denials.at, denials.document, denials.instance
FROM kcproxy.kinds AS kinds JOIN kcproxy.denials AS denials ON denials.number = kinds.latest
"""
_NEWEST_KINDS = f"{_KINDS} ORDER BY kinds.last_at DESC LIMIT $1"
_NAMED_KINDS = f"{_KINDS} WHERE kinds.fingerprint = ANY($1)"


class SharedKind(Struct, frozen=True, kw_only=True):
    """A kind of denial as all instances know it, with its newest denial."""

    fingerprint: str
    state: KindState
    latest: Stored
    document: Document
    """The newest denial."""


async def write(connection: Connection, batch: Sequence[Stored | Resolution], instance: str) -> None:
    """Store a batch in one transaction, and notify all instances of the kinds that it changed.

    ``instance``: the one that stored the denials that do not name theirs.
    """
    async with connection.transaction():
        numbers = await _insert(connection, [item for item in batch if isinstance(item, Stored)], instance)
        items = [item for item in batch if isinstance(item, Resolution) or item.id in numbers]
        changed = await _change_kinds(connection, items, numbers, instance)
        for start in range(0, len(changed), _MAX_NAMED):
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, ",".join(changed[start : start + _MAX_NAMED]))


async def _insert(connection: Connection, denials: Sequence[Stored], instance: str) -> dict[str, int]:
    """The numbers of the denials that were not stored before, by id."""
    if not denials:
        return {}
    columns = [[getattr(each, name) for each in denials] for name in ("id", "at", "group", "verified", "document")]
    instances = [each.instance or instance for each in denials]
    return {row["id"]: row["number"] for row in await connection.fetch(_INSERT, *columns, instances)}


async def _change_kinds(connection: Connection, items: Sequence[Stored | Resolution], numbers: dict[str, int], instance: str) -> list[str]:
    denials = {item.group: item for item in items if isinstance(item, Stored)}
    if denials:
        columns = zip(*((each.group, each.verified, each.at) for each in denials.values()), strict=True)
        await connection.execute(_NEW_KINDS, *map(list, columns))
    rows = await connection.fetch(_LOCKED_KINDS, sorted({item.group for item in items}))
    states = {row["fingerprint"]: KindState.of(row) for row in rows}
    latest: dict[str, int] = {}
    for item in items:
        if (state := states.get(item.group)) is not None:
            if isinstance(item, Stored) and (item.at >= state.last_at or not state.count):
                latest[item.group] = numbers[item.id]
            apply(state, item, instance)
    if states:
        changed = [(name, *state.columns(), latest.get(name)) for name, state in states.items()]
        await connection.execute(_CHANGED_KINDS, *map(list, zip(*changed, strict=True)))
    return list(states)


async def newest_kinds(connection: Connection, limit: int) -> list[SharedKind]:
    """The kinds with the newest denials, the newest first."""
    return list(_readable(await connection.fetch(_NEWEST_KINDS, limit)))


async def named_kinds(connection: Connection, fingerprints: Collection[str]) -> list[SharedKind]:
    """These kinds."""
    return list(_readable(await connection.fetch(_NAMED_KINDS, list(fingerprints))))


def _readable(rows: Iterable[Any]) -> Iterator[SharedKind]:
    """The kinds of rows. Those that something else has written are left out."""
    for row in rows:
        if (document := _parsed(row["document"])) is not None:
            latest = Stored(
                id=row["id"],
                at=row["at"],
                group=row["fingerprint"],
                verified=row["verified"],
                document=row["document"],
                instance=row["instance"],
                why=document["why"],
            )
            yield SharedKind(fingerprint=row["fingerprint"], state=KindState.of(row), latest=latest, document=document)


def _parsed(document: bytes) -> Document | None:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return None
    return found if has_all_parts(found) and found.keys() >= _NAMES and found["explanation"]["caller"].keys() >= _CALLER else None


_NAMES = frozenset({"realm", "account"})
_CALLER = frozenset({"realm", "clientId", "username"})


async def find(connection: Connection, denial_id: str) -> Document | None:
    """One denial with the name of its ``instance``; None if it is not stored."""
    query = "SELECT document, instance FROM kcproxy.denials WHERE id = $1"
    return next(_documents(await connection.fetch(query, storable(denial_id))), None)


async def occurrences(connection: Connection, fingerprint: str) -> list[Document]:
    """The newest denials of a kind, the newest first and at most 20."""
    query = "SELECT document, instance FROM kcproxy.denials WHERE fingerprint = $1 ORDER BY number DESC LIMIT $2"
    return list(_documents(await connection.fetch(query, fingerprint, MAX_OCCURRENCES)))


def _documents(rows: Iterable[Any]) -> Iterator[Document]:
    for row in rows:
        if (document := _parsed(row["document"])) is not None:
            yield {**document, "instance": row["instance"]}


async def clean(connection: Connection, max_denials: int) -> int:
    """Delete what is beyond the bounds: denials except the newest of each kind, and kinds. Returns how many rows are gone.

    One instance at a time does it; the others return at once. A call deletes at most a few thousand rows, so that it takes little time.
    """
    gone = 0
    async with connection.transaction():
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", *CLEANING_LOCK):
            return 0
        for verified in (True, False):
            most = bounds_of(max_denials, 0, verified=verified).max_denials
            kinds = _count(await connection.execute(_OLD_KINDS, verified, most, _MAX_DELETED))
            gone += kinds + _count(await connection.execute(_OLD_DENIALS, verified, most, _MAX_DELETED))
            if kinds:
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, ALL)
    return gone


_OLD_KINDS = """
DELETE FROM kcproxy.kinds WHERE fingerprint IN (
  SELECT fingerprint FROM kcproxy.kinds WHERE verified = $1 ORDER BY last_at DESC OFFSET $2 LIMIT $3)
"""
_OLD_DENIALS = """
DELETE FROM kcproxy.denials WHERE number IN (
  SELECT number FROM kcproxy.denials AS old
  WHERE verified = $1
    AND number <= (SELECT number FROM kcproxy.denials WHERE verified = $1 ORDER BY number DESC OFFSET $2 LIMIT 1)
    AND NOT EXISTS (SELECT FROM kcproxy.kinds WHERE latest = old.number)
  ORDER BY number LIMIT $3)
"""


def _count(tag: str) -> int:
    """The number of rows in a command tag: ``DELETE 12``."""
    return int(tag.rpartition(" ")[2])
