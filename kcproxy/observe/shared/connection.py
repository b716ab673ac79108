"""Connections to the shared database, and what its errors mean to an operator. No message contains a password or a value of a row."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import asyncpg

from kcproxy.errors import HistoryUnusable
from kcproxy.settings import DatabaseUrl, HistorySettings, Secret

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
"""After this time the server ends a statement, and a little later the client ends the connection."""
_GRACE_SECONDS = 2.0

Connection: TypeAlias = asyncpg.Connection
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, ValueError)
"""What a connection can raise. ``ssl.SSLError`` is an OSError; asyncpg raises ValueError for files and parameters that it cannot use, and
InternalClientError if a connection breaks within a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the database is and how to log in. ``application`` is the name that the database lists for its connections."""

    url: DatabaseUrl
    password: Secret | None = None
    application: str = "kcproxy"

    @classmethod
    def of(cls, settings: HistorySettings) -> "Database":
        """The database that the settings name. Raises ValueError if they name none."""
        if settings.url is None:
            raise ValueError("history.url is not set")
        password = settings.url.password if settings.password_file is None else Secret(path=settings.password_file)
        return cls(url=settings.url, password=password)


async def connect(database: Database, *, statement_seconds: float = STATEMENT_SECONDS) -> Connection:
    """A new connection. The password file is read now. Raises one of FAILURES."""
    password = None if database.password is None else database.password.reveal()
    milliseconds = str(round(statement_seconds * 1000))
    connection: Connection = await asyncpg.connect(
        database.url.text,
        password=password,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_seconds + _GRACE_SECONDS,
        server_settings={
            "application_name": database.application[:63],
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            "timezone": "UTC",
        },
    )
    return connection


@asynccontextmanager
async def connected(database: Database, *, statement_seconds: float = STATEMENT_SECONDS) -> AsyncIterator[Connection]:
    """A connection for the duration of a block. Raises HistoryUnusable, also for what fails within the block."""
    try:
        connection = await connect(database, statement_seconds=statement_seconds)
        try:
            yield connection
        finally:
            await close(connection)
    except FAILURES as error:
        raise HistoryUnusable(f"{database.url}: {words(error)}") from error


async def close(connection: Connection) -> None:
    """Close a connection; one that does not respond is cut off."""
    try:
        await connection.close(timeout=1.0)
    except FAILURES:
        connection.terminate()


def words(error: BaseException) -> str:
    """What happened and what to do, for the log and for commands."""
    for kind, text in _WORDS.items():
        if isinstance(error, kind):
            return text
    if type(error) is ConnectionError:  # asyncpg's own, when the server has declined TLS
        return "the server does not offer TLS, which sslmode demands; switch it on, or use another sslmode on a path that you control"
    if isinstance(error, asyncpg.PostgresError):
        return f"the database reports {error.sqlstate} ({type(error).__name__}); see the log of the database"
    if isinstance(error, asyncpg.InternalClientError) or (isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)):
        return _BROKEN
    if isinstance(error, ValueError):
        return f"the connection cannot be used ({type(error).__name__}); check the parameters and the files that history.url names"
    return f"no connection ({type(error).__name__}); check host and port of history.url, and whether the database runs"


_BROKEN = "the connection to the database broke; check whether the database runs"
_WORDS: Mapping[Any, str] = MappingProxyType(
    {
        asyncpg.InvalidPasswordError: (
            "the database refuses user or password; check the user in history.url, and history.password_file or the file that PGPASSFILE names"
        ),
        asyncpg.InvalidAuthorizationSpecificationError: (
            "the database does not let this user log in from here; check the user, TLS and the lines of its pg_hba.conf"
        ),
        asyncpg.InvalidCatalogNameError: "there is no such database; create it, or fix its name in history.url",
        asyncpg.InsufficientPrivilegeError: (
            "the user lacks a right; run kcproxy history migrate --grant USER with a user that may create tables"
        ),
        asyncpg.UndefinedTableError: "the tables are missing; run kcproxy history migrate",
        asyncpg.InvalidSchemaNameError: "the schema kcproxy is missing; run kcproxy history migrate",
        asyncpg.TooManyConnectionsError: (
            "the database has no free connection; raise its max_connections: an instance takes two, and one more for each worker"
        ),
        asyncpg.ReadOnlySQLTransactionError: "the database only reads; name its primary in history.url, or add target_session_attrs=read-write",
        asyncpg.DiskFullError: "the disk of the database is full",
        asyncpg.QueryCanceledError: "a statement took too long; check the load of the database",
        asyncpg.LockNotAvailableError: "a lock was not released in time; check what else uses the tables",
        asyncpg.CannotConnectNowError: "the database starts or shuts down",
        asyncpg.PostgresConnectionError: _BROKEN,
        ssl.SSLCertVerificationError: (
            "the certificate of the database is not valid for its host, or its authority is not known; check the host and sslrootcert"
        ),
        ssl.SSLError: "TLS to the database fails; check sslmode and the certificates",
        TimeoutError: "the database does not respond in time; check host and port of history.url, and the load of the database",
        PermissionError: "a file of the connection cannot be read; let the user of the proxy read password file, key and certificates",
        FileNotFoundError: "a file of the connection, or its socket, does not exist; check password_file, sslrootcert and the host",
    }
)
