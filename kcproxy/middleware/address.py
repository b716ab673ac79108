"""Addresses of Keycloak, as clients write them. Pure."""

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def address_of(base_url: str) -> tuple[str, str]:
    """Origin and base path of Keycloak's address. Raises ValueError if it is no http or https URL."""
    parts = urlsplit(base_url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"base_url is not an http or https URL with a host: {base_url!r}. Example: https://login.example.com/auth")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("base_url must have no user name, query or fragment.")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    return origin_of(parts.scheme, host, parts.port), parts.path.rstrip("/")


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
