"""Values of the record of use: callers, calls by outcome, and what a token said about its roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kcproxy.model import CallerKind

MAX_NAME_CHARACTERS = 255
"""Keycloak's own limit for realms, client IDs and role names. Longer names are not recorded."""
OTHER_REALM = "*"
"""The realm of refused and failed calls that name a realm from which the caller never got a success. A path can contain any realm."""


class Outcome(StrEnum):
    """How a call ended. The order is that of the columns."""

    FULL = "full"  # a success; if the token does not name its roles, it may have been reduced
    REDUCED = "reduced"  # a success that contains less than realm-admin would get
    REFUSED = "refused"  # 401 or 403
    ERROR = "error"  # any other error of Keycloak or of the proxy, and a disconnected client


def outcome_of(status: int, *, reduced: bool | None) -> Outcome:
    """The outcome of a response with this status code."""
    if status < 400:
        return Outcome.REDUCED if reduced else Outcome.FULL
    return Outcome.REFUSED if status in {401, 403} else Outcome.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaller:
    """A verified caller: the client, the realm of its token, the kind of account, and whether the proxy added the token.

    Users of one client are one caller: the record has no user names.
    """

    client: str
    token_realm: str
    kind: CallerKind
    injected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The calls of one operation by one caller in one realm: numbers by outcome, and the first and last time (seconds since the epoch).

    ``realm`` is the realm that the path names, None for server-wide operations. ``variant``: IDs of the table's variants that the requests
    showed, joined by ``+``; empty for a plain request.
    """

    caller: UseCaller
    realm: str | None
    operation: str
    variant: str = ""
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    first_at: float = 0.0
    last_at: float = 0.0

    @property
    def successes(self) -> int:
        """Number of successful calls."""
        return self.counts.get(Outcome.FULL, 0) + self.counts.get(Outcome.REDUCED, 0)

    @property
    def total(self) -> int:
        """Number of all calls."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRoles:
    """The admin roles that a caller's token named: by owner, which is a client, or "" for realm roles. Empty if the token names no roles."""

    by_owner: Mapping[str, tuple[str, ...]]
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRecord:
    """What a record contains: uses, roles by caller, and the days (since the epoch) on which a proxy recorded."""

    uses: tuple[Use, ...]
    roles: Mapping[UseCaller, NamedRoles]
    days: frozenset[int]
