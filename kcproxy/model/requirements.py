"""What a request asks for, and which roles that needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kcproxy.model.vocabulary import Basis, RoleSet, nothing


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

    ``any_of``: minimal sets that get the full answer; ``useful``: minimal sets whose answer is full or lacks only fields that can be named
    (``lacks``: the set, joined by ``+``, to those fields); ``admits``: minimal sets that are let in at all, perhaps to an emptied answer. In
    each, the set with the least power comes first. ``((),)`` where any token will do; ``()`` where not even realm-admin suffices.
    ``least`` is the first of ``useful``, or None; ``full`` the first of ``any_of`` where ``least`` does not get everything, else None.
    ``keycloak`` is the version whose table this is; ``asked_keycloak`` the version that was asked for, where it had no table of its own.
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
    """Sets of realm roles of master (``create-realm``) that open a server-wide operation."""
    undetermined: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request asks for, read from its method and raw path; ``parameters`` are decoded, by template name.

    ``ambiguous`` names the form (dot segment, empty segment, ``;``, backslash, an escape that is bad or hides another operation, bytes
    beyond ASCII, a target in absolute form) that lets two readers see two different operations; such a request never gets an injected token.
    """

    kind: TargetKind
    method: str
    raw_path: str
    realm: str | None = None
    operation: Operation | None = None
    parameters: Mapping[str, str] = field(default_factory=nothing)
    ambiguous: str | None = None
