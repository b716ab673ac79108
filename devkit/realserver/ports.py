"""Ports of loopback that are kept for a server while it starts, which takes it half a minute before it asks for them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from devkit.realserver.distribution import RealServerError


@contextmanager
def held_port(wanted: int | None = None) -> Iterator[int]:
    """``wanted``, or any free port: bound without listening, so that the kernel gives it to nobody else, neither as a server's nor as a caller's.

    A server that sets SO_REUSEADDR, as the JVM does, can listen on it all the same. RealServerError where ``wanted`` is taken.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise RealServerError(f"port {wanted} of loopback cannot be had: {error.strerror}") from error
        yield int(holder.getsockname()[1])
