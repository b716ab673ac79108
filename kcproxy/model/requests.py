"""Caller, request and response."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from kcproxy.model.requirements import Target
from kcproxy.model.vocabulary import NOTHING, nothing


class Withheld(StrEnum):
    """Why the proxy did not add an account's token to a request that brought none."""

    OPERATIONS = "operations"  # outside what the account's setting of that name allows
    BROWSER = "browser"  # a page in a browser sent it
    AMBIGUOUS = "ambiguous"  # the request target can be read in two ways
    METHOD = "method"  # not a method of the Admin REST API
    NO_ACCOUNT = "no-account"  # there are accounts, but none for this realm


class AccountEntry(Struct, frozen=True, kw_only=True):
    """The entry of the proxy's settings that serves a realm: ``position`` as settings name it (``accounts[0]``), ``realm`` as written there.

    ``realm`` is ``*`` if the entry serves every realm that no other entry names. ``token_realm``: the realm that contains its client.
    """

    position: str
    realm: str
    token_realm: str


class CallerKind(StrEnum):
    """The kind of account, as far as the token shows it."""

    SERVICE_ACCOUNT = "service-account"
    USER = "user"
    UNKNOWN = "unknown"  # a readable token that does not say (lightweight)
    UNREADABLE = "unreadable"  # something was sent that is not a JWT
    ANONYMOUS = "anonymous"  # no token at all


class Caller(Struct, frozen=True, kw_only=True):
    """The caller, read from the claims of its token without verification (Keycloak has just verified or refused it).

    ``realm``: the realm of the issuer. Roles are those in the token, which proves little since Keycloak 26.7, which checks the current
    grants. Times are in seconds since the epoch. ``injected``: the token is the proxy's own.
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
    lightweight: bool | None = None  # as the token ID says since 26.2; None if it does not
    bound_to_key: bool = False  # cnf.jkt (DPoP); the Admin REST API ignores cnf.x5t#S256 of a certificate (measured on 26.7.4)
    allowed_origins: tuple[str, ...] = ()
    scheme: str | None = None  # Bearer, DPoP, Basic …
    problem: str | None = None  # why the token could not be read, or why Keycloak may not accept how it was sent
    injected: bool = False
    token_bytes: int = 0


class RequestFacts(Struct, frozen=True, kw_only=True):
    """The parts of a request that matter for its refusal. Field names are lower-case; the body is parsed only if it is small JSON."""

    target: Target
    base_path: str = ""
    query: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    headers: Mapping[str, str] = field(
        default_factory=nothing
    )  # only origin, content-type, user-agent, dpop, x-forwarded-*: never authorization
    body: Any = None
    form: Mapping[str, str] = field(default_factory=nothing)  # of a token request: grant_type, client_id, username … never a secret
    assertion_audiences: tuple[str, ...] = ()  # aud of the client_assertion of a token request, not verified
    assertion_issuer: str | None = None  # iss of that assertion, and its sub, not verified
    assertion_subject: str | None = None
    called_at: str | None = None  # host[:port] by which the client called the proxy: Host before the proxy replaced it
    public_url: str | None = None  # scheme://host[:port] by which the proxy reaches Keycloak
    withheld: Withheld | None = None  # why the proxy added no token, if it has accounts and the request had no token
    account: AccountEntry | None = None  # whose token the proxy added, or would have added if it was not withheld
    in_process: bool = False  # sent by the program that reads the explanation: there is no proxy, and so no settings of one
    body_unseen: bool = False  # the request had a body that is not here: it was too large, or was not sent to the program
    token_in_query: bool = False  # access_token= in the query, which Keycloak does not read


class Answer(Struct, frozen=True, kw_only=True):
    """The response: status code, the fields that show who sent it, and the small body of an error (never of a success)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=nothing)  # lower-case names
    json: Mapping[str, Any] | None = None
    text: str = ""

    @property
    def error(self) -> str | None:
        """Keycloak's member ``error``, if there is one."""
        value = (self.json or NOTHING).get("error")
        return value if isinstance(value, str) else None

    @property
    def description(self) -> str | None:
        """Keycloak's member ``error_description``, if there is one."""
        value = (self.json or NOTHING).get("error_description")
        return value if isinstance(value, str) else None
