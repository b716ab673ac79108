"""`python -m bench.suites [--only NAME…] [--least [--keycloak VERSION]] [--clones FOLDER] [--write]`: suites of client libraries, directly and through kcproxy.

With `--least`: as administrator, and again with the least set that `kcproxy audit` computes from what was called.

Exit codes: 0 when everything that could be had came out the same, 1 when something did not.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.suites import gocloak, javascript, kcadm, python_keycloak
from bench.suites.having import clones_from_environment
from bench.suites.judge import VERSION, judged
from bench.suites.judge_least import judged_least
from bench.suites.kept import keep, keep_least, kept, kept_least
from bench.suites.least_page import least_faults, least_page, least_section
from bench.suites.outcome import Found
from bench.suites.page import faults, page
from bench.suites.stage import FEATURES
from bench.suites.suite import Suite

SUITES = (kcadm.SUITE, python_keycloak.SUITE, gocloak.SUITE, javascript.SUITE)
DOCS = Path(__file__).resolve().parents[2] / "docs"


def main(arguments: list[str]) -> int:
    """Run, print differences, and write the page with ``--write``."""
    options = _parser().parse_args(arguments)
    if options.keycloak != VERSION and not options.least:
        raise SystemExit("--keycloak is for --least: the other runs compare ways to one version")
    chosen = [suite for suite in SUITES if options.only is None or suite.name in options.only]
    left = _with_least(chosen, options.keycloak, options.clones) if options.least else _each_way(chosen, options.clones)
    text = _page(options.keycloak)
    print(text)
    if options.write:
        page_of(options.keycloak).write_text(text, encoding="utf-8")
    print("\n".join(left), file=sys.stderr)
    return 1 if left else 0


def page_of(version: str) -> Path:
    """The page in the documentation. Versions other than the newest have one for the least sets alone."""
    return DOCS / ("suites.md" if version == VERSION else f"suites-{version}.md")


def _page(version: str) -> str:
    if version != VERSION:
        return least_page([(suite, None, kept_least(suite.name, version)) for suite in SUITES], version=version)
    listed = [(suite, kept(suite.name)) for suite in SUITES]
    least = [(*each, kept_least(each[0].name, version)) for each in listed]
    return page(listed, version=version, features=FEATURES) + least_section(least, version=version)


def _each_way(suites: Sequence[Suite], clones: Path | None) -> list[str]:
    found: dict[str, Found] = {}
    for suite in suites:
        found[suite.name] = judged(suite, clones=clones)
        keep(suite.name, found[suite.name])
    return faults(found)


def _with_least(suites: Sequence[Suite], version: str, clones: Path | None) -> list[str]:
    left = []
    for suite in suites:
        known = kept(suite.name) if version == VERSION else None
        found = judged_least(suite, version=version, clones=clones, known=known)
        keep_least(suite.name, version, found)
        left += least_faults(suite, found, known)
    return left


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.suites", description=__doc__)
    parser.add_argument(
        "--only", nargs="*", choices=[suite.name for suite in SUITES], metavar="NAME", help="these suites; none, for the page alone"
    )
    parser.add_argument(
        "--clones",
        type=Path,
        default=clones_from_environment(),
        metavar="FOLDER",
        help="git clones of the libraries' repositories, by name, instead of the repositories themselves ($SUITES_CLONES)",
    )
    parser.add_argument("--least", action="store_true", help="only as administrator and with the least set")
    parser.add_argument("--keycloak", default=VERSION, metavar="VERSION", help="with --least: on this version of Keycloak")
    parser.add_argument("--write", action="store_true", help="write docs/suites.md, with what earlier calls found of the other suites")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
