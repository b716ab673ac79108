"""What a request is for, and which roles it requires."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from msgspec import Struct, field

from kcproxy.model.vocabulary import Basis, RoleSet, nothing


class TargetKind(StrEnum):
    """The kind of resource that a request is for."""

    ADMIN = "admin"  # an operation of the Admin REST API in the catalog
    ADMIN_UNKNOWN = "admin-unknown"  # below /admin, but not in the catalog
    TOKEN = "token"  # noqa: S105 - a kind of endpoint, not a secret
    OTHER = "other"  # the rest of Keycloak: login pages, discovery, account, resources


class Operation(Struct, frozen=True, kw_only=True, dict=True):
    """One operation of the Admin REST API: a method on a path template, with the parameter names of Keycloak's annotations.

    ``body`` distinguishes two operations on one path by what they consume ("json", "form", "multipart", …).
    ``handler`` is Keycloak's own class and method; ``features`` must be switched on for it.
    """

    method: str
    path: str
    body: str | None = None
    handler: str = ""
    features: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """A short name for metrics and logs: ``GET /admin/realms/{realm}/users``. Made once, because every request uses it."""
        return f"{self.method} {self.path}" + (f" ({self.body})" if self.body else "")


class Requirement(Struct, frozen=True, kw_only=True):
    """Which roles an operation requires, on one Keycloak version.

    ``any_of``: minimal sets that get the full response. ``useful``: minimal sets whose response is full or lacks only fields that can be
    named (``lacks``: from the set, joined by ``+``, to those fields). ``admits``: minimal sets that are let in at all, perhaps to an empty
    response. In each, the set with the least power comes first. ``((),)``: any token is enough. ``()``: not even realm-admin is enough.
    ``least``: the first of ``useful``, or None. ``full``: the first of ``any_of`` if ``least`` does not get everything, otherwise None.
    ``keycloak``: the version of this table. ``asked_keycloak``: the version of the server, or its line, if this is not its own table.
    """

    any_of: tuple[RoleSet, ...]
    admits: tuple[RoleSet, ...]
    least: RoleSet | None
    basis: Basis
    keycloak: str
    asked_keycloak: str | None = None
    useful: tuple[RoleSet, ...] = ()
    full: RoleSet | None = None
    lacks: Mapping[str, RoleSet] = field(default_factory=nothing)
    variant: str | None = None
    variant_says: str | None = None
    reduced: Mapping[str, str] = field(default_factory=nothing)
    refusal_status: int = 403
    master_realm_roles: tuple[RoleSet, ...] = ()
    """Sets of realm roles of master (``create-realm``) that allow a server-wide operation."""
    undetermined: str | None = None
    notes: tuple[str, ...] = ()


class Target(Struct, frozen=True, kw_only=True):
    """What a request is for, read from its method and raw path; ``parameters`` are decoded, by template name.

    ``ambiguous`` names the form that can be read as two different operations (dot segment, empty segment, ``;``, backslash, an escape that
    is invalid or hides another operation, bytes beyond ASCII, a target in absolute form). Such a request never gets an injected token.
    """

    kind: TargetKind
    method: str
    raw_path: str
    realm: str | None = None
    operation: Operation | None = None
    parameters: Mapping[str, str] = field(default_factory=nothing)
    ambiguous: str | None = None
