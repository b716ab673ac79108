"""How much of what was written to a caller has not been taken yet: what the transport keeps, and what the kernel keeps."""

import array
import asyncio
import fcntl
import socket
import struct
import termios
from contextlib import suppress

_NO_LINGERING = struct.pack("ii", 1, 0)


def unsent_bytes(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written and not yet acknowledged by the other side.

    The transport alone does not tell how slow a caller is: the kernel takes megabytes from it at once, and then nothing for as long as the
    caller needs for them. What the kernel has is asked for with SIOCOUTQ (Linux, tcp(7)), where there is such a thing.
    """
    return transport.get_write_buffer_size() + _unsent_by_kernel(transport)


def reset(transport: asyncio.WriteTransport) -> None:
    """Close at once, and have the kernel forget what it has not sent: otherwise it keeps that for a caller who does not take it."""
    sock = transport.get_extra_info("socket")
    with suppress(OSError):  # closed already
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    transport.abort()


def _unsent_by_kernel(transport: asyncio.WriteTransport) -> int:
    sock = transport.get_extra_info("socket")
    count = array.array("i", [0])
    try:
        fcntl.ioctl(-1 if sock is None else sock.fileno(), termios.TIOCOUTQ, count)
    except OSError:
        return 0  # closed already, or a system that does not say
    return count[0]
