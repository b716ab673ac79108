"""What commands and pages read from the shared database, over a connection of their own. Each call waits; none belongs on an event loop."""

import asyncio

from kcproxy.observe.denials.document import Document
from kcproxy.observe.shared import denial_rows, use_rows
from kcproxy.observe.shared.connection import Database, connected
from kcproxy.observe.shared.schema import check
from kcproxy.observe.shared.store import group_of
from kcproxy.settings import HistorySettings
from kcproxy.usage.model import UseRecord

_RECORD_SECONDS = 60.0
_MAX_KINDS = 100_000


def read_record(history: HistorySettings, *, since_epoch_seconds: float = 0.0) -> UseRecord:
    """The shared record from the day of ``since_epoch_seconds`` on. Raises HistoryUnusable."""

    async def read() -> UseRecord:
        async with connected(Database.of(history), statement_seconds=_RECORD_SECONDS) as connection:
            await check(connection)
            return await use_rows.read(connection, since_epoch_seconds=since_epoch_seconds)

    return asyncio.run(read())


def read_groups(history: HistorySettings) -> list[Document]:
    """Every kind of denial, the newest first. Raises HistoryUnusable."""

    async def read() -> list[Document]:
        async with connected(Database.of(history), statement_seconds=_RECORD_SECONDS) as connection:
            await check(connection)
            return [group_of(kind).summary() for kind in await denial_rows.newest_kinds(connection, _MAX_KINDS)]

    return asyncio.run(read())


def read_denial(history: HistorySettings, denial_id: str) -> Document | None:
    """One denial of any instance. Raises HistoryUnusable."""

    async def read() -> Document | None:
        async with connected(Database.of(history)) as connection:
            await check(connection)
            return await denial_rows.find(connection, denial_id)

    return asyncio.run(read())
