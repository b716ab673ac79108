"""Migrations on behalf of an operator: with a user that may create tables, and grants for the user of the instances."""

from msgspec import Struct

from kcproxy.observe.shared.connection import Database, connected
from kcproxy.observe.shared.schema import check, grants, migrate, script, version_of
from kcproxy.settings import HistorySettings

_SECONDS = 600.0
"""How long a migration may take. An index on a large table takes minutes."""


class Migrated(Struct, frozen=True, kw_only=True):
    """The version of the schema now, and how many migrations led to it."""

    version: int
    migrations: int


async def run(history: HistorySettings, role: str | None) -> Migrated:
    """Make the missing migrations, and grant a role the rights of an instance. Raises HistoryUnusable."""
    async with connected(Database.of(history), statement_seconds=_SECONDS) as connection:
        made = await migrate(connection)
        version = await check(connection)
        for statement in () if role is None else grants(role):
            await connection.execute(statement)
    return Migrated(version=version, migrations=made)


async def look(history: HistorySettings) -> tuple[int, bool]:
    """The version of the schema, 0 if there is none, and whether the connection uses TLS. Raises HistoryUnusable."""
    async with connected(Database.of(history)) as connection:
        version, _ = await version_of(connection)
        if version:
            await check(connection)
        tls = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    return version, bool(tls)


__all__ = ["Migrated", "look", "run", "script"]
