"""Adds a Keycloak version: `python -m tools.measure add 26.7.5`.

Steps: list its operations, record its public documents, measure the table, try the powers, renew 26.8, write the documents, add the line
to the changelog, run the tests of the catalog. What is finished is not done again: after a stop the same command goes on.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devkit.realserver import LONG_RUN, RealServer
from devkit.realserver.distribution import STORE, RealServerError
from tools.measure import enumerate as enumeration
from tools.measure import fingerprint
from tools.measure.behind import Features
from tools.measure.measuring import DATA, measure, try_powers, write, write_documented
from tools.measure.powers.run import Journal as PowersJournal
from tools.measure.powers.run import ways_of
from tools.measure.run import Journal, Task, say, tasks_of
from tools.measure.stage import Version

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
MEASURED_LINE = re.compile(r"^(- The role tables were measured on Keycloak )(.*?)(?=\.$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what it is called, and what does it."""

    name: str
    act: Callable[[Version], None]


def main(arguments: Sequence[str]) -> int:
    """Run the command. Exit code 1 if a step failed: the message names it, and the same command resumes there."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.measure add", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    version = Version(text=parser.parse_args(arguments).version)
    started = time.monotonic()
    for step in STEPS:
        before = time.monotonic()
        say(f"== {step.name}")
        try:
            step.act(version)
        except (RealServerError, subprocess.CalledProcessError) as error:
            print(f"measure add {version.text}: {step.name}: {error}", file=sys.stderr)
            return 1
        say(f"== {step.name}: {time.monotonic() - before:.0f} s")
    say(f"== {version.text}: all in {(time.monotonic() - started) / 60:.1f} minutes (this run)")
    return 0


def _list(version: Version) -> None:
    if not (enumeration.OPERATIONS / f"{version.text}.json").exists() and enumeration.main([version.text]):
        raise RealServerError("the operations could not be listed")


def _measure(version: Version) -> None:
    """Measure public documents, table and powers on one server, then operations behind features on a second one."""
    journal = Journal(path=STORE / f"measure-{version.text}.jsonl")
    journal.load()
    every = tasks_of(version)
    left = [task for task in every if journal.lacks(task)]
    recorded = fingerprint.RECORDED / f"{version.text}.json"
    plain = [task for task in left if not task.spec.features]
    if plain or not recorded.exists() or _powers_left(version):
        with RealServer(version.text) as server:
            _on_plain_server(version, server.base_url, journal, plain, recorded)
    behind = [task for task in left if task.spec.features]
    if behind:
        features = Features(version.text).to_switch_on()
        with RealServer(version.text, features=features, jvm_options=LONG_RUN) as server:
            asyncio.run(measure(version, server.base_url, journal, behind, frozenset(features)))
    fingerprint.DISCOVERY.write_text(fingerprint.document(fingerprint.derive()))
    write(version, journal, every, DATA / f"{version.text}.json")


def _on_plain_server(version: Version, base_url: str, journal: Journal, tasks: Sequence[Task], recorded: Path) -> None:
    if not recorded.exists():
        fingerprint.write_answers(recorded, fingerprint.answers_of(base_url))
    if tasks:
        asyncio.run(measure(version, base_url, journal, tasks, frozenset()))
    if _powers_left(version):
        try_powers(version, base_url, resume=True)


def _powers_left(version: Version) -> bool:
    journal = PowersJournal(path=STORE / f"powers-{version.text}.jsonl")
    journal.load()
    done = {(way, role) for way, role in journal.done}
    return any((way.id, role) not in done for way in ways_of(version) for role in journal.facts.get("roles", [""]))


def _documented(_version: Version) -> None:
    write_documented()


def _documents(_version: Version) -> None:
    subprocess.run([sys.executable, "-m", "tools.docs"], cwd=ROOT, check=True)


def _changelog(version: Version) -> None:
    text = CHANGELOG.read_text()
    CHANGELOG.write_text(with_version(text, version.text))


def with_version(text: str, version: str) -> str:
    """The changelog with this version among those that the tables were measured on. Raises ValueError if it has no such line."""
    found = MEASURED_LINE.search(text)
    if found is None:
        raise ValueError("the changelog has no line that begins with: - The role tables were measured on Keycloak")
    named = set(re.findall(r"[0-9]+(?:\.[0-9]+)+", found[2])) | {version}
    ordered = sorted(named, key=lambda each: tuple(int(part) for part in each.split(".")))
    return text[: found.start(2)] + ", ".join(ordered) + text[found.end(2) :]


def _tests(_version: Version) -> None:
    subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/catalog", "tests/tools", "-n", "2"], cwd=ROOT, check=True)


STEPS = (
    Step(name="operations", act=_list),
    Step(name="measurement", act=_measure),
    Step(name="26.8, documented", act=_documented),
    Step(name="documents", act=_documents),
    Step(name="changelog", act=_changelog),
    Step(name="tests", act=_tests),
)
