"""Settings of what the proxy does towards Keycloak: the upstream, the service accounts, the inspector. See ``declaration``."""

from dataclasses import dataclass
from pathlib import Path

from kcproxy.settings.declaration import Change, Content, FileUse, Setting, composed, file_setting, included, setting
from kcproxy.settings.types import boolean, choice, file_path, integer, listing, number, operation_pattern, secret_text, text, url
from kcproxy.settings.values import ASYMMETRIC_ALGORITHMS, ClientAuthMethod, ForwardedFields, LimitMode, Secret

REALM = text("the name of a realm", example="shop")
_SYMMETRIC_ALGORITHMS = ("HS256", "HS384", "HS512")

_SECONDS = "seconds"
_REQUIRED = "required"
_REALM_OR_ALL = text("the name of a realm, or * for every realm", example="shop")
_UPSTREAM_FILE = "new connections to Keycloak use it; requests in progress finish on the old ones"
_TOKEN_FILE = "the next token request uses it; a reload that finds it changed fetches a new token at once"  # noqa: S105 - words


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The Keycloak behind the proxy. ``base_path`` has no trailing slash ("" or "/auth")."""

    scheme: str = composed(
        Setting(
            key="url",
            kind=url(example="http://localhost:8080"),
            doc='Keycloak\'s address, including its path (/auth) if it has one. In the file, upstream = "URL" at the top level is the same.',
            change=Change.RELOAD,
            flag="--upstream",
            shorthand="KCPROXY_UPSTREAM",
            default_words=_REQUIRED,
        )
    )
    host: str = composed()
    port: int = composed()
    base_path: str = composed(default="")
    ca_file: Path | None = file_setting(
        "PEM file of the certificate authorities that verify Keycloak's certificate. Default: the authorities of the system.",
        change=Change.RELOAD,
        content=Content.WATCHED,
        effect=_UPSTREAM_FILE,
    )
    client_certificate_file: Path | None = file_setting(
        "Client certificate (PEM) presented to Keycloak (mTLS).", change=Change.RELOAD, content=Content.WATCHED, effect=_UPSTREAM_FILE
    )
    client_key_file: Path | None = file_setting(
        "Private key (PEM) of that certificate.", change=Change.RELOAD, content=Content.WATCHED, effect=_UPSTREAM_FILE
    )
    preserve_host: bool = setting(
        False,
        boolean(),
        "Send the client's Host field instead of Keycloak's own. Tokens then contain the proxy's address as issuer.",
        change=Change.RELOAD,
    )
    rewrite_location: bool = setting(
        True, boolean(), "Rewrite Location fields that point at Keycloak, so that they point at the proxy.", change=Change.RELOAD
    )
    forwarded: ForwardedFields = setting(
        ForwardedFields.PASS,
        choice(ForwardedFields),
        "What to do with the fields X-Forwarded-*, Forwarded and Via of requests. Drop them if Keycloak trusts them and clients are not trusted.",
        change=Change.RELOAD,
    )
    connect_timeout_seconds: float = setting(
        5.0, number(0.05, 300), "Timeout for connecting to Keycloak.", unit=_SECONDS, change=Change.RELOAD
    )
    response_timeout_seconds: float = setting(  # creating a realm takes up to 11 s
        60.0, number(0.1, 3600), "Timeout for the first byte of Keycloak's response.", unit=_SECONDS, change=Change.RELOAD
    )
    idle_timeout_seconds: float = setting(
        60.0, number(0.1, 3600), "Longest pause within a body, in either direction.", unit=_SECONDS, change=Change.RELOAD
    )
    max_connections: int = setting(
        64, integer(1, 10000), "Concurrent connections to Keycloak, for each process.", unit="connections", change=Change.RELOAD
    )
    keepalive_seconds: float = setting(
        30.0, number(0, 3600), "How long an idle connection to Keycloak stays open.", unit=_SECONDS, change=Change.RELOAD
    )

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``, without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")

    @property
    def url(self) -> str:
        """Origin and base path, without a trailing slash."""
        return self.origin + self.base_path


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """A service account. Its token is added to requests for ``realms`` that carry none.

    ``token_realm`` is the realm that contains the client (one of ``realms``, or master). ``operations`` limits the requests to which
    the token is added, by method and path template ("GET /admin/realms/{realm}/users*"); empty means no limit.
    """

    realms: tuple[str, ...] = composed(  # "*" for every realm
        Setting(
            key="realm",
            kind=_REALM_OR_ALL,
            doc="Realm that the account is used for; * means every realm.",
            change=Change.RELOAD,
            default_words="required: realm or realms",
        ),
        Setting(
            key="realms",
            kind=listing(_REALM_OR_ALL, plural="realm names"),
            doc="Several realms, instead of realm.",
            change=Change.RELOAD,
        ),
    )
    token_realm: str = composed(
        Setting(
            key="token_realm",
            kind=REALM,
            doc="Realm that contains the client.",
            change=Change.RELOAD,
            default_words="the first realm; master for *",
        )
    )
    client_id: str = composed(
        Setting(
            key="client_id",
            kind=text("a client id", example="shop-backend"),
            doc="Client whose service account is used.",
            change=Change.RELOAD,
            default_words=_REQUIRED,
        )
    )
    secret: Secret | None = composed(  # client secret, private key, or assertion, depending on auth
        Setting(
            key="client_secret_file",
            kind=file_path(),
            doc="File that contains the client secret. It is read for each token request, so that you can rotate the secret.",
            change=Change.RELOAD,
            file=FileUse(content=Content.AT_EACH_USE, effect=_TOKEN_FILE),
        ),
        Setting(
            key="client_secret",
            kind=secret_text(),
            doc="The client secret itself. Prefer the file.",
            change=Change.RELOAD,
            literal_only_in_environment=True,
        ),
        Setting(
            key="private_key_file",
            kind=file_path(),
            doc="Private key for private_key_jwt: a PEM file, or a JSON Web Key whose kid and alg are used.",
            change=Change.RELOAD,
            file=FileUse(content=Content.AT_EACH_USE, effect=_TOKEN_FILE),
        ),
        Setting(
            key="assertion_file",
            kind=file_path(),
            doc="Signed token that authenticates the client, for federated_jwt: a projected Kubernetes token.",
            change=Change.RELOAD,
            file=FileUse(content=Content.AT_EACH_USE, effect=_TOKEN_FILE),
        ),
        default=None,
    )
    previous_secret: Secret | None = composed(
        Setting(
            key="client_secret_previous_file",
            kind=file_path(),
            doc="File that contains the other client secret during a rotation: it is tried if Keycloak refuses the one in client_secret_file. The file may be"
            " missing or empty, so that the setting can stay.",
            change=Change.RELOAD,
            file=FileUse(content=Content.AT_EACH_USE, effect="the next token request that is refused with client_secret_file uses it"),
        ),
        default=None,
    )
    auth: ClientAuthMethod = composed(
        Setting(
            key="auth",
            kind=choice(ClientAuthMethod),
            doc="How the client authenticates at the token endpoint.",
            change=Change.RELOAD,
            default_words="depends on the file given: client_secret_post, private_key_jwt or federated_jwt",
        ),
        default=ClientAuthMethod.CLIENT_SECRET_POST,
    )
    key_id: str | None = setting(
        None, text("a key id", example="2026-11"), "Key id (kid), if the client has several keys.", change=Change.RELOAD
    )
    algorithm: str | None = setting(
        None,
        choice((*ASYMMETRIC_ALGORITHMS, *_SYMMETRIC_ALGORITHMS)),
        "Algorithm of the client's signature.",
        change=Change.RELOAD,
        default_words="depends on the key",
    )
    scopes: tuple[str, ...] = setting(
        (),
        listing(text("the name of a client scope", example="kc-admin-api"), plural="client scopes"),
        "Client scopes to request with the token.",
        change=Change.RELOAD,
    )
    operations: tuple[str, ...] = setting(
        (),
        listing(operation_pattern(), plural="operations, each METHOD /path"),
        "Operations to which this account's token is added, by method and path template. Default: every operation.",
        change=Change.RELOAD,
    )
    mode: LimitMode = setting(
        LimitMode.ENFORCE,
        choice(LimitMode),
        "What operations does: enforce, or observe. With observe the token is added to every operation, and requests beyond operations are reported.",
        change=Change.RELOAD,
    )

    @property
    def label(self) -> str:
        """The account in metrics: realm of the client, slash, client id. Two realms can have clients of one name."""
        return f"{self.token_realm}/{self.client_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectorSettings:
    """The optional read-only account for look-ups."""

    account: AccountSettings = included(AccountSettings)
    budget_seconds: float = setting(
        0.3, number(0, 10), "How long look-ups may delay an explanation, in total.", unit=_SECONDS, change=Change.RELOAD
    )
    cache_seconds: float = setting(
        10.0, number(0, 3600), "How long the result of a look-up is cached.", unit=_SECONDS, change=Change.RELOAD
    )
    max_lookups_per_second: float = setting(
        20.0, number(0.1, 1000), "Maximum rate of look-ups.", unit="look-ups per second", change=Change.RELOAD
    )
