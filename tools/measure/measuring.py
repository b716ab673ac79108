"""Measurements on a running server, and the files that are written from their journals."""

import asyncio
import datetime as dt
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devkit.mail_sink import mail_sink
from devkit.realserver import LONG_RUN, RealServer
from devkit.realserver.distribution import STORE, version_numbers
from tools.measure.documented import as_26_8, powers_of_26_8
from tools.measure.http import Server
from tools.measure.kept import merged
from tools.measure.powers import document as powers_document
from tools.measure.powers.run import Journal as PowersJournal
from tools.measure.powers.run import Matrix, ways_of
from tools.measure.powers.sinks import listening
from tools.measure.run import Journal, Run, Task, say, stage_on
from tools.measure.stage import Names, Version
from tools.measure.writer import REVISION, document, rows

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "catalog" / "data"
POWERS = DATA / "powers.json"
DISCOVERY = DATA / "discovery.json"


async def measure(
    version: Version,
    base_url: str,
    journal: Journal,
    tasks: Sequence[Task],
    features: frozenset[str],
    *,
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
        finally:  # calls of a run that is broken off count, too
            journal.note("calls", journal.facts.get("calls", 0) + server.calls)


@contextmanager
def running(version: str, features: tuple[str, ...], url: str | None) -> Iterator[str]:
    """The address of a server: a given one, otherwise a new one for the time."""
    if url:
        yield url
        return
    with RealServer(version, features=features, jvm_options=LONG_RUN) as server:
        yield server.base_url


def write(version: Version, journal: Journal, tasks: Sequence[Task], path: Path) -> None:
    """The data file of what the journal holds; what it does not hold stays as the file has it."""
    known = read_table(path)
    operations = (
        merged(known, rows(tasks, journal.left | journal.done)) if known["operations"] else rows(tasks, journal.left | journal.done)
    )
    measured = {"date": dt.datetime.now(tz=dt.UTC).date().isoformat(), "program": REVISION, "calls": journal.facts["calls"]}
    contains = known.get("roles", {}) | journal.facts["roles"]
    text = document(
        version.text,
        provenance=_provenance(known, measured, journal, tasks),
        discovery=_discovery(version.text),
        contains=contains,
        operations=operations,
    )
    path.write_text(text)
    undetermined = [row for row in operations if "undetermined" in row]
    for row in undetermined:
        say(f"undetermined: {row['method']} {row['path']}: {row['undetermined']}")
    say(
        f"{path.name}: {len(operations)} operations, {len(undetermined)} undetermined, {sum(len(row.get('variants', ())) for row in operations)} variants"
    )


def _provenance(known: Mapping[str, Any], measured: dict[str, Any], journal: Journal, tasks: Sequence[Task]) -> dict[str, Any]:
    """Who measured what: where only a part was measured again, the first measurement stays named."""
    plain = [task for task in tasks if not task.spec.variant]
    again = sum(task.key in journal.done for task in plain)
    if again == len(plain) or not known["operations"]:
        return measured
    first = {key: value for key, value in known["provenance"].items() if key != "renewed"}
    return first | {"renewed": measured | {"operations": again}}


def read_table(path: Path) -> dict[str, Any]:
    """A data file; one without operations if there is none yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {"operations": []}


def _discovery(version: str) -> Any:
    """Facts in public documents that exist since this version and distinguish versions."""
    if not DISCOVERY.exists():
        return {}
    facts = json.loads(DISCOVERY.read_text())["facts"]
    return {"since": [{key: value for key, value in fact.items() if key != "since"} for fact in facts if fact["since"] == version]}


def try_powers(version: Version, base_url: str, *, resume: bool, only: str = "") -> None:
    """Try every way with every role on a running server; the journal keeps what came of it, and the file follows from that."""
    journal = PowersJournal(path=STORE / f"powers-{version.text}.jsonl")
    if not resume:
        journal.path.unlink(missing_ok=True)
    journal.load()
    asyncio.run(_matrix(version, base_url, journal, only))
    provenance = {"date": dt.datetime.now(tz=dt.UTC).date().isoformat(), "program": REVISION, "calls": journal.facts["calls"]}
    known = json.loads(POWERS.read_text()) if POWERS.exists() else {}
    made = powers_document.with_version(known, version.text, entries=journal.tried(), provenance=provenance)
    POWERS.write_text(powers_document.text_of(made))


async def _matrix(version: Version, base_url: str, journal: PowersJournal, only: str) -> None:
    async with listening() as sinks, Server(base_url) as server:
        try:
            await server.login("admin", "admin")
            # Names go on where an earlier run on the same server may have stopped.
            names = Names(count=int(time.time()) % 1_000_000)
            matrix = Matrix(server=server, version=version, names=names, sinks=sinks, journal=journal)
            await matrix.all([way for way in ways_of(version) if re.search(only, way.id)])
        finally:
            journal.note("calls", journal.facts.get("calls", 0) + server.calls)


def write_documented() -> None:
    """Write 26.8's table and powers."""
    last = last_measured()
    (DATA / "26.8.json").write_text(as_26_8(json.loads((DATA / f"{last}.json").read_text())))
    POWERS.write_text(powers_document.text_of(powers_of_26_8(json.loads(POWERS.read_text()), last)))


def last_measured() -> str:
    """The newest version that has a measured table."""
    heads = {path.stem: path.read_text()[:400] for path in DATA.glob("[0-9]*.json")}
    return max((version for version, head in heads.items() if '"basis": "measured"' in head), key=version_numbers)
