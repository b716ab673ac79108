"""Fine-grained admin permissions (version 2) as values: permissions, policies, and the facts about a caller that policies read.

Ids are Keycloak's own: a resource of a permission is named by the id of its user, group, client, role or
organization. `None` always means *not known*, never *nothing*.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import Struct, field

USERS, GROUPS, CLIENTS, ROLES, ORGANIZATIONS = "Users", "Groups", "Clients", "Roles", "Organizations"
"""The names of the resource types."""


class Logic(StrEnum):
    """Whether the result of a policy counts, or its opposite."""

    POSITIVE = "POSITIVE"
    NEGATIVE = "NEGATIVE"


class Strategy(StrEnum):
    """How an aggregated policy combines its parts. Permissions themselves are always unanimous."""

    UNANIMOUS = "UNANIMOUS"
    AFFIRMATIVE = "AFFIRMATIVE"
    CONSENSUS = "CONSENSUS"


class Required(Struct, frozen=True, kw_only=True):
    """A role or client scope in a policy. A `required` one has to be present; of the others, one is enough."""

    id: str
    required: bool = False


class GroupMember(Struct, frozen=True, kw_only=True):
    """A group in a policy; with `extend_children` members of the groups below it count, too."""

    id: str
    extend_children: bool = False


class UserCondition(Struct, frozen=True, kw_only=True):
    """Holds for these accounts, by id."""

    users: frozenset[str]


class RoleCondition(Struct, frozen=True, kw_only=True):
    """Holds for callers with these roles. With `fetch_roles`, the account's roles count instead of the token's."""

    roles: tuple[Required, ...]
    fetch_roles: bool = False


class GroupCondition(Struct, frozen=True, kw_only=True):
    """Holds for members of these groups, as in the claim, or otherwise as the account has them."""

    groups: tuple[GroupMember, ...]
    claim: str | None = None


class ClientCondition(Struct, frozen=True, kw_only=True):
    """Holds for tokens issued to these clients, by internal id."""

    clients: frozenset[str]


class ClientScopeCondition(Struct, frozen=True, kw_only=True):
    """Holds for tokens with these client scopes."""

    scopes: tuple[Required, ...]


Span: TypeAlias = tuple[int, int]
"""First and last allowed value of a part of the time."""


class TimeCondition(Struct, frozen=True, kw_only=True):
    """Holds at these times, in the server's own time zone; the spans include both ends."""

    not_before: datetime | None = None
    not_after: datetime | None = None
    day_of_month: Span | None = None
    month: Span | None = None
    year: Span | None = None
    hour: Span | None = None
    minute: Span | None = None


class RegexCondition(Struct, frozen=True, kw_only=True):
    """Holds if a claim of the token (with `context`, an attribute of the request's context) matches the whole pattern."""

    claim: str
    pattern: str
    context: bool = False


class AggregatedCondition(Struct, frozen=True, kw_only=True):
    """Holds if other policies, by id, hold according to the strategy."""

    policies: tuple[str, ...]
    strategy: Strategy


class OpenCondition(Struct, frozen=True, kw_only=True):
    """Cannot be decided here: a script, a type of an extension, or something that could not be read. `why` is for people."""

    type: str
    why: str


Condition: TypeAlias = (
    UserCondition
    | RoleCondition
    | GroupCondition
    | ClientCondition
    | ClientScopeCondition
    | TimeCondition
    | RegexCondition
    | AggregatedCondition
    | OpenCondition
)


class Policy(Struct, frozen=True, kw_only=True):
    """A condition with a name. Its logic can invert the result."""

    id: str
    name: str
    condition: Condition
    logic: Logic = Logic.POSITIVE


