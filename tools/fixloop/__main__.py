"""Tries the printed fix of every operation of the catalog on real servers.

`python -m tools.fixloop [VERSION…] [--only PATTERN] [--resume] [--write]`. Without versions: 26.7.5, 26.4.7 and 24.0.5, one after the other.
For each call, a service account without roles is refused through a kcproxy that injects its token, and the refusal is explained. The commands of
the first fix are run unchanged. The same call through the same proxy must then get the full response, and must not get it with any role removed.
"""

import argparse
import asyncio
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from devkit.realserver import LONG_RUN, RealServer
from devkit.realserver.distribution import STORE, fetch_distribution
from tools.fixloop.kept import ROOT, keep, revision
from tools.fixloop.needs import Case, cases_of
from tools.fixloop.page import write
from tools.fixloop.results import Journal, Kind
from tools.fixloop.run import LoopSetup, loop
from tools.measure.behind import Features
from tools.measure.run import say
from tools.measure.stage import Version

VERSIONS = ("26.7.5", "26.4.7", "24.0.5")
WORKERS = 4
SAMPLE = 25
"""For how many calls kcadm.sh runs the commands in a shell as well."""


@contextmanager
def server(version: str, features: tuple[str, ...], url: str | None) -> Iterator[str]:
    """The address of a server: the given one, or one that is started for the run."""
    if url:
        yield url
        return
    with RealServer(version, features=features, jvm_options=LONG_RUN) as started:
        yield started.base_url


def sampled(cases: Sequence[Case], count: int = SAMPLE) -> frozenset[str]:
    """The keys of about `count` cases, spread evenly over those that roles open by command."""
    with_command = [case.key for case in cases if not (case.need.shown.closed or case.need.open_to_all or case.need.undetermined)]
    return frozenset(with_command[:: max(1, len(with_command) // count)][:count])


def close_loop(given: argparse.Namespace, text: str) -> Journal:
    """Run the loop for one version: first the operations of the default features, then those of features that must be enabled."""
    version, folder = Version(text=text), STORE / f"fix-loop-{text}"
    journal = Journal(path=folder / "journal.jsonl")
    if not given.resume:
        journal.path.unlink(missing_ok=True)
    journal.load()
    cases = [case for case in cases_of(text) if re.search(given.only, case.key)]
    in_shell = sampled(cases)
    for behind in (False, True):
        waiting = [case for case in cases if bool(case.task.spec.features) is behind and case.key not in journal.done]
        features = Features(text).to_switch_on() if behind else ()
        if waiting:
            with server(text, features, given.feature_url if behind else given.url) as base_url:
                setup = LoopSetup(
                    version=version,
                    base_url=base_url,
                    distribution=fetch_distribution(text),
                    folder=folder,
                    features=frozenset(features),
                )
                asyncio.run(loop(setup, waiting, journal, workers=given.workers, in_shell=in_shell))
    for old in folder.glob("loop-*"):
        shutil.rmtree(old)
    return journal


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fixloop", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--only", default="", help="only calls whose key (method, path, body, handler, #variant) this expression finds")
    parser.add_argument("--resume", action="store_true", help="keep the results of an interrupted run, and run the rest and what failed")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many calls at a time, each through its own kcproxy")
    parser.add_argument("--write", action="store_true", help="keep the results, and write docs/fix-loop.md")
    parser.add_argument("--url", help="use this running server (admin/admin) instead of a new one")
    parser.add_argument("--feature-url", help="the same, with the features enabled")
    given = parser.parse_args(arguments)
    # A plain SIGTERM would end Python without leaving the `with` blocks: servers and proxies would be left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = 0
    for version in given.versions or VERSIONS:
        running = revision()  # what is run, even if the sources change meanwhile
        journal = close_loop(given, version)
        results = journal.done.values()
        failed += sum(result.kind is Kind.FAILED for result in results)
        print(f"{version}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(result.kind for result in results).items())))
        if given.write:
            keep(version, cases_of(version), journal.done, of_revision=running)
            write(ROOT)
    say(f"{failed} calls failed" if failed else "every call has the expected result")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
