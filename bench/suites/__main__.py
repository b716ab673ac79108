"""`python -m bench.suites [--only NAME…] [--clones FOLDER] [--write]`: suites of client libraries, directly and through kcproxy.

Exit codes: 0 when everything that could be had came out the same, 1 when something did not.
"""

import argparse
import sys
from pathlib import Path

from bench.suites import gocloak, javascript, kcadm, python_keycloak
from bench.suites.having import clones_from_environment
from bench.suites.judge import VERSION, judged
from bench.suites.kept import keep, kept
from bench.suites.outcome import Found
from bench.suites.page import faults, page
from bench.suites.stage import FEATURES

SUITES = (kcadm.SUITE, python_keycloak.SUITE, gocloak.SUITE, javascript.SUITE)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "suites.md"


def main(arguments: list[str]) -> int:
    """Run, print differences, and write the page with ``--write``."""
    options = _parser().parse_args(arguments)
    found: dict[str, Found] = {}
    for suite in SUITES:
        if options.only is None or suite.name in options.only:
            found[suite.name] = judged(suite, clones=options.clones)
            keep(suite.name, found[suite.name])
    text = page([(suite, kept(suite.name)) for suite in SUITES], version=VERSION, features=FEATURES)
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    left = faults(found)
    print("\n".join(left), file=sys.stderr)
    return 1 if left else 0


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
    parser.add_argument("--write", action="store_true", help="write docs/suites.md, with what earlier calls found of the other suites")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
