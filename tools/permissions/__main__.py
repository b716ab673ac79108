"""Measure which fine-grained admin permissions (version 2) open each operation of Keycloak's Admin REST API.

`python -m tools.permissions VERSION [--only PATTERN] [--resume] [--out FILE]`: the measurement; writes the table of permissions.
"""

import argparse
import asyncio
import datetime as dt
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devkit.mail_sink import mail_sink
from devkit.realserver import LONG_RUN, RealServer
from devkit.realserver.distribution import STORE
from tools.measure.http import Server
from tools.measure.run import Journal, Task, say
from tools.measure.sets import RoleSet
from tools.measure.stage import Version
from tools.permissions.members import MEMBER, MEMBER_BELOW, through_groups
from tools.permissions.run import Run, opened, tasks_of
from tools.permissions.writer import document, has_undetermined, rows

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "catalog" / "data" / "permissions"


def main() -> int:
    """Exit code 0 when the file was written, 1 when there is nothing to write."""
    given = _parser().parse_args()
    version = Version(text=given.version)
    journal = Journal(path=given.journal or STORE / "permissions" / f"{version.text}.jsonl")
    if not (given.resume or given.again):
        journal.path.unlink(missing_ok=True)
    journal.load()
    tasks = tasks_of(version)
    chosen = [task for task in tasks if re.search(given.only, task.key)]
    if given.again:
        for task in chosen:
            journal.done.pop(task.key, None)
    elsewhere = _opened_in(given.hints) if given.hints else {}
    if given.url:
        asyncio.run(measured(given.url, version, journal, chosen, singles=given.singles, elsewhere=elsewhere))
    elif any(task.key not in journal.done for task in chosen):
        with RealServer(version.text, jvm_options=LONG_RUN) as server:
            asyncio.run(measured(server.base_url, version, journal, chosen, singles=given.singles, elsewhere=elsewhere))
    if not journal.done:
        say(f"nothing is measured of {version.text}: no operation's key is found by {given.only!r}")
        return 1
    write(version, journal, tasks, given.out or DATA / f"{version.text}.json")
    return 0


def write(version: Version, journal: Journal, tasks: Sequence[Task], path: Path) -> None:
    """The data file of what the journal holds."""
    known = journal.left | journal.done
    on_members = {task.key: known[task.key] for task in tasks if task.spec.variant in (MEMBER, MEMBER_BELOW) and task.key in known}
    attempts = sum(entry.get("attempts", 0) for entry in known.values())
    facts = journal.facts | {"throughGroups": through_groups(on_members), "attempts": attempts}
    operations = rows(version.text, tasks, known)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(version.text, date=dt.datetime.now(tz=dt.UTC).date().isoformat(), facts=facts, operations=operations))
    for row in filter(has_undetermined, operations):
        say(f"undetermined: {row['method']} {row['path']}: {row['undetermined']}")
    say(f"{path.name}: {len(operations)} operations, {sum(has_undetermined(row) for row in operations)} undetermined")


def _opened_in(version: str) -> Mapping[str, Sequence[RoleSet]]:
    other = Journal(path=STORE / "permissions" / f"{version}.jsonl")
    other.load()
    return opened(Version(text=version), other)


async def measured(
    base_url: str,
    version: Version,
    journal: Journal,
    tasks: Sequence[Task],
    *,
    singles: bool,
    elsewhere: Mapping[str, Sequence[RoleSet]],
) -> None:
    """Do on a running server what the journal lacks."""
    async with mail_sink() as mail_port, Server(base_url) as server:
        await server.login("admin", "admin")
        run = Run(server=server, version=version, mail_port=mail_port, journal=journal, singles=singles, elsewhere=elsewhere)
        await run.all(tasks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.permissions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--only", default="", help="only operations whose key (method, path, body, handler) this expression finds")
    parser.add_argument("--resume", action="store_true", help="keep what the journal holds, do the rest")
    parser.add_argument("--again", action="store_true", help="measure what --only finds once more, keep the rest of the journal")
    parser.add_argument("--hints", metavar="VERSION", help="try first what opened the operations of that version, whose journal is there")
    parser.add_argument("--singles", action="store_true", help="try every single term of every operation, too")
    parser.add_argument("--out", type=Path, help="the data file (default: the catalog's)")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--url", help="measure on this running server (admin/admin) instead of a new one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
