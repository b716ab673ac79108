"""Measure which roles each operation of Keycloak's Admin REST API needs.

`python -m tools.measure VERSION [--only PATTERN] [--resume] [--out FILE]`: the measurement; writes the catalog's data file.
`python -m tools.measure minimal VERSION`: with each minimal set found the call passes, with any one role less it does not.
`python -m tools.measure powers VERSION`: the powers that roles hide, tried; renews the version in powers.json.
`python -m tools.measure documented`: 26.8 from the newest measured table and the changes that its documentation names.
`python -m tools.measure compare FILE FILE`: what two data files say differently; exit code 1 if anything.
"""

import argparse
import asyncio
import datetime as dt
import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.measure.behind import Features
from tools.measure.compare import compared
from tools.measure.documented import as_26_8, powers_of_26_8, powers_text
from tools.measure.http import Server
from tools.measure.mail import mail_sink
from tools.measure.minimal import Check
from tools.measure.powers import merged, powers_held
from tools.measure.run import Journal, Run, Task, say, stage_on, tasks_of
from tools.measure.stage import Names, Version
from tools.measure.writer import document, rows
from tools.realserver import RealServer
from tools.realserver.distribution import STORE

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "catalog" / "data"
LAST_MEASURED = "26.7.4"
POWERS = DATA / "powers.json"
DISCOVERY = DATA / "discovery.json"


async def measure(
    version: Version,
    base_url: str,
    journal: Journal,
    tasks: Sequence[Task],
    features: frozenset[str],
    *,
    powers_too: bool = False,
    master_singles: bool = False,
    again: bool = False,
) -> None:
    """Do the trials on a running server; the journal keeps what they found, the roles, and the number of calls."""
    async with mail_sink() as mail_port, Server(base_url) as server:
        try:
            await server.login("admin", "admin")
            async with stage_on(server, version, mail_port=mail_port, names=Names(), features=features) as stage:
                journal.note("roles", {role: sorted(inner) for role, inner in stage.read.realm.contains.items()})
                say(f"stage built with {server.calls} calls")
                await Run(stage=stage, journal=journal, say=say, master_singles=master_singles, again=again).all(tasks)
                if powers_too:
                    renew_powers(version, await powers_held(stage.realm_maker))
        finally:  # calls of a run that is broken off count, too
            journal.note("calls", journal.facts.get("calls", 0) + server.calls)


@contextmanager
def running(version: str, features: tuple[str, ...], url: str | None) -> Iterator[str]:
    """The address of a server: a given one, else a new one for the time."""
    if url:
        yield url
        return
    with RealServer(version, features=features) as server:
        yield server.base_url


def run(given: argparse.Namespace) -> None:
    """Measure what the journal lacks: first what every server has, then what features have to be switched on for."""
    version = Version(text=given.version)
    journal = Journal(path=given.journal or STORE / f"measure-{version.text}.jsonl")
    if not (given.resume or given.again):
        journal.path.unlink(missing_ok=True)
    journal.load()
    every = tasks_of(version)
    chosen = [task for task in every if re.search(given.only, task.key) and (given.again or task.key not in journal.done)]
    if given.seed:
        random.Random(given.seed).shuffle(chosen)
    features = Features(version.text).to_switch_on()
    plain, behind = [task for task in chosen if not task.spec.features], [task for task in chosen if task.spec.features]
    for tasks, switched, url in ((plain, (), given.url), (behind, features, given.feature_url)):
        if tasks:
            with running(version.text, switched, url) as base_url:
                asyncio.run(
                    measure(
                        version,
                        base_url,
                        journal,
                        tasks,
                        frozenset(switched),
                        powers_too=given.powers and not switched,
                        master_singles=given.master_singles,
                        again=given.again,
                    )
                )
    write(version, journal, every, given.out or DATA / f"{version.text}.json")


def write(version: Version, journal: Journal, tasks: Sequence[Task], path: Path) -> None:
    """The data file of what the journal holds."""
    operations = rows(tasks, journal.left | journal.done)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    text = document(
        version.text,
        date=today,
        calls=journal.facts["calls"],
        discovery=_discovery(version.text),
        contains=journal.facts["roles"],
        operations=operations,
    )
    path.write_text(text)
    undetermined = [row for row in operations if "undetermined" in row]
    for row in undetermined:
        say(f"undetermined: {row['method']} {row['path']}: {row['undetermined']}")
    say(
        f"{path.name}: {len(operations)} operations, {len(undetermined)} undetermined, {sum(len(row.get('variants', ())) for row in operations)} variants"
    )


