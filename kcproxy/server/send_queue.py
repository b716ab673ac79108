"""How much of the written bytes a client has not acknowledged yet: those in the transport, and those in the kernel."""

import array
import asyncio
import socket
import struct
from contextlib import suppress

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

_NO_LINGERING = struct.pack("ii", 1, 0)


def unsent_bytes(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written and are not acknowledged yet.

    The transport alone does not show how slow a client is. The kernel takes megabytes from it at once, and then nothing while the client reads
    them. The bytes in the kernel are read with SIOCOUTQ (Linux, tcp(7)) if the system has it.
    """
    return transport.get_write_buffer_size() + _unsent_by_kernel(transport)


def reset(transport: asyncio.WriteTransport) -> None:
    """Close at once, and drop the kernel's unsent bytes. Otherwise the kernel stores them for a client that does not read."""
    sock = transport.get_extra_info("socket")
    with suppress(OSError):  # closed already
        if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    transport.abort()


def _unsent_by_kernel(transport: asyncio.WriteTransport) -> int:
    if fcntl is None:
        return 0
    sock = transport.get_extra_info("socket")
    count = array.array("i", [0])
    try:
        fcntl.ioctl(-1 if sock is None else sock.fileno(), termios.TIOCOUTQ, count)
    except OSError:
        return 0  # closed already, or not supported by the system
    return count[0]
