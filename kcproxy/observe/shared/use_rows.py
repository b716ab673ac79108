"""The record of use in the shared database: batches of several instances are added up.

A batch has a number, so that one whose commit was not confirmed can be written again and counts once. The bounds are those of the record in
a file (``observe.use_history``).
"""

import json
from collections.abc import Iterable, Sequence
from operator import add
from typing import Any

from msgspec import Struct

from kcproxy.observe.shared.connection import Connection
from kcproxy.observe.shared.schema import CLEANING_LOCK
from kcproxy.observe.use_places import DAY_SECONDS, by_place, storable
from kcproxy.observe.use_reader import caller_of, roles_of, use_of
from kcproxy.usage.model import Outcome, UseCaller, UseRecord
from kcproxy.usage.tally import Batch

WRITER_DAYS = 7
"""How long the number of the last batch of an instance is kept. An instance that was away for longer would count a batch twice."""

_TAKEN = """
INSERT INTO kcproxy.writers (name, batch, at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, at = excluded.at WHERE writers.batch < excluded.batch RETURNING true
"""
_CALLERS = """
INSERT INTO kcproxy.callers (client, token_realm, kind, injected)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
"""
_CALLER_IDS = """
SELECT callers.* FROM kcproxy.callers AS callers
JOIN unnest($1::text[], $2::text[], $3::text[], $4::bool[]) AS given (client, token_realm, kind, injected)
  USING (client, token_realm, kind, injected)
ORDER BY id FOR KEY SHARE OF callers
"""
_GIVEN = """
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
  AS given (caller, realm, operation, variant, "full", reduced, refused, error)
"""
_LOCKED = """
SELECT uses.caller, uses.realm, uses.operation, uses.variant FROM kcproxy.uses AS uses
JOIN unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS given (caller, realm, operation, variant)
  USING (caller, realm, operation, variant) WHERE day = $5
"""
_ADD = f"""
INSERT INTO kcproxy.uses SELECT caller, realm, operation, variant, $9, "full", reduced, refused, error, $10, $10 {_GIVEN}
ORDER BY caller, realm, operation, variant
ON CONFLICT (caller, realm, operation, variant, day) DO UPDATE SET
  "full" = uses."full" + excluded."full", reduced = uses.reduced + excluded.reduced, refused = uses.refused + excluded.refused,
  error = uses.error + excluded.error, first_at = least(uses.first_at, excluded.first_at), last_at = greatest(uses.last_at, excluded.last_at)
"""
_ROLES = """
UPDATE kcproxy.callers SET roles = given.roles, roles_at = $3
FROM unnest($1::bigint[], $2::text[]) AS given (id, roles)
WHERE callers.id = given.id AND coalesce(callers.roles_at, 0) <= $3
"""
_USES = """
SELECT caller, realm, operation, variant, sum("full")::bigint, sum(reduced)::bigint, sum(refused)::bigint, sum(error)::bigint,
  min(first_at), max(last_at)
FROM kcproxy.uses WHERE day >= $1 GROUP BY caller, realm, operation, variant ORDER BY caller, realm, operation, variant
"""


class NumberedBatch(Struct, frozen=True, kw_only=True):
    """Calls that wait to be written. ``writer``: a name that no other process has, now or later; ``at`` in seconds since the epoch."""

    writer: str
    number: int
    at: float
    batch: Batch


