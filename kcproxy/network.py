"""Names and addresses of this machine: which are loopback, and which Host fields name the machine itself. Pure; no name is resolved.

A Host field (RFC 9110, section 7.2) is ``uri-host [":" port]``. It is parsed strictly: a malformed field names no host. A name is this
machine's own only if nobody else can make it resolve first to the server of a web page and then to this machine (DNS rebinding). So a name
without a dot is not sufficient: search domains and WPAD can give it to others.
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
    """True if only this machine reaches a listener on this host: ``localhost``, 127.0.0.0/8, ``::1`` (also in brackets or with a zone)."""
    host = host.lower()
    return host == LOCALHOST or is_loopback_address(host.removeprefix("[").removesuffix("]").partition("%")[0])


def is_loopback_address(text: str) -> bool:
    """True for an address of 127.0.0.0/8 in four decimal parts, and for ``::1``; false for other spellings (``127.1``, ``0x7f.1``)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in _LOOPBACK_4 if isinstance(address, ipaddress.IPv4Address) else address == _LOOPBACK_6


def host_name(field: str) -> str | None:
    """The host of a Host field in lowercase, without port, brackets and trailing dot; None if the field is malformed."""
    if not field.isascii():
        return None  # checked before lowercasing, because a Kelvin sign becomes a k
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
    """An IP address in its canonical form; None for other texts."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def names_loopback(field: str) -> bool:
    """True if a Host field is ``localhost``, a name below ``.localhost`` (RFC 6761, section 6.3) or a loopback address."""
    name = host_name(field)
    return name is not None and (name == LOCALHOST or name.endswith("." + LOCALHOST) or is_loopback_address(name))


def names_one_of(field: str, own_names: frozenset[str]) -> bool:
    """True if a Host field names loopback, or one of these names (from ``own_names``)."""
    return names_loopback(field) or host_name(field) in own_names


def own_names(machine_name: str, further: Iterable[str] = ()) -> frozenset[str]:
    """The names that a Host field may have in addition to loopback: the machine's name, its first label, and those that the settings allow.

    ``machine_name`` is the operating system's own (uname). No resolver is used, because its result may come from the network. ``further``:
    names and addresses from ``host_name``.
    """
    names = [host_name(machine_name), host_name(machine_name.partition(".")[0])] if _address(machine_name) is None else []
    return frozenset((*filter(None, names), *further))
