"""The one table of settings: name, kind, default, unit, sentence.

It drives the loader and its messages, the commented configuration file, the documentation and the JSON Schema. Defaults are
those of the frozen values, so that they stand in one place only.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from kcproxy.model import Detail
from kcproxy.settings import model as values
from kcproxy.settings import types as kinds
from kcproxy.settings.types import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting. ``key`` is its name in the file, dotted; ``flag`` its option of ``serve``; ``shorthand`` a shorter variable."""

    key: str
    kind: Kind
    doc: str
    unit: str = ""
    default: Any = None
    default_words: str = ""  # where the default is not one value
    flag: str | None = None
    shorthand: str | None = None
    literal_only_in_environment: bool = False

    @property
    def section(self) -> str:
        """The TOML table it stands in, "" for the top."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name within the section."""
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """Its environment variable; the list of accounts has its single-account shorthand."""
        return self.shorthand or variable_of(self.key)


PREFIX = "KCPROXY_"


def variable_of(key: str) -> str:
    """``upstream.ca_file`` → ``KCPROXY_UPSTREAM__CA_FILE``; ``accounts.…`` → ``KCPROXY_ACCOUNT__…``."""
    key = "account." + key.removeprefix("accounts.") if key.startswith("accounts.") else key
    return PREFIX + key.replace(".", "__").upper()


def _default(owner: type, name: str) -> Any:
    for field in dataclasses.fields(owner):
        if field.name == name:
            return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    raise LookupError(f"{owner.__name__} has no {name}")


def _of(section: str, owner: type, *rows: tuple[Any, ...]) -> tuple[Field, ...]:
    """Rows (name, kind, unit, sentence) of a section whose defaults ``owner`` holds."""
    prefix = section + "." if section else ""
    return tuple(Field(key=prefix + row[0], kind=row[1], unit=row[2], doc=row[3], default=_default(owner, row[0])) for row in rows)


_FILE = kinds.file_path()
_SECONDS = "seconds"


def _addresses() -> tuple[Field, ...]:
    own = values.Settings
    return (
        Field(
            key="listen",
            kind=kinds.address(),
            default=_default(own, "listen"),
            flag="--listen",
            doc="Where callers reach the proxy. With accounts it has to be loopback, a Unix socket, or protected by [inbound].",
        ),
        Field(
            key="admin_listen",
            kind=kinds.address(unix_allowed=False),
            default=_default(own, "admin_listen"),
            flag="--admin-listen",
            doc="Where health, metrics and the page of recent denials are. In a pod use 0.0.0.0, so that the kubelet's probes reach it.",
        ),
        Field(
            key="admin_key_file", kind=_FILE, doc="File with the key that opens the page of denials and /api from elsewhere than loopback."
        ),
        Field(key="admin_key", kind=kinds.secret_text(), doc="The same key literally; prefer the file.", literal_only_in_environment=True),
        Field(
            key="workers",
            kind=kinds.integer(1, 64),
            unit="processes",
            default=_default(own, "workers"),
            flag="--workers",
            doc="Processes that share the port, for more than one core can do; metrics and page are those of all.",
        ),
        Field(
            key="drain_seconds",
            kind=kinds.number(0, 600),
            unit=_SECONDS,
            default=_default(own, "drain_seconds"),
            doc="How long running requests may take to finish after SIGTERM. Keep it below the orchestrator's grace period (30 s).",
        ),
    )


