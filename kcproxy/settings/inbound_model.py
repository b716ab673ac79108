"""Settings of what the proxy does towards clients: limits, and who gets an injected token. See ``declaration``."""

from dataclasses import dataclass
from pathlib import Path

from kcproxy.settings.declaration import Change, Content, file_setting, setting
from kcproxy.settings.types import host_name, integer, listing, number, text, url

_SECONDS = "seconds"
_INBOUND_FILE = "new handshakes use it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Bounds on requests and clients. Sizes in bytes, times in seconds."""

    max_header_bytes: int = setting(
        131072,
        integer(8192, 1 << 20),
        "Maximum size of a request head. A master administrator of many realms sends tokens of 75 kB.",
        unit="bytes",
        change=Change.RESTART,
    )
    max_concurrent_requests: int = setting(
        512, integer(1, 100_000), "Maximum number of requests in progress; more are queued.", unit="requests", change=Change.RELOAD
    )
    max_queue_seconds: float = setting(
        5.0, number(0, 300), "How long a request is queued before it gets 503.", unit=_SECONDS, change=Change.RELOAD
    )
    head_timeout_seconds: float = setting(
        10.0, number(0.1, 300), "Timeout for receiving a request head.", unit=_SECONDS, change=Change.RESTART
    )
    body_idle_timeout_seconds: float = setting(
        30.0, number(0.1, 3600), "Longest pause while a client sends a body.", unit=_SECONDS, change=Change.RELOAD
    )
    min_body_bytes_per_second: int = setting(  # the default of Apache's mod_reqtimeout
        500,
        integer(1, 1 << 30),
        "Minimum rate at which a client sends a body; below it the request gets 408. Time during which Keycloak accepts no data does not count.",
        unit="bytes per second",
        change=Change.RELOAD,
    )
    min_response_bytes_per_second: int = setting(
        500,
        integer(1, 1 << 30),
        "Minimum rate at which a client reads a response; below it the connection is closed.",
        unit="bytes per second",
        change=Change.RELOAD,
    )
    slow_transfer_grace_seconds: float = setting(
        20.0,
        number(0.1, 3600),
        "How far a transfer may fall behind these rates; a client that stops is disconnected after it. If others are queued, the slowest end earlier.",
        unit=_SECONDS,
        change=Change.RELOAD,
    )
    max_unfinished_uploads: int | None = setting(
        None,
        integer(1, 100_000),
        "Maximum number of requests in progress whose bodies are larger than 64 KiB and incomplete; more are queued. The other slots stay free for other requests.",
        unit="requests",
        change=Change.RELOAD,
        default_words="half of the smaller of max_concurrent_requests and upstream.max_connections",
    )
    keepalive_seconds: float = setting(
        75.0, number(0, 3600), "How long an idle client connection stays open.", unit=_SECONDS, change=Change.RESTART
    )
    max_connections: int = setting(
        4096, integer(1, 1_000_000), "Concurrent client connections, for each process.", unit="connections", change=Change.RESTART
    )
    explain_body_bytes: int = setting(
        65536,
        integer(0, 1 << 24),
        "Refusals with a larger body are passed through without an explanation.",
        unit="bytes",
        change=Change.RELOAD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSettings:
    """Client authentication for a listener that injects tokens. All empty: loopback or a Unix socket only."""

    allowed_hosts: tuple[str, ...] = setting(
        (),
        listing(host_name(), plural="host names without ports"),
        "Host names, in addition to the machine's own, that a request to a loopback address may name and still get an account's token. Only used if no keys are required.",
        change=Change.RELOAD,
    )
    api_keys_file: Path | None = file_setting(
        "TOML file with the SHA-256 of each caller's key ([[keys]]: name, sha256, realms, methods, operations). Without a key, no token is added.",
        change=Change.RELOAD,
        content=Content.WATCHED,
        effect="the next request is checked against it",
    )
    jwt_issuers: tuple[str, ...] = setting(
        (),
        listing(url(example="https://login.example.com/realms/shop"), plural="issuer URLs"),
        "Issuers of the tokens that callers send in Kcproxy-Key. A request with a verified one gets an account's token.",
        change=Change.RELOAD,
    )
    jwt_audience: str | None = setting(
        None,
        text("an audience", example="kcproxy"),
        "Required audience (aud) of those tokens. Required with jwt_issuers.",
        change=Change.RELOAD,
    )
    jwt_keys_max_age_seconds: float = setting(
        86400.0,
        number(600, 604_800),
        "How long the keys of an issuer are used while it is unreachable. After that, its tokens are refused until it responds again.",
        unit=_SECONDS,
        change=Change.RELOAD,
    )
    tls_certificate_file: Path | None = file_setting(
        "PEM file of the proxy's own certificate. If it is set, the listener uses TLS.",
        change=Change.RESTART_TO_SWITCH_TLS,
        content=Content.WATCHED,
        effect=_INBOUND_FILE,
    )
    tls_key_file: Path | None = file_setting(
        "Private key (PEM) of that certificate.", change=Change.RESTART_TO_SWITCH_TLS, content=Content.WATCHED, effect=_INBOUND_FILE
    )
    tls_client_ca_file: Path | None = file_setting(
        "PEM file of the certificate authorities whose client certificates are required (mTLS).",
        change=Change.RESTART_TO_SWITCH_TLS,
        content=Content.WATCHED,
        effect=f"{_INBOUND_FILE}; if an authority was removed, older connections are closed",
    )

    @property
    def protected(self) -> bool:
        """True if a client without credentials gets no injected token, even though it reaches the listener."""
        return bool(self.api_keys_file or self.jwt_issuers or self.tls_client_ca_file)
