"""`python -m devkit.realserver fetch VERSION…` and `python -m devkit.realserver run VERSION [--port N] [--features a,b] [-- COMMAND ARGS…]`."""

import argparse
import os
import signal
import subprocess
import sys

from devkit.realserver import RealServer, RealServerError, fetch_distribution


def main(arguments: list[str]) -> int:
    """Exit codes: that of the command; 1 if no server is available; 130 after Ctrl-C."""
    options, _, command = _split(arguments)
    parsed = _parser().parse_args(options)
    # Without this, SIGTERM ends Python without leaving the `with` block: the server is stopped, but not waited for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if parsed.action == "fetch":
            for version in parsed.versions:
                print(fetch_distribution(version), flush=True)
            return 0
        features = tuple(name for name in parsed.features.split(",") if name)
        with RealServer(parsed.version, features=features, port=parsed.port, options=tuple(parsed.option)) as server:
            return _work(server, command)
    except RealServerError as error:
        print(f"realserver: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _work(server: RealServer, command: list[str]) -> int:
    if command:
        return subprocess.call(command, env=os.environ | server.environment())
    print(f"{server.base_url}  {server.admin_username}/{server.admin_password}  home {server.home}  (Ctrl-C stops it)", flush=True)
    while True:
        signal.pause()


def _split(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    if "--" not in arguments:
        return arguments, "", []
    at = arguments.index("--")
    return arguments[:at], "--", arguments[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devkit.realserver", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("fetch", help="download and unpack").add_argument("versions", nargs="+", metavar="VERSION")
    run = actions.add_parser("run", help="start, run COMMAND with KEYCLOAK_URL and so on in its environment, stop")
    run.add_argument("version")
    run.add_argument("--port", type=int)
    run.add_argument("--features", default="", metavar="a,b")
    run.add_argument("--option", action="append", default=[], metavar="--NAME=VALUE", help="a further option of kc.sh start-dev")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