def _upstream() -> tuple[Field, ...]:
    where = Field(
        key="upstream.url",
        kind=kinds.url(example="http://localhost:8080"),
        flag="--upstream",
        shorthand="KCPROXY_UPSTREAM",
        default_words="none, it has to be given",
        doc='Keycloak\'s address, with its path (/auth) where it has one. In the file, upstream = "URL" at the top is the same.',
    )
    rows = (
        ("ca_file", _FILE, "", "PEM file of the authorities that Keycloak's certificate is checked against; the system's own otherwise."),
        ("client_certificate_file", _FILE, "", "PEM file of the certificate by which the proxy shows itself to Keycloak (mTLS)."),
        ("client_key_file", _FILE, "", "PEM file of that certificate's private key."),
        (
            "preserve_host",
            kinds.boolean(),
            "",
            "Send the caller's Host instead of Keycloak's. Tokens then carry the proxy's address as issuer.",
        ),
        ("rewrite_location", kinds.boolean(), "", "Let Location headers that point at Keycloak point at the proxy."),
        (
            "forwarded",
            kinds.choice(values.ForwardedFields),
            "",
            "X-Forwarded-*, Forwarded and Via of callers. Drop them where Keycloak believes them and callers are not trusted.",
        ),
        ("connect_timeout_seconds", kinds.number(0.05, 300), _SECONDS, "How long a connection to Keycloak may take to come about."),
        ("response_timeout_seconds", kinds.number(0.1, 3600), _SECONDS, "How long Keycloak may take until the first byte of its answer."),
        ("idle_timeout_seconds", kinds.number(0.1, 3600), _SECONDS, "How long either side may pause within a body."),
        ("max_connections", kinds.integer(1, 10000), "connections", "Connections to Keycloak at once, for each process."),
        ("keepalive_seconds", kinds.number(0, 3600), _SECONDS, "How long an unused connection to Keycloak is kept."),
    )
    return (where, *_of("upstream", values.UpstreamSettings, *rows))


_REALM = kinds.text("a realm's name, or * for every realm", example="shop")


def _account(section: str, role: str) -> tuple[Field, ...]:
    own = values.AccountSettings

    def row(name: str, kind: Kind, doc: str, default: Any = None, words: str = "", *, literal: bool = False) -> Field:
        key = f"{section}.{name}"
        return Field(key=key, kind=kind, doc=doc, default=default, default_words=words, literal_only_in_environment=literal)

    return (
        row("realm", _REALM, f"The realm whose requests {role}; * stands for every realm.", words="none, realm or realms has to be given"),
        row("realms", kinds.listing(_REALM, plural="realms' names"), "Several realms, instead of realm."),
        row(
            "token_realm",
            kinds.text("a realm's name", example="shop"),
            "The realm in which the client lives.",
            words="the first realm; master for *",
        ),
        row(
            "client_id",
            kinds.text("a client id", example="shop-backend"),
            "The client whose service account is used.",
            words="none, it has to be given",
        ),
        row("client_secret_file", _FILE, "File with the client's secret; read anew for each token, so that it may be rotated."),
        row("client_secret", kinds.secret_text(), "The client's secret literally; prefer the file.", literal=True),
        row(
            "private_key_file",
            _FILE,
            "PEM file of the private key, for private_key_jwt; or a private JSON Web Key, whose kid and alg are used.",
        ),
        row("assertion_file", _FILE, "File with a signed token that proves the client, for federated_jwt: a projected Kubernetes token."),
        row(
            "auth",
            kinds.choice(values.ClientAuthMethod),
            "How the client proves itself at the token endpoint.",
            words="told by the file given: client_secret_post, private_key_jwt or federated_jwt",
        ),
        row("key_id", kinds.text("a key id", example="2026-11"), "The key's id (kid), where the client has several keys."),
        row(
            "algorithm",
            kinds.choice(
                ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512")
            ),
            "The algorithm of the client's own signature.",
            words="what fits the key",
        ),
        row(
            "scopes",
            kinds.listing(kinds.text("a client scope's name", example="kc-admin-api"), plural="client scopes"),
            "Client scopes to ask for with the token.",
            default=_default(own, "scopes"),
        ),
        row(
            "operations",
            kinds.listing(kinds.operation_pattern(), plural="operations, each METHOD /path"),
            "What may be called with this account's token, by method and path template; without it, everything its roles allow.",
            default=_default(own, "operations"),
        ),
    )


