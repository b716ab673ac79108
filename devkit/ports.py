"""Loopback ports: for servers that a test starts as processes, and for servers that do not exist."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_BELOW_THE_KERNELS_OWN = range(10_000, 32_768)
"""Linux does not assign these ports automatically, so no other process uses one before its server has started."""


def free_ports(count: int) -> list[int]:
    """Different ports on which nothing listens."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().choice(_BELOW_THE_KERNELS_OWN)
        with socket.socket() as probe:
            if port not in found and _bound(probe, port):
                found.append(port)
    return found


def free_port() -> int:
    """A port on which nothing listens."""
    return free_ports(1)[0]


@contextmanager
def refusing_port() -> Iterator[int]:
    """A reserved port that refuses every connection: bound without listening. A server of the test can still use it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def _bound(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
