"""The tables: made once by several at once, usable by an older program, and reachable with the least rights."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devkit.postgres import Postgres
from kcproxy.errors import HistoryUnusable
from kcproxy.observe.shared import schema
from kcproxy.observe.shared.connection import Database, connected
from kcproxy.settings.database import database_url
from tests.admin.stage import deny
from tests.observe.samples import caller
from tests.observe.shared.stage import counts, history_of, instance, instances, metric, store_of, until, written

A_LATER_VERSION = f"""
ALTER TABLE kcproxy.denials ADD COLUMN region text NOT NULL DEFAULT 'eu';
ALTER TABLE kcproxy.kinds ADD COLUMN muted boolean NOT NULL DEFAULT false;
ALTER TABLE kcproxy.uses ADD COLUMN slow bigint NOT NULL DEFAULT 0;
ALTER TABLE kcproxy.callers ADD COLUMN note text;
ALTER TABLE kcproxy.days ADD COLUMN note text;
CREATE TABLE kcproxy.notes (id bigint);
UPDATE kcproxy.version SET version = {schema.VERSION + 1};
"""


def database_of(url: str) -> Database:
    read = database_url(url)
    return Database(url=read, password=read.password)


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@asynccontextmanager
async def open_connection(url: str) -> AsyncIterator[Any]:
    async with connected(database_of(url)) as connection:
        yield connection


async def test_of_several_that_start_at_once_one_makes_the_tables(database: str) -> None:
    async def start() -> int:
        async with open_connection(database) as connection:
            return await schema.migrate(connection)

    assert sorted(await asyncio.gather(*(start() for _ in range(8)))) == [0] * 7 + [schema.VERSION]


async def test_instances_that_start_at_once_all_work(database: str) -> None:
    async with instances(database, *"abcd") as running:
        for number, each in enumerate(running):
            deny(each, f"d-{number}", caller=caller("billing"))
        for each in running:
            await counts(each, {"billing": 4})


async def test_an_older_program_works_with_the_tables_of_a_newer_one(postgres: Postgres, database: str) -> None:
    async with instance(database, "before") as before:
        deny(before, "d-1", caller=caller("billing"))
        await written(before)
        await asyncio.to_thread(postgres.sql, A_LATER_VERSION, database=name_of(database))
        deny(before, "d-2", caller=caller("billing"))
        async with instance(database, "after") as after:  # one that starts with the newer tables
            deny(after, "d-3", caller=caller("billing"))
            for each in (before, after):
                await counts(each, {"billing": 3})
                assert await store_of(each).history.find("d-3") is not None
                assert metric(each, "kcproxy_history_dropped_total") == 0


async def test_a_newer_program_adds_to_the_tables_while_an_older_one_writes(
    postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with instance(database, "older") as older:
        deny(older, "d-1", caller=caller("billing"))
        await written(older)
        later = A_LATER_VERSION.partition("UPDATE")[0]
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))
        monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
        async with instance(database, "newer") as newer:
            assert postgres.sql("SELECT version FROM kcproxy.version", database=name_of(database)) == str(schema.VERSION)
            deny(older, "d-2", caller=caller("billing"))
            deny(newer, "d-3", caller=caller("billing"))
            for each in (older, newer):
                await counts(each, {"billing": 3})


async def test_tables_for_which_this_program_is_too_old_are_left_alone_and_named(postgres: Postgres, database: str) -> None:
    async with open_connection(database) as connection:
        await schema.migrate(connection)
    postgres.sql(f"UPDATE kcproxy.version SET version = 9, oldest = {schema.VERSION + 1}", database=name_of(database))
    async with instance(database, "old", wait=False) as old:
        deny(old, "d-1")
        await until(lambda: history_of(old).reason is not None)
        assert history_of(old).reason == "the schema is of version 9, for which this kcproxy is too old; upgrade this instance"
        assert postgres.sql("SELECT count(*) FROM kcproxy.denials", database=name_of(database)) == "0"


async def test_an_instance_needs_no_more_rights_than_are_granted(postgres: Postgres, database: str) -> None:
    role = f"least_{name_of(database)}"
    postgres.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name_of(database))
    async with open_connection(database) as connection:
        await schema.migrate(connection)
        for statement in schema.grants(role):
            await connection.execute(statement)
    least = database.replace("kcproxy:secret@", f"{role}:secret@")
    async with instances(least, "one", "two", max_denials=20) as (first, second):
        for number in range(150):
            deny(first, f"d-{number}", caller=caller("billing"))
        await counts(second, {"billing": 150})
    rights = "SELECT has_schema_privilege(%s, 'kcproxy', 'CREATE'), has_table_privilege(%s, 'kcproxy.denials', 'TRUNCATE')" % (
        (f"'{role}'",) * 2
    )
    assert postgres.sql(rights, database=name_of(database)) == "f|f"


async def test_without_the_right_to_make_tables_the_reason_says_what_to_run(postgres: Postgres, database: str) -> None:
    role = f"none_{name_of(database)}"
    postgres.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    async with instance(database.replace("kcproxy:secret@", f"{role}:secret@"), "one", wait=False) as first:
        await until(lambda: history_of(first).reason is not None)
        assert history_of(first).reason == (
            "the user lacks a right; run kcproxy history migrate --grant USER with a user that may create tables"
        )


async def test_the_printed_statements_make_the_same_tables(postgres: Postgres, database: str) -> None:
    postgres.sql(schema.script(None), database=name_of(database), user="kcproxy")
    async with open_connection(database) as connection:
        assert await schema.migrate(connection) == 0
        assert await schema.check(connection) == schema.VERSION


async def test_a_reader_does_not_make_tables(database: str) -> None:
    async with open_connection(database) as connection:
        with pytest.raises(HistoryUnusable, match="run kcproxy history migrate"):
            await schema.check(connection)
