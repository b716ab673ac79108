"""The settings as frozen values: what the rest of the program sees. How they are read is ``load``'s business."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kcproxy.model import Detail
from kcproxy.network import is_loopback
from kcproxy.settings.file_reading import text_of


class Secret:
    """A value that never prints. ``reveal`` is called where it is sent, nowhere else.

    Either a literal or a file; a file is read anew at each ``reveal``, so that a rotated secret is used without a restart
    (Kubernetes swaps the whole directory behind a symbolic link). One trailing line break is dropped.
    """

    __slots__ = ("_literal", "path")

    def __init__(self, literal: str | None = None, *, path: Path | None = None) -> None:
        """Exactly one of the two is given."""
        if (literal is None) == (path is None):
            raise ValueError("a secret is either a literal or a file")
        self._literal = literal
        self.path = path

    def reveal(self) -> str:
        """The secret itself. OSError where its file cannot be read."""
        if self.path is not None:
            return text_of(self.path).rstrip("\r\n")
        return self._literal or ""

    def __eq__(self, other: object) -> bool:
        """Whether both come from the same place: the same file, with any content, or the same literal."""
        if not isinstance(other, Secret):
            return NotImplemented
        return self.path == other.path and hmac.compare_digest((self._literal or "").encode(), (other._literal or "").encode())

    def __hash__(self) -> int:
        """By the file alone: a hash of the literal would tell something of it."""
        return hash(self.path)

    def __repr__(self) -> str:
        """Stars, and the file's name where there is one."""
        return f"Secret(path={str(self.path)!r})" if self.path else "Secret(***)"


class LogFormat(StrEnum):
    """How a log line is written."""

    JSON = "json"
    CONSOLE = "console"


class ClientAuthMethod(StrEnum):
    """How the proxy proves to Keycloak's token endpoint that it is the client (OpenID Connect Core 1.0, section 9)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a method's name
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - a method's name
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 - a method's name
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS_CLIENT_AUTH = "tls_client_auth"
    FEDERATED_JWT = "federated_jwt"  # a projected Kubernetes token as client assertion


class ForwardedFields(StrEnum):
    """What becomes of X-Forwarded-*, Forwarded and Via that a caller sends. The proxy never adds any."""

    PASS = "pass"  # noqa: S105 - a word for what is done
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSettings:
    """Where a listener listens: host and port, or a Unix socket."""

    host: str | None = None
    port: int | None = None
    unix_path: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it: a Unix socket, or a loopback address."""
        return self.unix_path is not None or is_loopback(self.host or "")

    def __str__(self) -> str:
        """As it is written in settings."""
        host = f"[{self.host}]" if ":" in (self.host or "") else self.host
        return f"unix:{self.unix_path}" if self.unix_path else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The Keycloak behind the proxy. ``base_path`` has no trailing slash ("" or "/auth")."""

    scheme: str
    host: str
    port: int
    base_path: str = ""
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    preserve_host: bool = False  # send the caller's Host instead of the upstream's own
    rewrite_location: bool = True
    forwarded: ForwardedFields = ForwardedFields.PASS
    connect_timeout_seconds: float = 5.0
    response_timeout_seconds: float = 60.0  # until the first byte of the answer; creating a realm takes up to 11 s
    idle_timeout_seconds: float = 60.0  # between two chunks, either way
    max_connections: int = 64
    keepalive_seconds: float = 30.0

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``, the default port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")

    @property
    def url(self) -> str:
        """Origin and base path, no trailing slash."""
        return self.origin + self.base_path


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """A service account whose token is injected into requests for ``realms`` that bring none of their own.

    ``token_realm`` is where the client lives (its own realm, or master). ``operations`` limits what may be called with
    the injected token: method and path-template patterns ("GET /admin/realms/{realm}/users*"); empty = no limit.
    """

    realms: tuple[str, ...]  # "*" for every realm
    token_realm: str
    client_id: str
    auth: ClientAuthMethod = ClientAuthMethod.CLIENT_SECRET_POST
    secret: Secret | None = None  # client secret, or for private_key_jwt the PEM key, or for federated_jwt the token file
    key_id: str | None = None
    algorithm: str | None = None
    scopes: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorSettings:
    """The optional read-only account with which tokens' blind spots are looked up."""

    account: AccountSettings
    budget_seconds: float = 0.3
    cache_seconds: float = 10.0
    max_lookups_per_second: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """What callers see of an explanation."""

    detail: Detail = Detail.FULL
    keycloak_version: str | None = None  # None: found out where possible, else the newest known
    docs_url: str | None = None
    console_url: str | None = None  # public base URL of Keycloak for console links; the upstream's own otherwise
    require_audience: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Bounds on what comes in. Sizes in bytes, times in seconds."""

    max_header_bytes: int = 131072  # a master administrator of many realms sends tokens of 75 kB
    max_concurrent_requests: int = 512
    max_queue_seconds: float = 5.0
    head_timeout_seconds: float = 10.0
    body_idle_timeout_seconds: float = 30.0
    min_body_bytes_per_second: int = 500  # as Apache's mod_reqtimeout asks for by default
    min_response_bytes_per_second: int = 500
    slow_transfer_grace_seconds: float = 20.0
    max_unfinished_uploads: int | None = None  # None: half of what may be under way at once
    keepalive_seconds: float = 75.0
    max_connections: int = 4096
    explain_body_bytes: int = 65536  # larger error bodies pass unexplained


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The log: one canonical line a request, one a denial."""

    format: LogFormat = LogFormat.JSON
    level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """Bounds on metric labels."""

    realms: tuple[str, ...] = ()  # always shown by name; others up to max_realms, then "other"
    max_realms: int = 50
    clients: bool = False
    max_clients: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """The recent denials that the page shows."""

    max_denials: int = 1000
    path: Path | None = None  # SQLite file; None keeps them in memory only


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSettings:
    """Who may call, where injected tokens make the listener precious. All empty: loopback or a Unix socket only."""

    allowed_hosts: tuple[str, ...] = ()  # names beside the machine's own that a request to a loopback address may have as Host
    api_keys_file: Path | None = None
    jwt_issuers: tuple[str, ...] = ()
    jwt_audience: str | None = None
    jwt_keys_max_age_seconds: float = 86400.0  # since an issuer's keys were last fetched, where it cannot be reached
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_ca_file: Path | None = None

    @property
    def protected(self) -> bool:
        """Whether a stranger who reaches the port gets no injected token."""
        return bool(self.api_keys_file or self.jwt_issuers or self.tls_client_ca_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, complete and checked.

    ``origins`` says where each value came from, by key ("file kcproxy.toml:3", "environment KCPROXY_LISTEN", "flag --listen",
    "default"); ``notes`` are complete lines on what works, but should be known (a secret that everybody can read).
    """

    upstream: UpstreamSettings
    listen: AddressSettings = field(default_factory=lambda: AddressSettings(host="127.0.0.1", port=8180))
    admin_listen: AddressSettings = field(default_factory=lambda: AddressSettings(host="127.0.0.1", port=9180))
    admin_key: Secret | None = None  # login for the page when the admin port is not loopback
    accounts: tuple[AccountSettings, ...] = ()
    inspector: InspectorSettings | None = None
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricSettings = field(default_factory=MetricSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    inbound: InboundSettings = field(default_factory=InboundSettings)
    drain_seconds: float = 10.0
    workers: int = 1
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
