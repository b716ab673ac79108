"""Differences between Keycloak versions that the simulator implements, measured on 24.0.5 and 26.7.4."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_SEE_LOG = "For more on this error consult the server log at the debug level."


class Dialect(Struct, frozen=True, kw_only=True):
    """The behavior of one version. ``live_grants``: roles are read at the call; otherwise the token's claims decide."""

    version: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """``"26.7.4"`` as ``(26, 7, 4)``."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def live_grants(self) -> bool:
        """From 26 on, Keycloak looks up the caller's grants at every call."""
        return self.numbers >= (26,)

    def error_body(self, status: int, error: str, description: str | None = None) -> dict[str, Any]:
        """An error of the Admin REST API or of the server, with this version's text."""
        if self.live_grants:
            return {"error": error} | ({"error_description": description} if description else {})
        return {"error": "unknown_error" if status == 403 else error, "error_description": _SEE_LOG}

    def client_defaults(self, *, service_account: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The default and the optional client scopes of a new client."""
        if not self.live_grants:
            return ("web-origins", "acr", "roles", "profile", "email"), ("address", "phone", "offline_access", "microprofile-jwt")
        default = ["web-origins", "acr", "roles", "profile", "basic", "email"]
        if service_account:
            default.insert(1, "service_account")
        return tuple(default), ("address", "phone", "offline_access", "organization", "microprofile-jwt")

    @property
    def wrong_password_status(self) -> int:
        """The content type of errors of the token endpoint."""
        return 400 if self.live_grants else 401

    @property
    def secret_length(self) -> int:
        """Length of a client secret that the server creates."""
        return 86 if self.live_grants else 32

    @property
    def security_headers(self) -> Mapping[str, str]:
        """Headers of every response."""
        own = {"X-Robots-Tag": "none"} if self.live_grants else {"X-XSS-Protection": "1; mode=block"}
        return {
            "Referrer-Policy": "no-referrer",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            **own,
        }
