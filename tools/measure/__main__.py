"""Measure which roles each operation of Keycloak's Admin REST API needs, and what each role can be turned into.

`python -m tools.measure add VERSION`: everything for a new version: table, powers, documents, line of the changelog. Run it again to resume.
`python -m tools.measure VERSION [--only PATTERN | --renew] [--resume] [--out FILE]`: the measurement; writes the catalog's data file.
`python -m tools.measure powers VERSION [--resume]`: what each role can be turned into; renews the version in powers.json.
`python -m tools.measure minimal VERSION`: with each minimal set found the call passes, with any one role less it does not.
`python -m tools.measure documented`: 26.8 from the newest measured table and the changes that its documentation names.
`python -m tools.measure compare FILE FILE`: what two data files say differently; exit code 1 if anything.
"""

import argparse
import asyncio
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from devkit.mail_sink import mail_sink
from devkit.realserver.distribution import STORE
from tools.measure import add
from tools.measure.behind import Features
from tools.measure.compare import compared
from tools.measure.http import Server
from tools.measure.kept import renewed
from tools.measure.measuring import DATA, measure, read_table, running, try_powers, write, write_documented
from tools.measure.minimal import Check
from tools.measure.run import Journal, Task, stage_on, tasks_of
from tools.measure.stage import Names, Version


def run(given: argparse.Namespace) -> None:
    """Measure what is missing in the journal: first the default features, then those that have to be enabled."""
    version = Version(text=given.version)
    journal = Journal(path=given.journal or STORE / f"measure-{version.text}.jsonl")
    if not (given.resume or given.again):
        journal.path.unlink(missing_ok=True)
    journal.load()
    every = tasks_of(version)
    path = given.out or DATA / f"{version.text}.json"
    wanted = renewed(read_table(path), every) if given.renew else [task for task in every if re.search(given.only, task.key)]
    chosen = [task for task in wanted if given.again or journal.lacks(task)]
    if given.seed:
        random.Random(given.seed).shuffle(chosen)
    features = Features(version.text).to_switch_on()
    plain, behind = [task for task in chosen if not task.spec.features], [task for task in chosen if task.spec.features]
    for tasks, switched, url in ((plain, (), given.url), (behind, features, given.feature_url)):
        powers_too = given.powers and not switched
        if tasks or powers_too:
            with running(version.text, switched, url) as base_url:
                if powers_too:
                    try_powers(version, base_url, resume=True)
                asyncio.run(
                    measure(
                        version,
                        base_url,
                        journal,
                        tasks,
                        frozenset(switched),
                        master_singles=given.master_singles,
                        again=given.again,
                    )
                )
    write(version, journal, every, path)


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
    """Try what the roles of one version can be turned into, and update the file."""
    version = Version(text=given.version)
    with running(version.text, (), given.url) as base_url:
        try_powers(version, base_url, resume=given.resume, only=given.only)
    return 0


def documented() -> int:
    """Write 26.8's table and powers."""
    write_documented()
    return 0


def compare(given: argparse.Namespace) -> int:
    """Print what two files say differently."""
    found = compared(given.first, given.second)
    print("\n".join(found) if found else "equal")
    return 1 if found else 0


def main() -> int:
    actions = {"minimal": minimal, "powers": powers}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "add":
        return add.main(sys.argv[2:])
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
    parser.add_argument("--powers", action="store_true", help="try on the same server what the roles can be turned into, too")
    parser.add_argument("--renew", action="store_true", help="only reads whose responses can be reduced, or with new fixtures")
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
