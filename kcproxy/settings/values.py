"""Values of settings: secrets, addresses, and closed sets of words."""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from kcproxy.network import is_loopback
from kcproxy.settings.file_reading import text_of

ASYMMETRIC_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signature algorithms with a public key (RFC 7518, section 3.1; RFC 8037)."""


class Secret:
    """A value that never prints. Only the code that sends it calls ``reveal``.

    It is a literal or a file. A file is read at each ``reveal``, so a rotated secret is used without a restart (Kubernetes replaces
    the whole directory behind a symbolic link). Line breaks at its end are dropped.
    """

    __slots__ = ("_literal", "path")

    def __init__(self, literal: str | None = None, *, path: Path | None = None) -> None:
        """Give exactly one of the two. Raises ValueError otherwise."""
        if (literal is None) == (path is None):
            raise ValueError("a secret is either a literal or a file")
        self._literal = literal
        self.path = path

    def reveal(self) -> str:
        """The secret itself. Raises OSError if its file cannot be read."""
        if self.path is not None:
            return text_of(self.path).rstrip("\r\n")
        return self._literal or ""

    def __eq__(self, other: object) -> bool:
        """True if both have the same source: the same file (its content does not count) or the same literal."""
        if not isinstance(other, Secret):
            return NotImplemented
        return self.path == other.path and hmac.compare_digest((self._literal or "").encode(), (other._literal or "").encode())

    def __hash__(self) -> int:
        """Hash of the file alone: a hash of the literal would reveal something about it."""
        return hash(self.path)

    def __repr__(self) -> str:
        """The file's name, or stars for a literal."""
        return f"Secret(path={str(self.path)!r})" if self.path else "Secret(***)"


class LogFormat(StrEnum):
    """Format of a log line."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class ClientAuthMethod(StrEnum):
    """How a client authenticates at Keycloak's token endpoint (OpenID Connect Core 1.0, section 9)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method's name
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - a method's name
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 - a method's name
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS_CLIENT_AUTH = "tls_client_auth"
    FEDERATED_JWT = "federated_jwt"  # a projected Kubernetes token as client assertion


class LimitMode(StrEnum):
    """What a limit of operations does."""

    ENFORCE = "enforce"
    OBSERVE = "observe"  # it refuses nothing, and what it would refuse is reported


class ForwardedFields(StrEnum):
    """What happens to the X-Forwarded-*, Forwarded and Via fields of a request. The proxy never adds any."""

    PASS = "pass"  # noqa: S105 - a choice, not a password
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSettings:
    """Address of a listener: host and port, or the path of a Unix socket."""

    host: str | None = None
    port: int | None = None
    unix_path: Path | None = None

    @property
    def is_local(self) -> bool:
        """True if only this machine reaches it: a Unix socket or a loopback address."""
        return self.unix_path is not None or is_loopback(self.host or "")

    def __str__(self) -> str:
        """The address in the notation of the settings."""
        host = f"[{self.host}]" if ":" in (self.host or "") else self.host
        return f"unix:{self.unix_path}" if self.unix_path else f"{host}:{self.port}"
