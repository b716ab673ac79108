"""Records what methods, modules and commands of tools call, and tries their least roles on a real server.

`python -m tools.use VERSION [TOOL…] [--only PATTERN] [--write]`. Each use is recorded as realm-admin, then repeated with exactly the roles of
the audit, and with each of them taken away. `--write` keeps the results for the pages in docs/tools/. ansible needs the
dependency group of that name, gocloak needs Go, javascript needs Node.js with npm, kcadm needs Java.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.suites.stage import mail_taken
from devkit.realserver import RealServer
from tools.use.kept import document, keep, merged, unequal
from tools.use.stage import Stage
from tools.use.tools import NAMES, tool
from tools.use.trial import tried


@contextmanager
def server(version: str, url: str | None) -> Iterator[str]:
    """The address of a server: the given one, or one that is started for the run."""
    if url:
        yield url
        return
    with RealServer(version) as started:
        yield started.base_url


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every repetition was equal."""
    parser = argparse.ArgumentParser(prog="python -m tools.use", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", metavar="VERSION")
    parser.add_argument("tools", nargs="*", metavar="TOOL", help=f"{', '.join(NAMES)}; default: all")
    parser.add_argument("--only", default="", help="only uses whose name this expression finds; later ones may need earlier ones")
    parser.add_argument("--write", action="store_true", help="keep the results")
    parser.add_argument("--url", help="use this running server (admin/admin) instead of a new one")
    given = parser.parse_args(arguments)
    wrong = []
    with server(given.version, given.url) as url, mail_taken() as mail_port:
        for name in given.tools or NAMES:
            chosen = tool(name)
            every = list(chosen.trials())
            trials = [trial for trial in every if re.search(given.only, trial.name)]
            results = tried(partial(Stage, url, mail_port=mail_port), trials, version=given.version, say=partial(print, flush=True))
            found = document(name, library=chosen.version(), keycloak=given.version, not_run=chosen.not_run(), results=results)
            wrong += unequal(found)
            if given.write:
                print(keep(merged(found, [trial.name for trial in every]) if given.only else found))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