class Permission(Struct, frozen=True, kw_only=True):
    """Scopes of a resource type, on some objects or (with no objects named) on all, for callers on whom its policies agree."""

    id: str
    name: str
    type: str
    scopes: frozenset[str]
    objects: frozenset[str] = frozenset()
    policies: tuple[str, ...] = ()
    description: str = ""
    strategy: Strategy = Strategy.UNANIMOUS  # newer versions take no other one for a permission; older ones did

    @property
    def type_wide(self) -> bool:
        """Whether it is about all objects of its type."""
        return not self.objects


class Names(Struct, frozen=True, kw_only=True):
    """Facts about objects that policies name by id. `group_names`: only of groups whose name has a slash, which their path does not tell."""

    group_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    group_paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    client_scope_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class PermissionSet(Struct, frozen=True, kw_only=True):
    """All permissions of a realm with the policies that they use. `complete` is False if some could not be read.

    `unread`: permissions of which the policies are not known. They count only where they would apply.
    """

    permissions: tuple[Permission, ...] = ()
    unread: tuple[Permission, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=lambda: MappingProxyType({}))
    names: Names = Names()
    complete: bool = True


class Identity(Struct, frozen=True, kw_only=True):
    """The caller as policies see them. Roles are ids, including composites.

    `held`: the account's roles. `in_scope`: those in the scope of the token's client (all of them with full scope). `in_token`: those
    in the token. `groups`: paths of the groups that the account is a direct member of. `claims`: the token's, as parsed JSON.
    `service_account`: the account is that of the token's client. `authorization_services`: that client has authorization services. For
    such a service account, and before 26.7 for every one, Keycloak takes the client's internal id for the caller's id
    (`KeycloakIdentity`), and a user policy that names the account has no effect. `users_log_in`: the client can also get tokens of users.
    """

    account_id: str | None = None
    client_id: str | None = None  # internal id of the client that the token was issued to
    held: frozenset[str] | None = None
    in_scope: frozenset[str] | None = None
    full_scope: bool | None = None
    in_token: frozenset[str] | None = None
    groups: tuple[str, ...] | None = None
    claims: Mapping[str, Any] | None = None
    service_account: bool | None = False
    authorization_services: bool | None = False
    users_log_in: bool | None = None


class Object(Struct, frozen=True, kw_only=True):
    """The requested object, or without an id all objects of the type.

    `groups` (of a user): each group that they are a direct member of, with the groups above it, nearest first, by id.
    """

    type: str
    id: str | None = None
    groups: tuple[tuple[str, ...], ...] | None = ()


class Rules(Struct, frozen=True, kw_only=True):
    """Differences between versions. Defaults are those of 26.7."""

    aliases: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType(
            {
                "view": "view-members",
                "manage": "manage-members",
                "impersonate": "impersonate-members",
                "manage-group-membership": "manage-membership-of-members",
            }
        )
    )
    """Scopes of a user that a scope of one of their groups also gives."""
    roles_are_live: bool = True
    """Whether a role policy uses the account's roles within the client's scope. Before 26.7, it uses only the token."""
    service_accounts_are_clients: bool = False
    """Whether policies treat every service account as its client (before 26.7), not only those with authorization services."""
    group_denial_closes_all: bool = False
    """Whether a denying permission on a group removes every scope of its members, not only its own (before 26.4)."""
    child_groups_by_prefix: bool = False
    """Whether `/sales` with its children covers `/sales-eu`, too: the path is compared as text."""
    reset_password: bool = True
    """Whether there is a scope reset-password: before 26.4 only manage resets passwords."""


def rules_for(version: tuple[int, ...]) -> Rules:
    """The rules of a server's version, such as (26, 4, 7)."""
    aliases = dict(Rules().aliases)
    if version < (26, 6):
        del aliases["manage-group-membership"]
    return Rules(
        aliases=MappingProxyType(aliases),
        roles_are_live=version >= (26, 7),
        service_accounts_are_clients=version < (26, 7),
        group_denial_closes_all=version < (26, 4),
        child_groups_by_prefix=version < (26, 6),
        reset_password=version >= (26, 4),
    )