async def write(connection: Connection, numbered: NumberedBatch, *, is_full: bool) -> int:
    """Add a batch in one transaction. With ``is_full``, kinds of calls that have no row are left out. Returns the calls that were left out."""
    day = int(numbered.at // DAY_SECONDS)
    async with connection.transaction():
        if not await connection.fetchval(_TAKEN, numbered.writer, numbered.number, numbered.at):
            return 0  # it was written before the connection broke
        await connection.execute("INSERT INTO kcproxy.days VALUES ($1) ON CONFLICT DO NOTHING", day)
        places = by_place(numbered.batch)
        ids = await _ids(connection, {place[0] for place in places} | set(numbered.batch.roles))
        rows = _rows((ids[place[0]], *place[1:], *(counts.get(outcome, 0) for outcome in Outcome)) for place, counts in places.items())
        dropped = numbered.batch.dropped
        if is_full and rows:
            rows, without_room = await _with_room(connection, rows, day)
            dropped += without_room
        if rows:
            await connection.execute(_ADD, *map(list, zip(*rows, strict=True)), day, numbered.at)
        if roles := [(ids[caller], json.dumps(named, sort_keys=True)) for caller, named in numbered.batch.roles.items()]:
            await connection.execute(_ROLES, *map(list, zip(*sorted(roles), strict=True)), numbered.at)
    return dropped


def _rows(given: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sorted, so that no two instances wait for each other; names that are stored as the same one are added up."""
    found: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for row in given:
        known = found.get(row[:4], (0,) * len(row[4:]))
        found[row[:4]] = tuple(map(add, known, row[4:]))
    return sorted((*place, *numbers) for place, numbers in found.items())


async def _ids(connection: Connection, callers: set[UseCaller]) -> dict[UseCaller, int]:
    """The numbers of these callers, which are added if necessary. They cannot be deleted until the transaction ends."""
    if not callers:
        return {}
    named = {(storable(each.client), storable(each.token_realm), each.kind.value, each.injected): each for each in callers}
    columns = tuple(map(list, zip(*named, strict=True)))
    await connection.execute(_CALLERS, *columns)
    rows = await connection.fetch(_CALLER_IDS, *columns)
    by_name = {(row["client"], row["token_realm"], row["kind"], row["injected"]): row["id"] for row in rows}
    keys = {each: (storable(each.client), storable(each.token_realm), each.kind.value, each.injected) for each in callers}
    return {each: int(by_name[key]) for each, key in keys.items()}


async def _with_room(connection: Connection, rows: Sequence[tuple[Any, ...]], day: int) -> tuple[list[tuple[Any, ...]], int]:
    """The rows that the table has already, and the number of calls in the others."""
    columns = map(list, zip(*(row[:4] for row in rows), strict=True))
    known = {tuple(row.values()) for row in await connection.fetch(_LOCKED, *columns, day)}
    return [row for row in rows if row[:4] in known], sum(sum(row[4:]) for row in rows if row[:4] not in known)


async def clean(connection: Connection, *, keep_days: int, max_rows: int, now_epoch_seconds: float) -> bool:
    """Delete what is too old, or the oldest days beyond ``max_rows``, but never today's. Returns whether the table is still full."""
    today = int(now_epoch_seconds // DAY_SECONDS)
    async with connection.transaction():
        if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", *CLEANING_LOCK):
            run = connection.execute
            await run("DELETE FROM kcproxy.days WHERE day <= $1", today - keep_days)
            await run("DELETE FROM kcproxy.uses WHERE day <= $1", today - keep_days)
            await run("DELETE FROM kcproxy.writers WHERE at < $1", now_epoch_seconds - WRITER_DAYS * DAY_SECONDS)
            await _make_room(connection, max_rows, today)
            await run("DELETE FROM kcproxy.callers WHERE NOT EXISTS (SELECT FROM kcproxy.uses WHERE uses.caller = callers.id)")
    return int(await connection.fetchval("SELECT count(*) FROM kcproxy.uses")) >= max_rows


async def _make_room(connection: Connection, max_rows: int, today: int) -> None:
    """Delete the oldest days until a tenth is free, if there are too many rows."""
    rows = int(await connection.fetchval("SELECT count(*) FROM kcproxy.uses"))
    if rows < max_rows:
        return
    for oldest, number in await connection.fetch("SELECT day, count(*) FROM kcproxy.uses GROUP BY day ORDER BY day"):
        if rows <= max_rows * 0.9 or oldest >= today:
            return
        await connection.execute("DELETE FROM kcproxy.uses WHERE day = $1", oldest)
        await connection.execute("DELETE FROM kcproxy.days WHERE day <= $1", oldest)
        rows -= number


async def read(connection: Connection, *, since_epoch_seconds: float = 0.0) -> UseRecord:
    """The record from the day of ``since_epoch_seconds`` on."""
    since = int(since_epoch_seconds // DAY_SECONDS)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch("SELECT id, client, token_realm, kind, injected, roles, roles_at FROM kcproxy.callers")
        found = await connection.fetch(_USES, since)
        days = frozenset(row["day"] for row in await connection.fetch("SELECT day FROM kcproxy.days WHERE day >= $1", since))
    callers = {row["id"]: caller_of(row) for row in rows}
    uses = tuple(use_of(callers[row["caller"]], row) for row in found if row["caller"] in callers)
    seen = {use.caller for use in uses}
    roles = {callers[row["id"]]: roles_of(row) for row in rows if row["roles"] is not None and callers[row["id"]] in seen}
    return UseRecord(uses=uses, roles=roles, days=days)
