"""kcproxy's own errors, named for who must act.

    KcproxyError
    ├── SettingsError            the operator: settings are wrong; every problem at once
    ├── CatalogError             us: a data file is not what its schema says
    ├── UpstreamError            whoever runs Keycloak: nothing usable came back (502, 504)
    │   ├── UpstreamUnreachable    no connection: DNS, refused, TLS
    │   ├── UpstreamTimeout        too slow, in a named phase (504)
    │   ├── UpstreamBroken         cut off half-way, or not HTTP
    │   └── UpstreamBusy           the proxy's own bound is reached (503, Retry-After)
    ├── TokenFetchError          the operator: Keycloak gives the configured account no token (502)
    └── RequestRefused           the caller: the proxy itself refuses the request (4xx)

``status_hint`` is the HTTP status that fits, so that the core never needs to know about responses; ``kind`` is a closed
word for metrics; the message says what happened, where, and what to do, and never holds a secret.
"""

from collections.abc import Sequence


class KcproxyError(Exception):
    """The root; never raised itself."""

    status_hint = 500
    kind = "internal"


class SettingsError(KcproxyError):
    """Settings that cannot be used. ``problems`` are complete lines: place, what is wrong, remedy."""

    kind = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep the problems, all of them."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class CatalogError(KcproxyError):
    """A catalog data file that cannot be read as its schema says."""

    kind = "catalog"


class UpstreamError(KcproxyError):
    """Keycloak gave no usable answer. ``sent`` tells whether a byte of the request may have reached it."""

    status_hint = 502
    kind = "upstream"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        """Keep the message, and whether a repeat could execute twice."""
        super().__init__(message)
        self.sent = sent


class UpstreamUnreachable(UpstreamError):
    """No connection came about, so nothing was executed."""

    kind = "connect"


class UpstreamTimeout(UpstreamError):
    """A phase took longer than its limit."""

    status_hint = 504
    kind = "timeout"


class UpstreamBroken(UpstreamError):
    """The answer was cut off, or was no HTTP."""

    kind = "broken"


class UpstreamBusy(UpstreamError):
    """All connections that the settings allow are in use."""

    status_hint = 503
    kind = "busy"


class TokenFetchError(KcproxyError):
    """The token endpoint gave the configured service account no token. ``error`` and ``status`` are Keycloak's own."""

    status_hint = 502
    kind = "token"

    def __init__(self, message: str, *, error: str | None = None, description: str | None = None, status: int | None = None) -> None:
        """Keep Keycloak's own words beside ours."""
        super().__init__(message)
        self.error = error
        self.description = description
        self.status = status


class RequestRefused(KcproxyError):
    """The proxy itself refuses a request, and says why."""

    status_hint = 400
    kind = "refused"

    def __init__(self, message: str, *, status: int = 400, reason: str = "refused") -> None:
        """Keep the status to answer with and a closed word for the reason."""
        super().__init__(message)
        self.status_hint = status
        self.reason = reason
