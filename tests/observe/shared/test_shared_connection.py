"""What an operator reads when the database cannot be used: what is wrong and what to do, and never the password."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.certificates import Authority
from devkit.ports import free_port
from devkit.postgres import Postgres, programs, running_postgres
from kcproxy.errors import HistoryUnusable
from kcproxy.observe.shared import connection as connection_module
from kcproxy.observe.shared.connection import Database, connected
from kcproxy.settings import HistorySettings, Secret
from kcproxy.settings.database import database_url
from tests.admin.stage import deny
from tests.observe.shared.stage import history_of, instance, until, written

PASSWORD = "hunter2-and-more"


async def problem(url: str, **more: Secret) -> str:
    read = database_url(url)
    with pytest.raises(HistoryUnusable) as caught:
        async with connected(Database(url=read, password=more.get("password", read.password))) as connection:
            await connection.fetchval("SELECT 1")
    text = f"{caught.value} {caught.value.__cause__!r}"
    assert PASSWORD not in text
    return str(caught.value)


def database_of(url: str) -> Database:
    read = database_url(url)
    return Database(url=read, password=read.password)


def server_of(url: str) -> str:
    return url.rpartition("@")[2].partition("/")[0]


async def test_a_wrong_password_is_named_without_it(database: str) -> None:
    found = await problem(database.replace(":secret@", f":{PASSWORD}@"))
    assert "refuses user or password; check the user in history.url, and history.password_file" in found


async def test_a_database_that_does_not_exist_is_named(database: str) -> None:
    assert "there is no such database" in await problem(f"postgresql://kcproxy:secret@{server_of(database)}/nowhere")


async def test_an_address_without_a_server_is_named() -> None:
    assert "check host and port" in await problem(f"postgresql://kcproxy:{PASSWORD}@127.0.0.1:{free_port()}/kcproxy")


async def test_a_server_without_tls_is_not_used_if_tls_is_demanded(database: str) -> None:
    assert "the server does not offer TLS" in await problem(f"{database}?sslmode=require")


async def test_a_password_file_that_is_gone_is_named(database: str, tmp_path: Path) -> None:
    url = database.replace(":secret", "")
    assert "password_file" in await problem(url, password=Secret(path=tmp_path / "gone"))


async def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 0.3)  # not by name: a test of a missing extra imports it again
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and no program reads
        port = silent.getsockname()[1]
        assert "does not respond in time" in await problem(f"postgresql://kcproxy:{PASSWORD}@127.0.0.1:{port}/kcproxy")


async def test_a_changed_password_file_is_used_for_the_next_connection(postgres: Postgres, database: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong\n")
    async with instance(database.replace(":secret", ""), "one", wait=False, password_file=file) as first:
        deny(first, "d-1")
        await until(lambda: history_of(first).reason is not None)
        file.write_text("secret\n")
        await until(lambda: history_of(first).connected)
        await written(first)


async def test_the_passfile_of_every_postgresql_client_is_used(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"{server_of(database)}:*:kcproxy:secret\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", os.fspath(file))
    async with connected(Database.of(HistorySettings(url=database_url(database.replace(":secret", ""))))) as connection:
        assert await connection.fetchval("SELECT current_user") == "kcproxy"


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Authority]]:
    """A server with TLS for 127.0.0.1, and the authority of its certificate."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    authority = Authority(tmp_path_factory.mktemp("tls"))
    pair = authority.sign("db.test", address="127.0.0.1")
    with running_postgres(certificate=pair) as server:
        yield server.create_database("kcproxy", password="secret"), authority


async def test_tls_is_used_and_its_certificate_checked(with_tls: tuple[str, Authority]) -> None:
    url, authority = with_tls
    async with connected(database_of(f"{url}?sslmode=verify-full&sslrootcert={authority.file}")) as connection:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True


async def test_a_certificate_of_another_authority_is_refused(with_tls: tuple[str, Authority], tmp_path: Path) -> None:
    url, _ = with_tls
    other = Authority(tmp_path, "other-ca")
    assert "its authority is not known" in await problem(f"{url}?sslmode=verify-full&sslrootcert={other.file}")


async def test_a_certificate_for_another_host_is_refused(with_tls: tuple[str, Authority]) -> None:
    url, authority = with_tls
    elsewhere = url.replace("127.0.0.1", "localhost")
    assert "not valid for its host" in await problem(f"{elsewhere}?sslmode=verify-full&sslrootcert={authority.file}")


async def test_an_authority_file_that_is_gone_is_named(with_tls: tuple[str, Authority], tmp_path: Path) -> None:
    url, _ = with_tls
    assert "sslrootcert" in await problem(f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/gone")
