"""``real_caller.py PORT KEY``: sends twenty requests per second with a valid key until its input ends, then prints their times as JSON.

A process of its own, so that it waits for nobody but the proxy. Every other call is made on a new connection.
"""

import json
import sys
import threading
import time
from contextlib import closing

from bench.load import Caller, LoadError
from bench.scenarios import SMALL

CALLS_PER_SECOND = 20


def ask_until(ended: threading.Event, port: int, key: str) -> tuple[list[float], int]:
    """The seconds of successful requests, and the number of failed ones."""
    seconds: list[float] = []
    errors = number = 0
    kept: Caller | None = None
    while not ended.is_set():
        number += 1
        began = time.monotonic()
        try:
            if kept is None:
                kept = connected(port, key)
            if number % 2:
                with closing(connected(port, key)) as fresh:
                    seconds.append(time.monotonic() - began + asked(fresh, number))
            else:
                seconds.append(asked(kept, number))
        except (OSError, LoadError):
            errors += 1
            kept = None
        ended.wait(max(0.0, began + 1 / CALLS_PER_SECOND - time.monotonic()))
    return seconds, errors


def connected(port: int, key: str) -> Caller:
    """A connection whose requests have the key."""
    return Caller(port, token=None, fields={"Kcproxy-Key": key})


def asked(caller: Caller, number: int) -> float:
    """Seconds of a small request. Raises OSError or LoadError if it failed."""
    return caller.ask(SMALL.path % number, status=SMALL.status)


def main() -> int:
    """Run the program."""
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    seconds, errors = ask_until(ended, int(sys.argv[1]), sys.argv[2])
    print(json.dumps({"seconds": seconds, "errors": errors}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
