"""How an account holds the roles of one owner: directly, or through groups and composite roles. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from kcproxy.model import RoleSet
from kcproxy.usage.audit import Owner
from kcproxy.usage.model import NamedRoles, UseCaller, UseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """Roles that an account has because of something else. ``by``: ``realm role support`` or ``group /staff``."""

    by: str
    roles: RoleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """``direct``: roles that are granted to the account itself. ``effective``: all that it has. ``through``: where others come from."""

    direct: RoleSet
    effective: RoleSet
    through: tuple[Through, ...] = ()


GrantsByOwner: TypeAlias = Mapping[tuple[UseCaller, Owner], Grants]


def with_grants(record: UseRecord, found: GrantsByOwner, *, now_epoch_seconds: float) -> UseRecord:
    """The record with the roles that were looked up instead of those that tokens named."""
    roles = dict(record.roles)
    for (caller, owner), grants in found.items():
        known = roles[caller].by_owner if caller in roles else {}
        roles[caller] = NamedRoles(by_owner={**known, owner.client: grants.effective}, seen_at=now_epoch_seconds)
    return replace(record, roles=roles)
