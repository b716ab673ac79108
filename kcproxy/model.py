"""The frozen values that flow through kcproxy, in the order in which they arise.

    request ─▶ Target ─▶ Requirement ─▶ Caller, Answer, Facts ─▶ Verdict ─▶ Fix, Explanation

Nothing here knows of sockets, clocks or files. A value that exists is complete; what is not known is ``None`` and
never a default that could be taken for a fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

RoleSet = tuple[str, ...]
"""Role names of one client (``realm-management``, or ``{realm}-realm`` in master), sorted, all of them needed together."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return NOTHING


class Basis(StrEnum):
    """Where a requirement is known from."""

    MEASURED = "measured"
    DOCUMENTED = "documented"
    SOURCES = "sources"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure a cause is: proven by facts, the likeliest by far, or merely not ruled out."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Detail(StrEnum):
    """How much of an explanation its caller sees; log and page always have all of it."""

    FULL = "full"
    ROLE = "role"
    REFERENCE = "reference"


class TargetKind(StrEnum):
    """What kind of resource a request is for."""

    ADMIN = "admin"  # an operation of the Admin REST API that the catalog knows
    ADMIN_UNKNOWN = "admin-unknown"  # below /admin, but in no catalog entry
    TOKEN = "token"  # noqa: S105 - a kind of endpoint, no secret
    OTHER = "other"  # the rest of Keycloak: login pages, discovery, account, resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the Admin REST API: a method on a path template, in the parameter names of Keycloak's annotations.

    ``body`` tells two operations on one path apart by what they consume ("json", "form", "multipart", …).
    ``handler`` is Keycloak's own class and method, the source to read on; ``features`` must be switched on for it.
    """

    method: str
    path: str
    body: str | None = None
    handler: str = ""
    features: tuple[str, ...] = ()
    key: str = field(init=False, repr=False, compare=False)
    """A short closed name for metrics and logs: ``GET /admin/realms/{realm}/users``. Made once: it is asked for with every request."""

    def __post_init__(self) -> None:
        """Put the name together."""
        object.__setattr__(self, "key", f"{self.method} {self.path}" + (f" ({self.body})" if self.body else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Which roles an operation needs, on one Keycloak version.

    ``any_of``: minimal sets that get the full answer; ``admits``: minimal sets that are let in at all, perhaps to a
    thinner answer. ``((),)`` where any token will do; ``()`` where not even realm-admin suffices. ``least`` is the set
    of ``any_of`` that unlocks the fewest operations of the whole table, or None. ``keycloak`` is the version whose
    table this is; ``asked_keycloak`` the version that was asked for, where it had no table of its own.
    """

    any_of: tuple[RoleSet, ...]
    admits: tuple[RoleSet, ...]
    least: RoleSet | None
    basis: Basis
    keycloak: str
    asked_keycloak: str | None = None
    variant: str | None = None
    variant_says: str | None = None
    reduced: Mapping[str, str] = field(default_factory=_nothing)
    refusal_status: int = 403
    master_realm_roles: tuple[RoleSet, ...] = ()
    """Sets of realm roles of master (``create-realm``) that open a server-wide operation."""
    undetermined: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request asks for, read from its method and raw path; ``parameters`` are decoded, by template name.

    ``ambiguous`` names the form (dot segment, empty segment, ``;``, backslash, bad escape) that lets two readers see two
    different paths; such a request never gets an injected token.
    """

    kind: TargetKind
    method: str
    raw_path: str
    realm: str | None = None
    operation: Operation | None = None
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    ambiguous: str | None = None


class Withheld(StrEnum):
    """Why the proxy did not add an account's token to a request that brought none."""

    OPERATIONS = "operations"  # outside what the account's setting of that name allows
    BROWSER = "browser"  # a page in somebody's browser sent it
    AMBIGUOUS = "ambiguous"  # the path can be read in two ways
    METHOD = "method"  # no method of the Admin REST API
    NO_ACCOUNT = "no-account"  # there are accounts, but none for this realm


