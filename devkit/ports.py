"""Ports of loopback: for servers that a test starts as processes of their own, and for a server that is not there."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_BELOW_THE_KERNELS_OWN = range(10_000, 32_768)
"""By itself, Linux gives none of these to a caller or to a server that asks for any port; so nobody takes one before its server has started."""


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().choice(_BELOW_THE_KERNELS_OWN)
        with socket.socket() as probe:
            if port not in found and _bound(probe, port):
                found.append(port)
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    return free_ports(1)[0]


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses every connection, and is nobody else's: bound without listening. A server of the test may still take it."""
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
