"""Writes batches of denials, and what killed processes have left in pending files. A denial that is written twice counts once."""

from collections.abc import Sequence

import asyncpg

from kcproxy.observe.denials.pending import PendingFiles, Recovered
from kcproxy.observe.denials.pending_lines import Item
from kcproxy.observe.shared import denial_rows
from kcproxy.observe.shared.connection import Connection
from kcproxy.observe.shared.waiting import MAX_BATCH

UNWRITABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""Errors of a value. To write it again would not help."""


async def write(connection: Connection, batch: Sequence[Item], instance: str) -> int:
    """Write a batch. Returns the number of items that cannot be written."""
    try:
        await denial_rows.write(connection, batch, instance)
    except UNWRITABLE:
        return await _write_each(connection, batch, instance)
    return 0


async def _write_each(connection: Connection, batch: Sequence[Item], instance: str) -> int:
    unwritable = 0
    for item in batch:
        try:
            await denial_rows.write(connection, [item], instance)
        except UNWRITABLE:
            unwritable += 1
    return unwritable


async def recover(connection: Connection, pending: PendingFiles, instance: str) -> Recovered:
    """Write what processes that are gone had not written, and remove each of their files after the commit."""
    found = Recovered()
    for leftover in tuple(pending.leftovers):
        contents = pending.read(leftover)
        if contents is not None:
            unwritable = 0
            for start in range(0, len(contents.items), MAX_BATCH):
                unwritable += await write(connection, contents.items[start : start + MAX_BATCH], instance)
            found.add(contents, unwritable)
            pending.remove(leftover)
    return found
