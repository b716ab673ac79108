"""Listening sockets: TCP, or a Unix socket for its owner and group only."""

import errno
import os
import socket
from pathlib import Path

from kcproxy.errors import SettingsError
from kcproxy.settings import AddressSettings

BACKLOG = 1024
UNIX_MODE = 0o660


def listening_socket(address: AddressSettings, *, name: str, shared: bool = False) -> socket.socket:
    """A bound and listening socket. ``shared``: several processes may listen on the port. Raises SettingsError if it cannot listen."""
    try:
        bound = _unix(address.unix_path) if address.unix_path is not None else _tcp(address, shared=shared)
        bound.listen(BACKLOG)
    except OSError as error:
        raise SettingsError(
            [f"{name}: cannot listen on {address}: {error.strerror or error}; stop the process that uses it, or choose another address"]
        ) from error
    bound.setblocking(False)
    return bound


def _tcp(address: AddressSettings, *, shared: bool) -> socket.socket:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, socket_address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(socket_address)
    except OSError:
        bound.close()
        raise
    return bound


def _unix(path: Path) -> socket.socket:
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link, which the proxy does not follow")
    _remove_stale(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~UNIX_MODE)
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _remove_stale(path: Path) -> None:
    """Remove the file of a socket without a listener: the file outlives its process."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