class CallerKind(StrEnum):
    """Who called, as far as the token shows."""

    SERVICE_ACCOUNT = "service-account"
    USER = "user"
    UNKNOWN = "unknown"  # a readable token that does not tell (lightweight)
    UNREADABLE = "unreadable"  # something was sent that is no JWT
    ANONYMOUS = "anonymous"  # no token at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller, read from the claims of his token without verifying it (Keycloak has just done that, or has refused).

    ``realm`` is the realm of the issuer. Roles are as the token names them, which proves little on Keycloak 26, where
    grants are read live. Times are in seconds since the epoch. ``injected`` says that the token is the proxy's own.
    """

    kind: CallerKind
    client_id: str | None = None
    username: str | None = None
    subject: str | None = None
    realm: str | None = None
    issuer: str | None = None
    realm_roles: tuple[str, ...] = ()
    client_roles: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    token_kind: str | None = None  # claim typ: Bearer, ID, Refresh, Offline, DPoP …
    token_id: str | None = None
    algorithm: str | None = None
    key_id: str | None = None
    issued_at_epoch_seconds: int | None = None
    expires_at_epoch_seconds: int | None = None
    not_before_epoch_seconds: int | None = None
    session_id: str | None = None
    has_roles_claims: bool = False
    lightweight: bool | None = None  # as the token's id says it from 26.2 on; None where it does not
    bound_to_key: bool = False  # cnf.jkt or cnf.x5t#S256
    allowed_origins: tuple[str, ...] = ()
    scheme: str | None = None  # Bearer, DPoP, Basic …
    problem: str | None = None  # why the token could not be read
    injected: bool = False
    token_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What of the request matters to its refusal; header names are lower-case, the body is parsed only where it is small JSON."""

    target: Target
    base_path: str = ""
    query: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    headers: Mapping[str, str] = field(
        default_factory=_nothing
    )  # only origin, content-type, user-agent, dpop, x-forwarded-*: never authorization
    body: Any = None
    form: Mapping[str, str] = field(default_factory=_nothing)  # of a token request: grant_type, client_id, username … never a secret
    public_url: str | None = None  # scheme://host[:port] by which the proxy reaches Keycloak
    withheld: Withheld | None = None  # why the proxy added no token of its own, where it has accounts and the request brought none
    token_in_query: bool = False  # access_token= in the query, which Keycloak does not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: status, the headers that tell who answered, and the small body of an error (never of a success)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=_nothing)  # lower-case names
    json: Mapping[str, Any] | None = None
    text: str = ""

    @property
    def error(self) -> str | None:
        """Keycloak's ``error`` field, where there is one."""
        value = (self.json or NOTHING).get("error")
        return value if isinstance(value, str) else None

    @property
    def description(self) -> str | None:
        """Keycloak's ``error_description`` field, where there is one."""
        value = (self.json or NOTHING).get("error_description")
        return value if isinstance(value, str) else None


