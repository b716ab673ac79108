"""Who asked, with what, and what came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kcproxy.model.requirements import Target
from kcproxy.model.vocabulary import NOTHING, nothing


class Withheld(StrEnum):
    """Why the proxy did not add an account's token to a request that brought none."""

    OPERATIONS = "operations"  # outside what the account's setting of that name allows
    BROWSER = "browser"  # a page in somebody's browser sent it
    AMBIGUOUS = "ambiguous"  # the request target can be read in two ways
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
    client_roles: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
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
    bound_to_key: bool = False  # cnf.jkt (DPoP); a certificate's cnf.x5t#S256 the Admin REST API does not look at (measured on 26.7.4)
    allowed_origins: tuple[str, ...] = ()
    scheme: str | None = None  # Bearer, DPoP, Basic …
    problem: str | None = None  # why the token could not be read, or what Keycloak may not like about how it was sent
    injected: bool = False
    token_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What of the request matters to its refusal; header names are lower-case, the body is parsed only where it is small JSON."""

    target: Target
    base_path: str = ""
    query: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    headers: Mapping[str, str] = field(
        default_factory=nothing
    )  # only origin, content-type, user-agent, dpop, x-forwarded-*: never authorization
    body: Any = None
    form: Mapping[str, str] = field(default_factory=nothing)  # of a token request: grant_type, client_id, username … never a secret
    public_url: str | None = None  # scheme://host[:port] by which the proxy reaches Keycloak
    withheld: Withheld | None = None  # why the proxy added no token of its own, where it has accounts and the request brought none
    token_in_query: bool = False  # access_token= in the query, which Keycloak does not read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: status, the headers that tell who answered, and the small body of an error (never of a success)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=nothing)  # lower-case names
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