def _inspector() -> tuple[Field, ...]:
    rows = (
        ("budget_seconds", kinds.number(0, 10), _SECONDS, "How long look-ups may delay an explanation, in all."),
        ("cache_seconds", kinds.number(0, 3600), _SECONDS, "How long a look-up's answer is used again."),
        ("max_lookups_per_second", kinds.number(0.1, 1000), "look-ups a second", "Bound on look-ups, whatever is refused."),
    )
    return (*_account("inspector", "are looked into"), *_of("inspector", values.InspectorSettings, *rows))


def _seen() -> tuple[Field, ...]:
    version = kinds.text("a Keycloak version such as 26.7.4", pattern=r"\d+\.\d+(\.\d+)?", example="26.7.4")
    explain = _of(
        "explain",
        values.ExplainSettings,
        (
            "detail",
            kinds.choice(Detail),
            "",
            "What callers see of an explanation: all, only the roles, or only a reference; log and page have all.",
        ),
        ("keycloak_version", version, "", "Keycloak's version; found out where possible, else the newest that is known."),
        (
            "docs_url",
            kinds.url(example="https://wiki.example.com/kcproxy"),
            "",
            "Where the pages of the causes are, for links in explanations.",
        ),
        (
            "console_url",
            kinds.url(example="https://login.example.com"),
            "",
            "Keycloak's public address for links to its console; upstream's otherwise.",
        ),
        (
            "require_audience",
            kinds.boolean(),
            "",
            "Whether Keycloak checks the audience of tokens on the Admin REST API; told by its version otherwise.",
        ),
    )
    log = _of(
        "log",
        values.LogSettings,
        ("format", kinds.choice(values.LogFormat), "", "One JSON object a line, or lines for people."),
        ("level", kinds.choice(("debug", "info", "warning", "error")), "", "The least level that is written."),
    )
    metrics = _of(
        "metrics",
        values.MetricSettings,
        (
            "realms",
            kinds.listing(kinds.text("a realm's name", example="shop"), plural="realms' names"),
            "",
            "Realms that metrics always show by name.",
        ),
        ("max_realms", kinds.integer(0, 1000), "realms", "How many others are shown by name; the rest is counted as other."),
        ("clients", kinds.boolean(), "", "Whether metrics of denials name the client. It comes from the token, so the number is bounded."),
        ("max_clients", kinds.integer(1, 1000), "clients", "How many clients are shown by name; the rest is counted as other."),
    )
    history = _of(
        "history",
        values.HistorySettings,
        ("max_denials", kinds.integer(0, 1_000_000), "denials", "How many recent denials the page keeps."),
        ("path", _FILE, "", "SQLite file that keeps them over a restart; without it they are kept in memory only."),
    )
    named = tuple(dataclasses.replace(row, flag="--keycloak") if row.name == "keycloak_version" else row for row in explain)
    formats = tuple(dataclasses.replace(row, flag="--log-" + row.name) for row in log)
    return (*named, *formats, *metrics, *history)


