"""Addresses of Keycloak, as clients write them. Pure."""

import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BELOW_BASE = re.compile(r"/(?:admin|realms)(?:/.*)?$")
"""Keycloak's own paths, which are not part of its address."""


def address_of(base_url: str) -> tuple[str, str]:
    """Origin and base path of Keycloak's address. Raises ValueError if it is no http or https URL."""
    parts = urlsplit(base_url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"base_url is not an http or https URL with a host: {base_url!r}. Example: https://login.example.com/auth")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("base_url must have no user name, query or fragment.")
    below = _BELOW_BASE.search(parts.path)
    if below is not None:
        raise ValueError(f"base_url is Keycloak's address with its base path only: {base_url!r} is too long, leave {below.group()} out.")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    return origin_of(parts.scheme, host, _port_of(base_url)), parts.path.rstrip("/")


def _port_of(base_url: str) -> int | None:
    try:
        return urlsplit(base_url).port
    except ValueError:
        raise ValueError(f"base_url has a port that is not a number from 0 to 65535: {base_url!r}.") from None


def origin_of(scheme: str, host: str, port: int | None) -> str:
    """``scheme://host[:port]`` in lower case, without the scheme's default port (RFC 6454, section 6.1)."""
    name = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{name}{shown}".lower()


def path_has_keycloak(raw_target: bytes) -> bool:
    """Whether a path looks like one of Keycloak's, for programs that do not name its address."""
    path = raw_target.partition(b"?")[0]
    return b"/admin/" in path or b"/realms/" in path


def base_path_in(path: str) -> str:
    """The part of a path before Keycloak's own paths."""
    for start in ("/admin/", "/realms/"):
        head, found, _ = path.partition(start)
        if found:
            return head
    return ""
