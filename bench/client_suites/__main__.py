"""`python -m bench.client_suites [--only NAME…] [--write]`: the clients' own tests, without the middleware and with it.

Exit codes: 0 if each test has the same outcome both ways, 1 if not.
"""

import argparse
import sys
import time

from bench.client_suites.libraries import LIBRARIES
from bench.client_suites.page import page
from bench.client_suites.run import ROOT, counts_file, found, prepared
from bench.suites.outcome import Found

PAGE = ROOT / "docs" / "middleware-suites.md"


def main(arguments: list[str]) -> int:
    """Run, print the page, and write it with ``--write``."""
    options = _parser().parse_args(arguments)
    results: dict[str, tuple[Found, str]] = {}
    for library in LIBRARIES:
        if options.only is None or library.name in options.only:
            began = time.monotonic()
            result = found(library)
            results[library.name] = result, counts_file(prepared(library)).read_text(encoding="utf-8")
            print(f"{library.name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    text = page(results)
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0 if all(result.same for result, _ in results.values()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.client_suites", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[library.name for library in LIBRARIES], metavar="NAME", help="these clients")
    parser.add_argument("--write", action="store_true", help="write docs/middleware-suites.md (only with all clients)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
