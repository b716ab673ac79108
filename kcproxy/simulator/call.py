"""Input and output of a handler of the Admin REST API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from msgspec import Struct, field

from kcproxy.simulator.state import Client, Group, Realm, Role, User
from kcproxy.simulator.world import World


class Reply(Struct, frozen=True, kw_only=True):
    """A response. Without ``json`` it has no body. ``at`` is the path of the created object below ``/admin/realms/``, for ``Location``."""

    status: int
    json: Any = None
    at: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """Keycloak's own error. ``message`` becomes ``errorMessage``, with Keycloak's text."""

    def __init__(self, status: int, error: str | None = None, *, message: str | None = None, description: str | None = None) -> None:
        """One of the two texts is set. 26.x sends ``description``; 24.x only refers to its log."""
        super().__init__(error or message or str(status))
        self.status = status
        self.error = error
        self.message = message
        self.description = description


class NotPlayed(Exception):
    """A function of Keycloak that the simulator does not implement. The text names it."""


class Call(Struct, frozen=True, kw_only=True):
    """One allowed request. ``values`` are the path's parameters after the realm; ``roles`` are the caller's, including composites."""

    world: World
    realm: Realm
    values: Sequence[str]
    query: Mapping[str, tuple[str, ...]]
    body: Any
    roles: frozenset[str]
    now_seconds: float

    def created(self, path: str, *names: str) -> str:
        """The path of a new object for ``Location``, with quoted names."""
        return "/".join([quote(self.realm.name, safe=""), path, *(quote(name, safe="") for name in names)])

    def one(self, name: str, default: str = "") -> str:
        """A query parameter's first value."""
        return self.query.get(name, (default,))[0]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean query parameter."""
        return self.one(name, str(default)).lower() == "true"

    def page(self, items: Sequence[Any]) -> list[Any]:
        """The items between ``first`` and ``max``; -1 means no limit."""
        first, most = max(int(self.one("first", "0") or 0), 0), int(self.one("max", "-1") or -1)
        return list(items[first : first + most] if most >= 0 else items[first:])

    def fields(self) -> Mapping[str, Any]:
        """The JSON object that was sent."""
        if not isinstance(self.body, dict):
            raise Refusal(400, "invalid_request")
        return self.body

    def items(self) -> list[Mapping[str, Any]]:
        """The JSON list of objects that was sent."""
        if not isinstance(self.body, list) or not all(isinstance(item, dict) for item in self.body):
            raise Refusal(400, "invalid_request")
        return self.body

    def user(self, position: int = 0) -> User:
        """The user that the path names."""
        user = self.realm.users.get(self.values[position])
        if user is None:
            raise Refusal(404, "User not found")
        return user

    def client(self, position: int = 0) -> Client:
        """The client that the path names by its id."""
        client = self.realm.clients.get(self.values[position])
        if client is None:
            raise Refusal(404, "Could not find client")
        return client

    def group(self, position: int = 0) -> Group:
        """The group that the path names."""
        group = self.realm.group(self.values[position])
        if group is None:
            raise Refusal(404, "Could not find group by id")
        return group

    def named_roles(self) -> list[Role]:
        """The roles in a body of role representations. A missing one leads to a 404."""
        by_id = {role.id: role for role in self.realm.all_roles()}
        found = [by_id.get(str(item.get("id"))) for item in self.items()]
        if None in found:
            raise Refusal(404, "Role not found")
        return [role for role in found if role is not None]


Play: TypeAlias = Callable[[Call], Reply]

NO_CONTENT = Reply(status=204)


def listed(value: Any) -> Reply:
    """200 with JSON."""
    return Reply(status=200, json=value)
