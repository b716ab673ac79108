"""Whether the proxy can listen where it should, found out before it starts, for both listeners at once."""

import errno
import socket
from pathlib import Path

from kcproxy.settings import AddressSettings, Settings


def port_problems(settings: Settings) -> list[str]:
    """Complete lines, one for each listener that cannot be opened; empty where both can."""
    listeners = {"listen": settings.listen, "admin_listen": settings.admin_listen}
    found = ((key, address, _try(address)) for key, address in listeners.items())
    return [_line(key, address, error, settings.origins.get(key, "default")) for key, address, error in found if error is not None]


def _try(address: AddressSettings) -> OSError | None:
    return _try_unix(address.unix_path) if address.unix_path else _try_port(address.host or "", address.port or 0)


def _try_port(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        return error
    return None


def _try_unix(path: Path) -> OSError | None:
    if not path.exists():
        return None
    if not path.is_socket():
        return OSError(errno.EEXIST, "there is a file of that name")
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            return OSError(errno.EADDRINUSE, "in use")
    return None


def _line(key: str, address: AddressSettings, error: OSError, origin: str) -> str:
    flag = "--" + key.replace("_", "-")
    match error.errno:
        case errno.EADDRINUSE:
            what, remedy = "is in use by another program", f"end that one (ss -ltnp shows it), or choose another with {flag}"
        case errno.EACCES | errno.EPERM:
            what, remedy = "needs a privilege that this user does not have", f"choose a port above 1023 with {flag}"
        case errno.EEXIST:
            what, remedy = "is an ordinary file", f"choose another path with {flag}"
        case _:
            what, remedy = f"cannot be opened ({error.strerror})", f"give an address of this machine with {flag}"
    return f"{key} ({origin}): {address} {what}; {remedy}"
