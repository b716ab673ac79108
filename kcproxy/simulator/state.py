"""The state of the simulator: realms and their objects. Plain mutable records; ids are UUIDs as in Keycloak."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from kcproxy.simulator.keys import RealmKeys

MASTER = "master"
REALM_MANAGEMENT = "realm-management"
REALM_ADMIN = "realm-admin"
LIGHTWEIGHT_CLIENTS = ("admin-cli", "security-admin-console")


def new_id() -> str:
    """A random UUID as text."""
    return str(uuid.uuid4())


@dataclass(slots=True, kw_only=True, eq=False)
class Role:
    """A realm role, or a client role where ``client`` is set. ``composites`` are the roles directly in it."""

    name: str
    container_id: str
    client: "Client | None" = None
    description: str | None = None
    id: str = field(default_factory=new_id)
    composites: list["Role"] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """A group; ``path`` follows from its parents."""

    name: str
    parent: "Group | None" = None
    id: str = field(default_factory=new_id)
    children: list["Group"] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """``/parent/child``."""
        return f"{self.parent.path if self.parent else ''}/{self.name}"

    def family(self) -> Iterator["Group"]:
        """The group itself and all below it."""
        yield self
        for child in self.children:
            yield from child.family()


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """A user; ``service_account_of`` is the client's id if it is a service account. Tokens from before ``not_before_seconds`` are void."""

    username: str
    created_milliseconds: int
    id: str = field(default_factory=new_id)
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    email_verified: bool = False
    enabled: bool = True
    required_actions: list[str] = field(default_factory=list)
    password: str | None = None
    password_id: str = field(default_factory=new_id)
    password_milliseconds: int = 0
    roles: list[Role] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    service_account_of: str | None = None
    not_before_seconds: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """A client; ``fields`` are more members of its representation as they were sent."""

    client_id: str
    id: str = field(default_factory=new_id)
    public: bool = False
    bearer_only: bool = False
    enabled: bool = True
    service_accounts: bool = False
    standard_flow: bool = True
    direct_access: bool = False
    full_scope: bool = True
    secret: str | None = None
    secret_seconds: int = 0
    built_in: bool = False
    roles: dict[str, Role] = field(default_factory=dict)
    scope: list[Role] = field(default_factory=list)
    fields: dict[str, object] = field(default_factory=dict)


class Session(Struct, frozen=True, kw_only=True):
    """A user's login; service accounts have none."""

    id: str
    user: User
    client: Client
    started_milliseconds: int
    address: str


@dataclass(slots=True, kw_only=True, eq=False)
class Realm:
    """A realm with its keys."""

    name: str
    id: str = field(default_factory=new_id)
    enabled: bool = True
    keys: RealmKeys = field(default_factory=RealmKeys)
    token_seconds: int = 300
    fields: dict[str, object] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    default_groups: list[Group] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def default_role(self) -> Role:
        """The composite that every new user gets."""
        return self.roles[f"default-roles-{self.name.lower()}"]

    def client(self, client_id: str) -> Client | None:
        """By its ``clientId``."""
        return next((client for client in self.clients.values() if client.client_id == client_id), None)

    def user(self, username: str) -> User | None:
        """By its username, which Keycloak stores in lower case."""
        return next((user for user in self.users.values() if user.username == username.lower()), None)

    def group(self, group_id: str) -> Group | None:
        """By its id, at any depth."""
        return next((group for group in self.all_groups() if group.id == group_id), None)

    def all_groups(self) -> Iterator[Group]:
        """Every group at any depth."""
        for group in self.groups:
            yield from group.family()

    def all_roles(self) -> Iterator[Role]:
        """Realm roles, then every client's."""
        yield from self.roles.values()
        for client in self.clients.values():
            yield from client.roles.values()

    def service_account(self, client: Client) -> User | None:
        """The user behind a client, where service accounts are on."""
        return next((user for user in self.users.values() if user.service_account_of == client.id), None)


def closure(roles: Iterable[Role]) -> list[Role]:
    """The roles and all that they contain, each once, nearest first."""
    found: dict[str, Role] = {}
    waiting = list(roles)
    while waiting:
        role = waiting.pop(0)
        if role.id not in found:
            found[role.id] = role
            waiting.extend(role.composites)
    return list(found.values())


def effective_roles(user: User) -> list[Role]:
    """The roles of a user: their own, those of their groups and parent groups, and all contained roles."""
    granted = list(user.roles)
    for group in user.groups:
        ancestor: Group | None = group
        while ancestor is not None:
            granted.extend(ancestor.roles)
            ancestor = ancestor.parent
    return closure(granted)


def in_scope(client: Client, roles: Iterable[Role]) -> list[Role]:
    """The roles in the client's scope: all of them, or its scope mappings and its own roles."""
    if client.full_scope:
        return list(roles)
    open_roles = {role.id for role in closure([*client.scope, *client.roles.values()])}
    return [role for role in roles if role.id in open_roles]
