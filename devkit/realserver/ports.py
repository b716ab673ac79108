"""Reserves loopback ports for a server that opens them only after half a minute."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from devkit.realserver.distribution import RealServerError


@contextmanager
def held_port(wanted: int | None = None) -> Iterator[int]:
    """Reserve ``wanted`` or any free port: it is bound without listening, so that the kernel does not assign it to another process.

    A server that sets SO_REUSEADDR, as the JVM does, can listen on it all the same. Raises RealServerError if ``wanted`` is taken.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise RealServerError(f"port {wanted} of loopback cannot be had: {error.strerror}") from error
        yield int(holder.getsockname()[1])
