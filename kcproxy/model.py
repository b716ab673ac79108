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

    @property
    def key(self) -> str:
        """A short closed name for metrics and logs: ``GET /admin/realms/{realm}/users``."""
        return f"{self.method} {self.path}" + (f" ({self.body})" if self.body else "")


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

    ROLE_MISSING = "role-missing"
    OPERATION_UNKNOWN = "operation-unknown"
    TOKEN_MISSING = "token-missing"  # noqa: S105 - a cause, no secret
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105 - a cause, no secret
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a cause, no secret
    ISSUER_MISMATCH = "issuer-mismatch"
    TOKEN_REJECTED = "token-rejected"  # noqa: S105 - a cause, no secret
    TOKEN_OF_OTHER_REALM = "token-of-other-realm"  # noqa: S105 - a cause, no secret
    NOT_KEYCLOAK = "not-keycloak"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What look-ups with the inspector or public documents gave; None = not looked up, which is not the same as empty.

    ``granted`` are effective roles of the caller's own account on the owning client (composites resolved), ``in_scope`` those that
    the client's scope lets through. All of it concerns the caller's own client and account.
    """

    keycloak: str | None = None
    granted: tuple[str, ...] | None = None
    in_scope: tuple[str, ...] | None = None
    full_scope: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=_nothing)
