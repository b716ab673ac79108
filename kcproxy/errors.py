"""The exception hierarchy, grouped by who has to act.

    KcproxyError
    ├── SettingsError            operator of the proxy: settings cannot be used; all problems at once
    ├── CatalogError             developers: a data file does not follow its schema
    ├── UpstreamError            operator of Keycloak: no usable response (502, 504)
    │   ├── UpstreamUnreachable    no connection: DNS, refused, TLS
    │   ├── UpstreamTimeout        a phase took too long (504)
    │   ├── UpstreamBroken         truncated, or not HTTP
    │   └── UpstreamBusy           the proxy's own limit is reached (503, Retry-After)
    ├── HistoryUnusable          operator of the proxy: the shared database does not respond, or is not prepared
    ├── UnsupportedLibraryError  developers: a client library has no place for the middleware
    ├── TokenFetchError          operator of the proxy: Keycloak issues no token for the configured account (502)
    └── RequestRefused           caller: the proxy itself refuses the request (4xx)

``status_hint`` is the matching HTTP status code, so that the core does not depend on responses. ``kind`` is a closed set for metrics. A
message says what happened, where, and what to do. It never contains a secret.
"""

from collections.abc import Sequence


class KcproxyError(Exception):
    """The base class; never raised itself."""

    status_hint = 500
    kind = "internal"


class SettingsError(KcproxyError):
    """Settings cannot be used. ``problems`` are complete lines: location, problem, remedy."""

    kind = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        """``problems``: at least one."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class CatalogError(KcproxyError):
    """A data file of the catalog does not follow its schema."""

    kind = "catalog"


class UnsupportedLibraryError(KcproxyError):
    """A client library, or this version of it, has no place for the middleware."""

    kind = "library"


class HistoryUnusable(KcproxyError):
    """The shared database does not respond, refuses the user, or is not prepared."""

    status_hint = 503
    kind = "history"


class UpstreamError(KcproxyError):
    """Keycloak sent no usable response. ``sent``: a byte of the request may have reached it."""

    status_hint = 502
    kind = "upstream"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        """If ``sent`` is true, a repeated request could be executed twice."""
        super().__init__(message)
        self.sent = sent


class UpstreamUnreachable(UpstreamError):
    """There was no connection, so nothing was executed."""

    kind = "connect"


class UpstreamTimeout(UpstreamError):
    """A phase took longer than its limit."""

    status_hint = 504
    kind = "timeout"


class UpstreamBroken(UpstreamError):
    """The response was truncated, or not HTTP."""

    kind = "broken"


class UpstreamBusy(UpstreamError):
    """All connections that the settings allow are in use."""

    status_hint = 503
    kind = "busy"


class TokenFetchError(KcproxyError):
    """The token endpoint issued no token for the configured service account."""

    status_hint = 502
    kind = "token"

    def __init__(self, message: str, *, error: str | None = None, description: str | None = None, status: int | None = None) -> None:
        """``error``, ``description`` and ``status`` are Keycloak's own, if it responded."""
        super().__init__(message)
        self.error = error
        self.description = description
        self.status = status


class RequestRefused(KcproxyError):
    """The proxy itself refuses a request."""

    status_hint = 400
    kind = "refused"

    def __init__(self, message: str, *, status: int = 400, reason: str = "refused") -> None:
        """``status``: of the response. ``reason``: one of a closed set of words."""
        super().__init__(message)
        self.status_hint = status
        self.reason = reason