def _bounds() -> tuple[Field, ...]:
    limits = _of(
        "limits",
        values.LimitSettings,
        (
            "max_header_bytes",
            kinds.integer(8192, 1 << 20),
            "bytes",
            "Size of a request's head. An administrator of many realms sends tokens of 75 kB.",
        ),
        ("max_concurrent_requests", kinds.integer(1, 100_000), "requests", "Requests in work at once; more wait."),
        ("max_queue_seconds", kinds.number(0, 300), _SECONDS, "How long a request waits for its turn before it gets 503."),
        ("head_timeout_seconds", kinds.number(0.1, 300), _SECONDS, "How long a caller may take to send a request's head."),
        ("body_idle_timeout_seconds", kinds.number(0.1, 3600), _SECONDS, "How long a caller may pause while it sends a body."),
        (
            "min_body_bytes_per_second",
            kinds.integer(1, 1 << 30),
            "bytes a second",
            "The least rate at which a caller has to send a body; 408 below it. Time in which Keycloak takes nothing does not count.",
        ),
        (
            "min_response_bytes_per_second",
            kinds.integer(1, 1 << 30),
            "bytes a second",
            "The least rate at which a caller has to take a response; the connection is closed below it.",
        ),
        (
            "slow_transfer_grace_seconds",
            kinds.number(0.1, 3600),
            _SECONDS,
            "How far a transfer may fall behind these rates; a caller that stops is cut off after it. If others queue, the slowest end earlier.",
        ),
        (
            "max_unfinished_uploads",
            kinds.integer(1, 100_000),
            "requests",
            "Requests in work whose bodies are larger than 64 KiB and not complete; more wait. The other slots stay free of them.",
        ),
        ("keepalive_seconds", kinds.number(0, 3600), _SECONDS, "How long an unused connection of a caller is kept."),
        ("max_connections", kinds.integer(1, 1_000_000), "connections", "Connections of callers at once, for each process."),
        ("explain_body_bytes", kinds.integer(0, 1 << 24), "bytes", "Refusals with a larger body pass unexplained."),
    )
    inbound = _of(
        "inbound",
        values.InboundSettings,
        (
            "allowed_hosts",
            kinds.listing(kinds.host_name(), plural="host names without ports"),
            "",
            "On a loopback address without keys: names beside the machine's own that the Host of a request may have to get an account's token.",
        ),
        (
            "api_keys_file",
            _FILE,
            "",
            "TOML file with the SHA-256 of each caller's key ([[keys]]: name, sha256, realms, operations): without one, no token is added.",
        ),
        (
            "jwt_issuers",
            kinds.listing(kinds.url(example="https://login.example.com/realms/shop"), plural="issuers' URLs"),
            "",
            "Issuers whose verified tokens, sent as Kcproxy-Key, have an account's token added.",
        ),
        ("jwt_audience", kinds.text("an audience", example="kcproxy"), "", "What those tokens' aud has to hold; needed with jwt_issuers."),
        (
            "jwt_keys_max_age_seconds",
            kinds.number(600, 604_800),
            _SECONDS,
            "How long an issuer's keys are used while it cannot be reached. Afterwards its tokens are refused until it answers again.",
        ),
        ("tls_certificate_file", _FILE, "", "PEM file of the proxy's own certificate: the port then speaks TLS."),
        ("tls_key_file", _FILE, "", "PEM file of that certificate's private key."),
        ("tls_client_ca_file", _FILE, "", "PEM file of the authorities whose client certificates open the port (mTLS)."),
    )
    uploads = "half of the smaller of max_concurrent_requests and upstream.max_connections"
    limits = tuple(dataclasses.replace(row, default_words=uploads) if row.name == "max_unfinished_uploads" else row for row in limits)
    return (*limits, *inbound)


SECTION_DOCS = {
    "": "Addresses and processes.",
    "upstream": "The Keycloak behind the proxy.",
    "accounts": "Service accounts whose tokens are added to requests that bring none. Repeat the table for several.",
    "inspector": "A read-only account (view-clients, view-realm, view-users) with which likely causes are made certain. Optional.",
    "explain": "What callers see of an explanation.",
    "log": "The log: one line a request, one a denial.",
    "metrics": "Bounds on the labels of metrics.",
    "history": "The recent denials that the page shows.",
    "limits": "Bounds on what comes in.",
    "inbound": "Who may call, where accounts make the port precious. Nothing set: loopback or a Unix socket only.",
}
"""What each TOML table is about, in the order of the documentation."""

FIELDS: tuple[Field, ...] = (
    *_addresses(),
    *_upstream(),
    *_account("accounts", "get this account's token, where they bring none"),
    *_inspector(),
    *_seen(),
    *_bounds(),
)
"""Every setting, in the order of the documentation."""

BY_KEY = {field.key: field for field in FIELDS}
