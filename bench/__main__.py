"""``python -m bench``: measures the upstream alone, nginx, haproxy, caddy and mitmproxy if installed, a naive aiohttp proxy, and kcproxy."""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.measure import Samples, Subject, latencies, load_once
from bench.peers import BEFORE, FLOORS, KCPROXY, PEERS, Peer, kcproxy_of
from bench.processes import OTHER_CORE, PROXY_CORE, end, free_port, running, usage, wait_until_ready
from bench.report import KEYCLOAK_GET_MICROSECONDS, document, targets
from bench.scenarios import SCENARIOS, SMALL, access_token
from bench.upstream import nginx_upstream

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
_STARTS = 3


def main() -> int:
    """Measure, print, and write the document with ``--write``. Returns 1 if a target is missed."""
    options = _options()
    rounds, seconds, calm_seconds = (1, 1.0, 3.0) if options.quick else (options.rounds, options.seconds, 15.0)
    chosen = [peer for peer in PEERS if peer.there and (not options.only or peer.name in options.only or peer is KCPROXY)]
    chosen += FLOORS if options.floors else ()
    chosen += [kcproxy_of(options.against, BEFORE)] if options.against else []
    missing = ", ".join(peer.name for peer in PEERS if not peer.there)
    print(f"measuring {', '.join(peer.name for peer in chosen)}" + (f"; not installed: {missing}" if missing else ""), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        found = _measure(Path(name), chosen, rounds=rounds, seconds=seconds, calm_seconds=calm_seconds)
    listed = targets(found, keycloak_microseconds=options.keycloak_cpu)
    text = document(found, listed, rounds=rounds, seconds=seconds)
    print(text)
    if options.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")
    return 1 if any(target.verdict == "MISSED" for target in listed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second each; less than a minute")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each proxy and kind of call in each round")
    parser.add_argument("--only", nargs="*", default=[], metavar="PEER", help="these beside kcproxy")
    parser.add_argument(
        "--keycloak-cpu", type=float, default=KEYCLOAK_GET_MICROSECONDS, metavar="µs", help="what Keycloak itself spends on the small GET"
    )
    parser.add_argument("--floors", action="store_true", help="also the pool behind an inbound side that does nothing else")
    parser.add_argument(
        "--against", metavar="PYTHON", help="also the kcproxy that is installed for this interpreter, for a comparison in one run"
    )
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    return parser.parse_args()


def _measure(folder: Path, chosen: list[Peer], *, rounds: int, seconds: float, calm_seconds: float) -> dict[str, Samples]:
    token = access_token(expires_at=int(time.time()) + 86400)
    with ExitStack() as stack:
        port = free_port()
        upstream = Subject(None, stack.enter_context(running(nginx_upstream(folder, port), port, core=OTHER_CORE, folder=folder)), port)
        subjects = [_start(stack, peer, folder, port) for peer in chosen]
        found = {subject.name: Samples() for subject in (upstream, *subjects)}
        for subject in subjects:
            found[subject.name].idle_megabytes = usage(subject.process.pid).resident_megabytes
        for subject in subjects:  # warm up: connections, token and caches
            load_once(subject, SMALL, Samples(), seconds=1, token=token, folder=folder)
        for number in range(rounds):
            for scenario in SCENARIOS:
                for subject in subjects if number % 2 == 0 else reversed(subjects):
                    load_once(subject, scenario, found[subject.name], seconds=seconds, token=token, folder=folder)
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
        latencies([upstream, *subjects], found, seconds=calm_seconds, token=token)
        for _ in range(_STARTS):
            _start_once(folder, port, found[KCPROXY.name])
    return found


def _start(stack: ExitStack, peer: Peer, folder: Path, upstream_port: int) -> Subject:
    own = folder / peer.name
    own.mkdir()
    port = free_port()
    process = stack.enter_context(running(peer.prepare(own, port, upstream_port), port, core=PROXY_CORE, folder=own))
    return Subject(peer, process, port)


def _start_once(folder: Path, upstream_port: int, samples: Samples) -> None:
    """Measure the time from the start of a kcproxy process until it is ready."""
    own = folder / f"start-{time.monotonic_ns()}"
    own.mkdir()
    port = free_port()
    command = KCPROXY.prepare(own, port, upstream_port)
    began = time.monotonic()
    with running(command, port, core=PROXY_CORE, folder=own) as process:
        wait_until_ready(port + 1, "/readyz")
        samples.start_seconds.append(time.monotonic() - began)
        samples.start_cpu_seconds.append(usage(process.pid).cpu_microseconds / 1e6)
        end(process)


if __name__ == "__main__":
    sys.exit(main())
