"""Names and addresses of this machine: what is loopback, and which Host fields name the machine itself. Pure; nothing is looked up.

A Host field (RFC 9110, section 7.2) is ``uri-host [":" port]``. It is read strictly: what is not exactly that names nobody. A name is this
machine's own only if nobody else can have it resolve to another page's server before it resolves to this machine (DNS rebinding). So names
without a dot do not count as such: search domains and WPAD give them to others.
"""

import ipaddress
import re
from collections.abc import Iterable

LOCALHOST = "localhost"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>(?:{_LABEL}\.)*{_LABEL})(?P<root>\.)?)(?::(?P<port>[0-9]{{1,5}}))?")
_LOOPBACK_4 = ipaddress.ip_network("127.0.0.0/8")
_LOOPBACK_6 = ipaddress.IPv6Address("::1")
_MAX_NAME_CHARACTERS = 253
_MAX_PORT = 65535


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on this host: ``localhost``, 127.0.0.0/8, ``::1`` (also bracketed, also with a zone)."""
    host = host.lower()
    return host == LOCALHOST or is_loopback_address(host.removeprefix("[").removesuffix("]").partition("%")[0])


def is_loopback_address(text: str) -> bool:
    """Whether a text is an address of 127.0.0.0/8 in four decimal parts, or ``::1``. No other spelling (``127.1``, ``0x7f.1``) is one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in _LOOPBACK_4 if isinstance(address, ipaddress.IPv4Address) else address == _LOOPBACK_6


def host_name(field: str) -> str | None:
    """The host of a Host field, in lower case, without port, brackets and a last dot; None where the field is not well-formed."""
    if not field.isascii():
        return None  # before anything is put into lower case, for a Kelvin sign becomes a k
    found = _HOST.fullmatch(field.lower())
    if found is None or int(found["port"] or 0) > _MAX_PORT:
        return None
    if found["six"] is not None:
        return _address(found["six"]) if ":" in found["six"] else None
    name = found["name"]
    if len(name) > _MAX_NAME_CHARACTERS or (found["root"] and _address(name)):
        return None
    return name


def _address(text: str) -> str | None:
    """An IP address as it is written as a rule; None where it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def names_loopback(field: str) -> bool:
    """Whether a Host field is ``localhost``, a name below ``.localhost`` (RFC 6761, section 6.3) or a loopback address."""
    name = host_name(field)
    return name is not None and (name == LOCALHOST or name.endswith("." + LOCALHOST) or is_loopback_address(name))


def names_one_of(field: str, own_names: frozenset[str]) -> bool:
    """Whether a Host field names loopback, or has one of these names (as ``own_names`` gives them)."""
    return names_loopback(field) or host_name(field) in own_names


def own_names(machine_name: str, further: Iterable[str] = ()) -> frozenset[str]:
    """The names that a Host field may have beside loopback: the machine's name, its first label, and what the settings allow.

    ``machine_name`` is the operating system's own (uname); no resolver is asked, for its answer may come from the network. ``further`` are
    names and addresses as ``host_name`` gives them.
    """
    names = [host_name(machine_name), host_name(machine_name.partition(".")[0])] if _address(machine_name) is None else []
    return frozenset((*filter(None, names), *further))