def _discovery(version: str) -> Any:
    """What public documents hold since this version, of the facts by which versions are told apart."""
    if not DISCOVERY.exists():
        return {}
    facts = json.loads(DISCOVERY.read_text())["facts"]
    return {"since": [{key: value for key, value in fact.items() if key != "since"} for fact in facts if fact["since"] == version]}


def minimal(given: argparse.Namespace) -> int:
    """The opposite test over a journal; 1 if it has complaints."""
    version = Version(text=given.version)
    journal = Journal(path=given.journal or STORE / f"measure-{version.text}.jsonl")
    journal.load()
    tasks = [task for task in tasks_of(version, given.only) if task.key in journal.done]
    complaints: list[str] = []
    asked = 0
    for features, url in (((), given.url), (Features(version.text).to_switch_on(), given.feature_url)):
        chosen = [task for task in tasks if bool(task.spec.features) == bool(features)]
        if chosen:
            with running(version.text, features, url) as base_url:
                check = asyncio.run(_checked(version, base_url, journal, chosen, frozenset(features)))
            complaints += check.complaints
            asked += check.asked
    for complaint in complaints:
        print(complaint)
    print(f"{version.text}: {asked} minimal sets tried as human users, {len(complaints)} complaints")
    return 1 if complaints else 0


async def _checked(version: Version, base_url: str, journal: Journal, tasks: Sequence[Task], features: frozenset[str]) -> Check:
    async with mail_sink() as mail_port, Server(base_url) as server:
        await server.login("admin", "admin")
        async with stage_on(server, version, mail_port=mail_port, names=Names(), features=features) as stage:
            check = Check(stage=stage, journal=journal)
            await check.all(tasks)
            return check


def powers(given: argparse.Namespace) -> int:
    """Try the powers of one version and renew them in the file."""
    version = Version(text=given.version)
    with running(version.text, (), given.url) as base_url:
        held = asyncio.run(_powers(version, base_url))
    renew_powers(version, held)
    return 0


def renew_powers(version: Version, held: Mapping[tuple[str, str], list[str]]) -> None:
    """Put what one version's roles can reach in place of what the file said of it."""
    for (role, power), ways in sorted(held.items()):
        say(f"{role}: {power}: {'; '.join(ways)}")
    known = json.loads(POWERS.read_text()) if POWERS.exists() else {}
    POWERS.write_text(powers_text(merged(known, version.text, held)))


async def _powers(version: Version, base_url: str) -> dict[tuple[str, str], list[str]]:
    async with mail_sink() as mail_port, Server(base_url) as server:
        await server.login("admin", "admin")
        async with stage_on(server, version, mail_port=mail_port, names=Names(), features=frozenset()) as stage:
            return await powers_held(stage.realm_maker)


def documented() -> int:
    """Write 26.8's table and powers."""
    source = json.loads((DATA / f"{LAST_MEASURED}.json").read_text())
    (DATA / "26.8.json").write_text(as_26_8(source))
    POWERS.write_text(powers_text(powers_of_26_8(json.loads(POWERS.read_text()), LAST_MEASURED)))
    return 0


def compare(given: argparse.Namespace) -> int:
    """Print what two files say differently."""
    found = compared(given.first, given.second)
    print("\n".join(found) if found else "equal")
    return 1 if found else 0


def main() -> int:
    actions = {"minimal": minimal, "powers": powers}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "documented":
        return documented()
    if name == "compare":
        parser = argparse.ArgumentParser(prog="python -m tools.measure compare")
        parser.add_argument("first", type=Path)
        parser.add_argument("second", type=Path)
        return compare(parser.parse_args(sys.argv[2:]))
    parser = argparse.ArgumentParser(
        prog="python -m tools.measure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--only", default="", help="only operations whose key (method, path, body, handler) this expression finds")
    parser.add_argument("--resume", action="store_true", help="keep what the journal holds, do the rest")
    parser.add_argument("--again", action="store_true", help="measure what --only finds once more, keep the rest of the journal")
    parser.add_argument("--powers", action="store_true", help="try the hidden powers, too")
    parser.add_argument("--master-singles", action="store_true", help="try callers of master with every single role, too")
    parser.add_argument("--seed", type=int, default=0, help="another order of trials, for a second run")
    parser.add_argument("--out", type=Path, help="the data file (default: the catalog's)")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--url", help="measure on this running server (admin/admin) instead of a new one")
    parser.add_argument("--feature-url", help="the same with the features switched on")
    if name in actions:
        return actions[name](parser.parse_args(sys.argv[2:]))
    run(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
