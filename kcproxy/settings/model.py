"""The settings as frozen values, and the one declaration of each: type, default, kind, words, flag, and when a change takes effect.

``declaration`` says what a declaration contains; ``load`` reads the settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kcproxy.model import Detail
from kcproxy.settings.database import DatabaseUrl, database
from kcproxy.settings.declaration import Change, Content, FileUse, Setting, composed, file_setting, setting, table
from kcproxy.settings.inbound_model import InboundSettings, LimitSettings
from kcproxy.settings.outbound_model import REALM, AccountSettings, InspectorSettings, UpstreamSettings
from kcproxy.settings.types import address, boolean, choice, file_path, integer, listing, number, secret_text, text, url
from kcproxy.settings.values import AddressSettings, LogFormat, Secret

_SECONDS = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainSettings:
    """What callers see of an explanation."""

    detail: Detail = setting(
        Detail.FULL,
        choice(Detail),
        "What callers see of an explanation: everything, only the roles, or only a reference. The log and the page always have everything.",
        change=Change.RELOAD,
    )
    keycloak_version: str | None = setting(
        None,
        text("a Keycloak version such as 26.7.4", pattern=r"\d+\.\d+(\.\d+)?", example="26.7.4", metavar="VERSION"),
        "Keycloak's version. Default: detected; the newest known version if that is not possible.",
        change=Change.RELOAD,
        flag="--keycloak",
    )
    docs_url: str | None = setting(
        None,
        url(example="https://wiki.example.com/kcproxy"),
        "Base URL of the pages of the causes, for links in explanations. Default: the pages that the admin port serves, as"
        " http://localhost:9180/docs/causes.",
        change=Change.RELOAD,
    )
    console_url: str | None = setting(
        None,
        url(example="https://login.example.com"),
        "Public URL of Keycloak for links to its admin console. Default: the URL of the upstream.",
        change=Change.RELOAD,
    )
    require_audience: bool | None = setting(
        None,
        boolean(),
        "Whether Keycloak checks the audience of tokens for the Admin REST API. Default: depends on its version.",
        change=Change.RELOAD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The log: one canonical line for each request and one for each denial."""

    format: LogFormat = setting(
        LogFormat.AUTO,
        choice(LogFormat),
        "One JSON object a line, or lines for people. auto: lines for people on a terminal, otherwise JSON.",
        change=Change.RESTART,
        flag="--log-format",
    )
    level: str = setting(
        "info", choice(("debug", "info", "warning", "error")), "Minimum log level.", change=Change.RESTART, flag="--log-level"
    )
    every_success: int = setting(
        1,
        integer(1, 1_000_000),
        "Write the line of one in so many requests with a 2xx response. Lines of all others are always written.",
        unit="requests",
        change=Change.RESTART,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """Bounds on metric labels."""

    realms: tuple[str, ...] = setting(
        (), listing(REALM, plural="realm names"), "Realms that metrics always show by name.", change=Change.RESTART
    )
    max_realms: int = setting(
        50,
        integer(0, 1000),
        "How many other realms are shown by name. The rest is counted as other.",
        unit="realms",
        change=Change.RESTART,
    )
    clients: bool = setting(
        True,
        boolean(),
        "Whether metrics of denials name the client. The name comes from the caller's token, so its values are capped.",
        change=Change.RESTART,
    )
    max_clients: int = setting(
        50, integer(1, 1000), "How many clients are shown by name. The rest is counted as other.", unit="clients", change=Change.RESTART
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """The recent denials that the page shows."""

    max_denials: int = setting(1000, integer(0, 1_000_000), "Maximum number of recent denials.", unit="denials", change=Change.RESTART)
    path: Path | None = file_setting(
        "SQLite file that stores the denials across restarts. Default: memory only.",
        change=Change.RESTART,
        content=Content.AT_START,
        effect="nothing happens: the proxy reads its own file at start and then only writes it; no other program may change it",
    )
    url: DatabaseUrl | None = setting(
        None,
        database(),
        "PostgreSQL database in which several instances store their denials and the record of use together, instead of files. Needs"
        " kcproxy[postgresql]. A password in it is accepted from the environment only.",
        change=Change.RESTART,
    )
    password_file: Path | None = file_setting(
        "File with the password of the database user of history.url. Default: PGPASSFILE or PGPASSWORD, as for every PostgreSQL client.",
        change=Change.RESTART,
        content=Content.AT_EACH_USE,
        effect="the next connection to the database uses it",
    )
    pending_dir: Path | None = setting(
        None,
        file_path("the path of a folder", example="/var/lib/kcproxy"),
        "Folder on a local disk for the denials that wait for the database of history.url. If an instance is killed, its next start writes them."
        " Default: they wait in memory only.",
        change=Change.RESTART,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSettings:
    """The record of use: which verified caller called what, for ``kcproxy audit``."""

    path: Path | None = file_setting(
        "SQLite file that records which caller uses which operation, for kcproxy audit. Default: beside history.path, its name followed by -use, or in"
        " the database of history.url; without either there is no record.",
        change=Change.RESTART,
        content=Content.AT_START,
        effect="nothing happens: the proxy adds to its own file; no other program may change it",
    )
    keep_days: int = setting(
        90,
        integer(1, 3650),
        "How long the record goes back. Use more than the longest interval of a job.",
        unit="days",
        change=Change.RESTART,
    )
    max_rows: int = setting(
        200_000,
        integer(1000, 10_000_000),
        "Maximum number of rows: one for each caller, realm, operation and day, about 200 bytes. Beyond it the oldest days are deleted.",
        unit="rows",
        change=Change.RESTART,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Other instances of the proxy, whose denials the page shows, too."""

    peers: tuple[AddressSettings, ...] = setting(
        (),
        listing(address(unix_allowed=False), plural="addresses of admin ports"),
        "Admin ports of other instances, asked every two seconds. A name with several addresses (a headless service) is all of them."
        " They get this instance's admin key, over HTTP.",
        change=Change.RESTART,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, complete and checked.

    ``origins`` has the origin of each value by key ("file kcproxy.toml:3", "environment KCPROXY_LISTEN", "flag --listen", "default").
    ``notes`` are complete lines about settings that work but deserve attention (a secret that everybody can read).
    """

    listen: AddressSettings = setting(
        AddressSettings(host="127.0.0.1", port=8180),
        address(),
        "Address for clients. With accounts it must be loopback, a Unix socket, or protected by [inbound].",
        change=Change.RESTART,
        flag="--listen",
    )
    admin_listen: AddressSettings = setting(
        AddressSettings(host="127.0.0.1", port=9180),
        address(unix_allowed=False),
        "Address for health checks, metrics and the page of recent denials. Off loopback, the page requires admin_key_file.",
        change=Change.RESTART,
        flag="--admin-listen",
    )
    metrics_listen: AddressSettings | None = setting(
        None,
        address(unix_allowed=False, example="0.0.0.0:9181"),
        "A further address with health checks and metrics only. In a pod use 0.0.0.0:9181: probes and Prometheus reach it,"
        " and the page stays on loopback, where kubectl port-forward reaches it. Default: none.",
        change=Change.RESTART,
    )
    admin_key: Secret | None = composed(
        Setting(
            key="admin_key_file",
            kind=file_path(),
            doc="File with the key that opens the page of denials and /api from other machines.",
            change=Change.RESTART,
            file=FileUse(
                content=Content.AT_EACH_USE,
                effect="the next request to the admin port is checked against it; sessions of the old key end",
            ),
        ),
        Setting(
            key="admin_key",
            kind=secret_text(),
            doc="The key itself. Prefer the file.",
            change=Change.RESTART,
            literal_only_in_environment=True,
        ),
        default=None,
    )
    instance: str | None = setting(
        None,
        text("a name of at most 100 letters, digits and ._:@/-", pattern=r"[\w.:@/-]{1,100}", example="pod-1"),
        "Name of this instance in log lines, the page, the API and traces, if there are several. Default: no name.",
        change=Change.RESTART,
    )
    workers: int = setting(
        1,
        integer(1, 64),
        "Number of worker processes that share the port. Use more than one to use more than one CPU core; metrics and page cover all of them.",
        unit="processes",
        change=Change.RESTART,
        flag="--workers",
    )
    drain_seconds: float = setting(
        10.0,
        number(0, 600),
        "How long requests in progress may take to finish after SIGTERM. Keep it below the orchestrator's grace period (30 s).",
        unit=_SECONDS,
        change=Change.RELOAD,
    )
    upstream: UpstreamSettings = table("The Keycloak behind the proxy.", UpstreamSettings)
    accounts: tuple[AccountSettings, ...] = table(
        "Service accounts whose tokens are added to requests without a token. Repeat the table for each account.",
        AccountSettings,
        default=(),
    )
    inspector: InspectorSettings | None = table(
        "A read-only account (view-clients, view-realm, view-users) whose look-ups make likely causes certain. Optional.",
        InspectorSettings,
        default=None,
    )
    explain: ExplainSettings = table("What callers see of an explanation.", ExplainSettings, default_factory=ExplainSettings)
    log: LogSettings = table("The log: one line for each request and one for each denial.", LogSettings, default_factory=LogSettings)
    metrics: MetricSettings = table("Bounds on metric labels.", MetricSettings, default_factory=MetricSettings)
    history: HistorySettings = table("The recent denials that the page shows.", HistorySettings, default_factory=HistorySettings)
    use: UseSettings = table("The record of use: which caller uses which operation.", UseSettings, default_factory=UseSettings)
    fleet: FleetSettings = table(
        "Other instances of the proxy, whose denials the page and the API show, too.", FleetSettings, default_factory=FleetSettings
    )
    limits: LimitSettings = table("Bounds on requests and clients.", LimitSettings, default_factory=LimitSettings)
    inbound: InboundSettings = table(
        "Client authentication for a listener that injects tokens. If nothing is set, that listener must be loopback or a Unix socket.",
        InboundSettings,
        default_factory=InboundSettings,
    )
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def use_path(self) -> Path | None:
        """The file of the record of use; None if there is no record."""
        if self.use.path is not None or self.history.path is None:
            return self.use.path
        return use_path_beside(self.history.path)

    @property
    def use_database(self) -> DatabaseUrl | None:
        """The database of the record of use, if it is in one."""
        return self.history.url if self.use_path is None else None

    @property
    def docs_url(self) -> str | None:
        """Where links to pages of causes lead: as configured, or the admin port as this machine and kubectl port-forward name it.

        None if the port is not known (0).
        """
        port = self.admin_listen.port
        return self.explain.docs_url or (f"http://localhost:{port}/docs/causes" if port else None)


def use_path_beside(history: Path) -> Path:
    """The file of the record of use beside a history file: ``denials.sqlite`` has ``denials-use.sqlite``."""
    return history.with_name(f"{history.stem}-use{history.suffix}")