class Cause(StrEnum):
    """Why a request was refused, or thinned: the closed vocabulary, each with a page in ``docs/causes/``."""

    # 403: the role
    ROLE_MISSING = "role-missing"
    MASTER_ROLE_MISSING = "master-role-missing"
    ROLE_REVOKED = "role-revoked"
    ROLE_OF_OTHER_CLIENT = "role-of-other-client"
    ROLE_GRANTED_TO_OTHER_ACCOUNT = "role-granted-to-other-account"
    SCOPE_MAPPING_IS_NO_GRANT = "scope-mapping-is-no-grant"
    USER_TOKEN_USED = "user-token-used"  # noqa: S105 - a cause, no secret
    SERVICE_ACCOUNT_RECREATED = "service-account-recreated"
    # 403: granted, but it does not count
    SCOPE_EXCLUDES_ROLE = "scope-excludes-role"
    ROLES_NOT_IN_TOKEN = "roles-not-in-token"  # noqa: S105 - a cause, no secret
    TOKEN_OLDER_THAN_GRANT = "token-older-than-grant"  # noqa: S105 - a cause, no secret
    TOKEN_OLDER_THAN_REALM = "token-older-than-realm"  # noqa: S105 - a cause, no secret
    # 403: not a matter of this role
    TOKEN_OF_OTHER_REALM = "token-of-other-realm"  # noqa: S105 - a cause, no secret
    SERVER_WIDE_OPERATION = "server-wide-operation"
    ESCALATION_GUARD = "escalation-guard"
    PROTECTED_OBJECT = "protected-object"
    FINE_GRAINED_PERMISSION_MISSING = "fine-grained-permission-missing"
    OPERATION_IMPOSSIBLE = "operation-impossible"
    KNOWN_DEFECT = "known-defect"
    ORIGIN_NOT_ALLOWED = "origin-not-allowed"
    HTTPS_REQUIRED = "https-required"
    OTHER_ENDPOINT = "other-endpoint"
    # 401: the token
    TOKEN_MISSING = "token-missing"  # noqa: S105 - a cause, no secret
    TOKEN_WITHHELD = "token-withheld"  # noqa: S105 - a cause, no secret
    SCHEME_WRONG = "scheme-wrong"
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105 - a cause, no secret
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a cause, no secret
    TOKEN_NOT_YET_VALID = "token-not-yet-valid"  # noqa: S105 - a cause, no secret
    ISSUER_MISMATCH = "issuer-mismatch"
    TOKEN_KIND_WRONG = "token-kind-wrong"  # noqa: S105 - a cause, no secret
    AUDIENCE_MISSING = "audience-missing"
    PROOF_MISSING = "proof-missing"
    PROOF_MISMATCH = "proof-mismatch"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNING_KEY_UNKNOWN = "signing-key-unknown"
    SESSION_ENDED = "session-ended"
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - a cause, no secret
    NOT_BEFORE = "not-before"
    ACCOUNT_DISABLED = "account-disabled"
    CLIENT_DISABLED = "client-disabled"
    REALM_NAME_UNSUPPORTED = "realm-name-unsupported"
    TOKEN_REJECTED = "token-rejected"  # noqa: S105 - a cause, no secret
    # the token endpoint
    CLIENT_UNKNOWN = "client-unknown"
    CLIENT_CREDENTIALS_WRONG = "client-credentials-wrong"
    SERVICE_ACCOUNT_OFF = "service-account-off"
    GRANT_NOT_ALLOWED = "grant-not-allowed"
    USER_CREDENTIALS_WRONG = "user-credentials-wrong"
    ACCOUNT_NOT_SET_UP = "account-not-set-up"
    REFRESH_TOKEN_INVALID = "refresh-token-invalid"  # noqa: S105 - a cause, no secret
    SCOPE_INVALID = "scope-invalid"
    TOKEN_REQUEST_INVALID = "token-request-invalid"  # noqa: S105 - a cause, no secret
    REALM_DISABLED = "realm-disabled"
    # address and state
    REALM_UNKNOWN = "realm-unknown"
    BASE_PATH_WRONG = "base-path-wrong"
    PATH_WRONG = "path-wrong"
    NAME_USED_AS_ID = "name-used-as-id"
    PATH_NOT_NORMALISED = "path-not-normalised"
    HEADERS_TOO_LARGE = "headers-too-large"
    FEATURE_OFF = "feature-off"
    ANSWER_REDUCED = "answer-reduced"
    # what we do not know
    NOT_KEYCLOAK = "not-keycloak"
    OPERATION_UNKNOWN = "operation-unknown"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another cause that the evidence allows, and the check that would tell."""

    cause: Cause
    confidence: Confidence
    summary: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision: one cause, how sure, on what evidence, what is missing, and what else it could be.

    ``missing`` are the roles to grant; ``container`` the client that owns them (``realm-management`` or ``{realm}-realm``)
    and ``container_realm`` the realm in which that client lives; ``grantee`` the user name that should receive them.
    ``facts`` are the few values that sentences and fixes are made of (ages in seconds, names), keyed by plain words.
    """

    cause: Cause
    confidence: Confidence
    evidence: tuple[str, ...] = ()
    missing: RoleSet = ()
    container: str | None = None
    container_realm: str | None = None
    grantee: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One way to cure a refusal, least power first. Commands can be pasted: real names, quoted for a POSIX shell."""

    summary: str
    roles: RoleSet = ()
    console: tuple[str, ...] = ()
    console_url: str | None = None
    kcadm: tuple[str, ...] = ()
    curl: tuple[str, ...] = ()
    terraform: str | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one refusal; what of it reaches the caller is decided when it is rendered (``Detail``)."""

    id: str
    summary: str
    request: RequestFacts
    caller: Caller
    answer: Answer
    requirement: Requirement | None
    verdict: Verdict
    fixes: tuple[Fix, ...] = ()
    docs_url: str | None = None
    hints: tuple[str, ...] = ()
    """What is worth knowing besides: a hidden second call of a client library, a role that would do less."""
    looked_up: "Facts | None" = None
    """What look-ups gave, for the page of the operator; how much of it the caller sees is decided elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What look-ups with the inspector or public documents gave; None = not looked up, which is not the same as empty.

    Roles are effective ones (composites and groups resolved) of the client that owns the admin roles. All of it concerns the
    caller's own client, account and realm; nothing here is about anybody else.
    """

    keycloak: str | None = None
    # the caller's account
    granted: tuple[str, ...] | None = None
    realm_roles_granted: tuple[str, ...] | None = None  # effective realm roles, where a server-wide operation asks for one
    realm_roles_in_scope: tuple[str, ...] | None = None
    fresh_token_roles: tuple[str, ...] | None = None  # what a token of this client and account would name if it were fetched now
    fresh_token_realm_roles: tuple[str, ...] | None = None
    granted_to_service_account: tuple[str, ...] | None = None  # of the same client, where the caller is a user
    granted_elsewhere: tuple[str, ...] | None = None  # "realm role view-users", "role view-users of client my-api"
    account_id: str | None = None  # of the token's session, where the token itself names no account (lightweight)
    account_name: str | None = None
    account_known: bool | None = None  # an account with the token's sub exists
    account_enabled: bool | None = None
    account_not_before_epoch_seconds: int | None = None  # signing a user out sets it
    service_account_id: str | None = None  # of the caller's client as it is now
    session_alive: bool | None = None
    # the caller's client
    client_uuid: str | None = None
    client_known: bool | None = None
    client_enabled: bool | None = None
    client_bearer_only: bool | None = None
    client_public: bool | None = None
    service_accounts_enabled: bool | None = None
    direct_grants_enabled: bool | None = None
    lightweight: bool | None = None
    full_scope: bool | None = None
    in_scope: tuple[str, ...] | None = None
    role_mapper_attached: bool | None = None
    # the realm, and what is public about it
    realm_known: bool | None = None
    realm_enabled: bool | None = None
    realm_not_before_epoch_seconds: int | None = None
    client_not_before_epoch_seconds: int | None = None
    admin_permissions_enabled: bool | None = None
    organizations_enabled: bool | None = None
    ssl_required: str | None = None
    target_is_built_in: bool | None = None  # the client in the path, for callers who may see it anyhow
    issuer: str | None = None
    key_ids: tuple[str, ...] | None = None
    signature_valid: bool | None = None
    disabled_features: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=_nothing)
