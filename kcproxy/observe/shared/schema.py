"""The tables of the shared database and their migrations.

Migrations only add: tables, columns with a default, indexes. So an older program works with a newer schema, and two versions can run side by
side during a rollout. A migration that an older program could not work with would raise ``oldest``; none does.
"""

from collections.abc import Iterator

import asyncpg

from kcproxy.errors import HistoryUnusable
from kcproxy.observe.shared.connection import Connection

SCHEMA = "kcproxy"
MIGRATION_LOCK = (0x6B637078, 1)
"""The advisory lock of a migration: ``kcpx``, then a number."""
CLEANING_LOCK = (0x6B637078, 2)
"""The advisory lock of the instance that deletes what is beyond the bounds."""

MIGRATIONS: tuple[str, ...] = (
    """
CREATE TABLE kcproxy.denials (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  at double precision NOT NULL,
  fingerprint text NOT NULL,
  verified boolean NOT NULL,
  instance text NOT NULL,
  document bytea NOT NULL
);
CREATE INDEX denials_fingerprint ON kcproxy.denials (fingerprint, number);
CREATE INDEX denials_verified ON kcproxy.denials (verified, number);
CREATE TABLE kcproxy.kinds (
  fingerprint text PRIMARY KEY,
  verified boolean NOT NULL,
  first_at double precision NOT NULL,
  last_at double precision NOT NULL,
  count bigint NOT NULL DEFAULT 0,
  resolved_at double precision,
  changes jsonb NOT NULL DEFAULT '[]',
  hours jsonb NOT NULL DEFAULT '{}',
  instances jsonb NOT NULL DEFAULT '[]',
  latest bigint
);
CREATE INDEX kinds_last_at ON kcproxy.kinds (verified, last_at);
CREATE INDEX kinds_latest ON kcproxy.kinds (latest);
CREATE TABLE kcproxy.callers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  client text NOT NULL,
  token_realm text NOT NULL,
  kind text NOT NULL,
  injected boolean NOT NULL,
  roles text,
  roles_at double precision,
  UNIQUE (client, token_realm, kind, injected)
);
CREATE TABLE kcproxy.uses (
  caller bigint NOT NULL,
  realm text NOT NULL,
  operation text NOT NULL,
  variant text NOT NULL,
  day integer NOT NULL,
  "full" bigint NOT NULL,
  reduced bigint NOT NULL,
  refused bigint NOT NULL,
  error bigint NOT NULL,
  first_at double precision NOT NULL,
  last_at double precision NOT NULL,
  PRIMARY KEY (caller, realm, operation, variant, day)
);
CREATE INDEX uses_day ON kcproxy.uses (day);
CREATE TABLE kcproxy.days (day integer PRIMARY KEY);
CREATE TABLE kcproxy.writers (name text PRIMARY KEY, batch bigint NOT NULL, at double precision NOT NULL);
""",
)
"""Each once, in order; the version of a schema is the number of those that were made."""
VERSION = len(MIGRATIONS)
_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS kcproxy.version (
  version integer NOT NULL,
  oldest integer NOT NULL
);
"""
_TABLES = "version, denials, kinds, callers, uses, days, writers"


async def version_of(connection: Connection) -> tuple[int, int]:
    """The version of the schema, and the oldest program (by its own version of the schema) that works with it; (0, 0) without a schema."""
    try:
        found = await connection.fetchrow("SELECT max(version), max(oldest) FROM kcproxy.version")
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return 0, 0
    return (0, 0) if found is None or found[0] is None else (int(found[0]), int(found[1]))


async def check(connection: Connection) -> int:
    """The version of a schema that this program can read. Raises HistoryUnusable for any other."""
    version, oldest = await version_of(connection)
    if version < VERSION:
        raise HistoryUnusable(f"the schema is of version {version}, and this kcproxy needs {VERSION}; run kcproxy history migrate")
    if oldest > VERSION:
        raise HistoryUnusable(f"the schema is of version {version}, for which this kcproxy is too old; upgrade this instance")
    return version


async def prepare(connection: Connection) -> None:
    """Check the schema, and migrate it if the user may. Raises HistoryUnusable if this program cannot work with it."""
    version, _ = await version_of(connection)
    if version < VERSION:
        await migrate(connection)
    await check(connection)


async def migrate(connection: Connection) -> int:
    """Make the missing migrations. Of several instances that start at once, one does it, and the others wait. Returns how many were made."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", *MIGRATION_LOCK)
        version, _ = await version_in_transaction(connection)
        for statement in _statements(version):
            await connection.execute(statement)
    return max(VERSION - version, 0)


async def version_in_transaction(connection: Connection) -> tuple[int, int]:
    """As ``version_of``, without an error, which would end the transaction."""
    if await connection.fetchval("SELECT to_regclass('kcproxy.version')") is None:
        return 0, 0
    return await version_of(connection)


def _statements(version: int) -> Iterator[str]:
    """What leads from a version to this program's. A schema that exists is not created: that needs a right on the database."""
    if version >= VERSION:
        return
    if version == 0:
        yield f"DO $$ BEGIN IF to_regnamespace('{SCHEMA}') IS NULL THEN CREATE SCHEMA {SCHEMA}; END IF; END $$"
        yield _VERSION_TABLE
        yield "INSERT INTO kcproxy.version SELECT 0, 0 WHERE NOT EXISTS (SELECT FROM kcproxy.version)"
    yield from MIGRATIONS[version:]
    yield f"UPDATE kcproxy.version SET version = {VERSION} WHERE version < {VERSION}"  # noqa: S608 - a number of ours


def grants(role: str) -> tuple[str, ...]:
    """The rights that an instance needs at least, for a role that is not the owner."""
    name = '"' + role.replace('"', '""') + '"'
    return (
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {name}",
        f"GRANT SELECT ON {SCHEMA}.version TO {name}",
        *(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.{table} TO {name}" for table in _TABLES.split(", ") if table != "version"),
    )


def script(role: str | None) -> str:
    """All of it as SQL, for people who run migrations themselves."""
    statements = [*_statements(0), *(grants(role) if role is not None else ())]
    lock = f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK[0]}, {MIGRATION_LOCK[1]})"
    return "".join(f"{statement.strip().rstrip(';')};\n" for statement in ("BEGIN", lock, *statements, "COMMIT"))
