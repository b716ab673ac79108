"""The address of a PostgreSQL database, as libpq writes it (PostgreSQL 15, section 34.1.1.2), and its password, which is never printed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from kcproxy.network import is_loopback
from kcproxy.settings.types import Kind
from kcproxy.settings.values import Secret

EXAMPLE = "postgresql://kcproxy@db.example.com/kcproxy?sslmode=verify-full"
SCHEMES = frozenset({"postgresql", "postgres"})
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_OPTIONS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "host", "port", "target_session_attrs"})
"""Parameters of the URL that the proxy passes on. ``password`` and ``passfile`` have their own settings and variables."""
_PASSWORDS = frozenset({"password", "sslpassword"})


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """``text`` is the URL without its password; ``password`` is the one that it contained, if any."""

    text: str
    password: Secret | None = None

    def __str__(self) -> str:
        """The URL without its password."""
        return self.text

    @property
    def options(self) -> Mapping[str, str]:
        """The parameters of the URL."""
        return dict(parse_qsl(urlsplit(self.text).query))

    @property
    def ssl_mode(self) -> str | None:
        """``sslmode``, if the URL has it."""
        return self.options.get("sslmode")

    @property
    def is_local(self) -> bool:
        """True if every host of the URL is this machine: a loopback address or a Unix socket."""
        hosts = [host for host in (urlsplit(self.text).netloc.rpartition("@")[2], *self.options.get("host", "").split(",")) if host]
        names = [_host_of(part) for host in hosts for part in host.split(",")]
        return all(name.startswith("/") or is_loopback(name) for name in names)


def is_database_url(text: str) -> bool:
    """Whether a text is meant as the URL of a database, and not as the path of a file."""
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


def database_url(raw: Any) -> DatabaseUrl:
    """Read a URL. Raises ValueError with a reason that repeats no part of the URL, because it can contain a password."""
    words = f"is not a URL such as {EXAMPLE}"
    if not isinstance(raw, str) or not is_database_url(raw.strip()):
        raise ValueError(words)
    try:
        parts = urlsplit(raw.strip())
    except ValueError:
        raise ValueError(words) from None
    problem = _problem(parts, raw.strip())
    if problem:
        raise ValueError(f"cannot be used: {problem}")
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _PASSWORDS]
    plain = parts._replace(netloc=f"{user}{at}{hosts}", query=urlencode(query, safe="/:,"))
    found = unquote(password) if colon else dict(parse_qsl(parts.query)).get("password", "")
    return DatabaseUrl(text=plain.geturl(), password=Secret(found) if found else None)


def has_password(raw: Any) -> bool:
    """Whether a URL contains a password, in any place. True for one that cannot be read but could contain one."""
    if not isinstance(raw, str) or not is_database_url(raw.strip()):
        return False
    return bool(re.search(r"://[^/?#@]*:[^@]*@", raw) or any(name in _PASSWORDS for name, _ in parse_qsl(raw.partition("?")[2])))


def database() -> Kind:
    """The URL of a PostgreSQL database."""
    schema = {"type": "string", "format": "uri", "pattern": "^postgres(ql)?://"}
    return Kind(
        words=f"a URL such as {EXAMPLE}", read=database_url, schema=schema, example=EXAMPLE, metavar="URL", holds_secret=has_password
    )


def _problem(parts: SplitResult, raw: str) -> str | None:
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    unknown = sorted(set(names) - _OPTIONS - _PASSWORDS)
    mode = dict(parse_qsl(parts.query)).get("sslmode")
    checks = (
        (bool(parts.fragment or "#" in raw), "it has a fragment; percent-encode # in names"),
        (any(c.isspace() or ord(c) < 0x21 for c in raw), "it contains whitespace or a control character"),
        (not parts.path.strip("/") or "/" in parts.path.strip("/"), "it names no database; write /NAME behind the host"),
        (
            not parts.netloc.rpartition("@")[2] and "host" not in names,
            "it has no host; write it, or ?host=/var/run/postgresql for a socket",
        ),
        (bool(unknown), f"the proxy does not know its parameter {', '.join(unknown)[:60]!r}; known are {', '.join(sorted(_OPTIONS))}"),
        (mode is not None and mode not in SSL_MODES, f"sslmode is not one of {', '.join(SSL_MODES)}"),
        ("sslpassword" in names, "sslpassword is not supported; use a key without a pass phrase, in a file of mode 600"),
    )
    return next((reason for wrong, reason in checks if wrong), None)


def _host_of(part: str) -> str:
    """The host of ``HOST:PORT``, ``[IPv6]:PORT`` or a percent-encoded socket directory."""
    name = unquote(part)
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name if name.startswith("/") else name.partition(":")[0]
