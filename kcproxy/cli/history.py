"""``kcproxy history``: prepares the database that several instances share."""

import asyncio
import os
from pathlib import Path

import click

from kcproxy.cli.exit_codes import CONTEXT, epilog
from kcproxy.cli.history_place import history_place, shared_module
from kcproxy.cli.options import config_option, json_option
from kcproxy.cli.terminal import document, result
from kcproxy.settings import HistorySettings
from kcproxy.settings.load import history_database

SCHEMA = 1
EXAMPLES = """\b
Examples:
  kcproxy history migrate                                      the database of the settings
  kcproxy history migrate --grant kcproxy --url postgresql://owner@db.example.com/kcproxy?sslmode=verify-full
  kcproxy history migrate --sql --grant kcproxy | psql …       to run the statements yourself

"""


@click.command(name="history", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("action", type=click.Choice(["migrate"]))
@click.option(
    "--url", "place", type=history_place, metavar="URL", help="The database, with a user that may create tables. Default: history.url."
)
@click.option("--grant", "role", metavar="ROLE", help="Also grant this role the rights that an instance needs, and no others.")
@click.option("--sql", "as_sql", is_flag=True, help="Contact no database. Print the statements for an empty one.")
@config_option
@json_option
def command(
    *, action: str, place: Path | HistorySettings | None, role: str | None, as_sql: bool, config: Path | None, as_json: bool
) -> None:
    """Prepare the PostgreSQL database that several instances share (history.url): migrate creates the tables, or brings them up to date.

    Several runs at once, or a second one, do no harm. An instance does this itself at start if its user may. A password comes from history.password_file, PGPASSFILE or PGPASSWORD.
    """
    migration = shared_module(_MODULES[action])
    if as_sql:
        for line in migration.script(role).splitlines():
            result(line)
        return
    done = asyncio.run(migration.run(_database(place, config), role))
    if as_json:
        document({"schema": SCHEMA, "version": done.version, "migrations": done.migrations, "granted": role})
    else:
        made = f"{done.migrations} migrations" if done.migrations != 1 else "1 migration"
        result(f"The tables are of version {done.version}; {made} made." + (f" {role} has the rights of an instance." if role else ""))


_MODULES = {"migrate": "migration"}


def _database(place: Path | HistorySettings | None, config: Path | None) -> HistorySettings:
    if isinstance(place, Path):
        raise click.UsageError("--url is the URL of a database, as postgresql://USER@HOST/NAME")
    found = place or history_database(config, os.environ)
    if found is None:
        raise click.UsageError("the settings name no database: set history.url, or give --url URL")
    return found
