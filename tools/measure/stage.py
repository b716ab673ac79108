"""A realm with its callers, and scopes of fixture objects that are created when they are first used."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.measure.http import Answer, Body, Server, Unexpected, path_segment

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9.+_-]*)\}")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
SECRET = "fixture-secret"
PASSWORD = "fixture-pass-1"
LIFESPAN_SECONDS = 36000
NOTHING_MORE: Mapping[str, Any] = {}

Builder = Callable[["Scope"], Awaitable[str]]
BUILDERS: dict[str, Builder] = {}


def fixture(*keys: str) -> Callable[[Builder], Builder]:
    """Register the builder of a fixture under its keys."""

    def register(builder: Builder) -> Builder:
        for key in keys:
            BUILDERS[key] = builder
        return builder

    return register


@dataclass(slots=True, kw_only=True)
class Names:
    """Suffixes that never repeat in one run: the normalizer knows their shape (z, five digits of base 36, z)."""

    count: int = 0

    def next(self) -> str:
        """The next suffix."""
        self.count += 1
        number, digits = self.count, ""
        for _ in range(5):
            number, rest = divmod(number, 36)
            digits = DIGITS[rest] + digits
        return f"z{digits}z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A server's version; compares as numbers."""

    text: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """`26.7.4` as (26, 7, 4)."""
        return tuple(int(part) for part in self.text.split("."))

    def since(self, *numbers: int) -> bool:
        """Whether it is at least this version."""
        return self.numbers >= numbers


@dataclass(slots=True, kw_only=True)
class Realm:
    """A realm of the stage with what its fixtures need to know."""

    server: Server
    version: Version
    name: str
    mail_port: int
    names: Names
    features: frozenset[str] = frozenset()
    management_id: str = ""
    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    contains: Mapping[str, frozenset[str]] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whose turn it is to change what the realm has only one of."""
    still: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a caller is made, and while readings are compared: callers are clients and users, too."""

    @property
    def path(self) -> str:
        """Its path in the Admin REST API."""
        return f"/admin/realms/{path_segment(self.name)}"

    async def admin(self, method: str, path: str, value: Any = None, *, query: str = "", body: Body | None = None) -> Answer:
        """A call below the realm as the server's administrator; has to succeed."""
        return await self.server.admin(method, f"{self.path}{path}", value, query=query, body=body)

    async def created(self, path: str, value: Any) -> str:
        """Create by POST and give the id that the Location ends with."""
        answer = await self.admin("POST", path, value)
        if not answer.location:
            raise Unexpected(f"POST {path} named no location")
        return answer.location.rstrip("/").rsplit("/", 1)[1]


@dataclass(slots=True, kw_only=True)
class Scope:
    """Fixture objects that belong together: all names end with one suffix, everything is made when it is first asked for."""

    realm: Realm
    suffix: str
    _values: dict[str, "asyncio.Task[str]"] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    async def get(self, key: str) -> str:
        """The value of a fixture key, built at its first use. `n` is the suffix."""
        if key == "n":
            return self.suffix
        if key in self.facts:
            return self.facts[key]
        known = {"realm": self.realm.name, "mail-port": str(self.realm.mail_port), "server": self.realm.server.base_url}
        if key in known:
            return known[key]
        if key.startswith("management."):
            return str(self.realm.roles[key.removeprefix("management.")]["id"])
        if key not in self._values:
            self._values[key] = asyncio.ensure_future(self._build(key))
        return await self._values[key]

    async def _build(self, key: str) -> str:
        if key in BUILDERS:
            return await BUILDERS[key](self)
        owner = key.rsplit(".", 1)[0]
        if owner in BUILDERS and owner != key:
            await self.get(owner)
            if key in self.facts:
                return self.facts[key]
        raise KeyError(f"no fixture {key}")

    async def fill(self, value: Any) -> Any:
        """The value with every `{key}` in its strings replaced by the fixture's value."""
        if isinstance(value, str):
            return await self.fill_text(value)
        if isinstance(value, Mapping):
            return {await self.fill_text(key): await self.fill(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [await self.fill(item) for item in value]
        return value

    async def fill_text(self, text: str, *, encode: bool = False) -> str:
        """The text with its placeholders replaced, percent-encoded for a path if asked to."""
        parts: list[str] = []
        at = 0
        for match in PLACEHOLDER.finditer(text):
            value = await self.get(match[1])
            parts += [text[at : match.start()], path_segment(value) if encode else value]
            at = match.end()
        return "".join([*parts, text[at:]])

    async def admin(self, method: str, path: str, value: Any = None) -> Answer:
        """A call below the realm as administrator, placeholders replaced in path and value."""
        return await self.realm.admin(
            method, await self.fill_text(path, encode=True), await self.fill(value) if value is not None else None
        )

    async def make(self, path: str, value: Any) -> str:
        """Create by POST, placeholders replaced; the new id."""
        return await self.realm.created(await self.fill_text(path, encode=True), await self.fill(value))


def realm_representation(name: str, mail_port: int) -> dict[str, Any]:
    """A realm for measuring: cheap passwords, long sessions and tokens, mail to the sink, two languages."""
    return {
        "realm": name,
        "enabled": True,
        "sslRequired": "none",
        "displayName": "before",
        "accessTokenLifespan": LIFESPAN_SECONDS,
        "ssoSessionMaxLifespan": 2 * LIFESPAN_SECONDS,
        "ssoSessionIdleTimeout": 2 * LIFESPAN_SECONDS,
        "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
        "smtpServer": {
            "host": "localhost",
            "port": str(mail_port),
            "from": "stage@localhost",
            "auth": "false",
            "ssl": "false",
            "starttls": "false",
        },
        "internationalizationEnabled": True,
        "supportedLocales": ["de", "en"],
        "defaultLocale": "en",
        "bruteForceProtected": False,
        "resetPasswordAllowed": True,
    }


async def new_realm(
    server: Server,
    version: Version,
    name: str,
    *,
    mail_port: int,
    names: Names,
    features: frozenset[str],
    more: Mapping[str, Any] = NOTHING_MORE,
) -> Realm:
    """Create a realm, with more in its representation if need be, and learn the roles of its realm-management."""
    await server.admin("POST", "/admin/realms", {**realm_representation(name, mail_port), **more})
    await server.relogin("admin", "admin")
    realm = Realm(server=server, version=version, name=name, mail_port=mail_port, names=names, features=features)
    if version.since(26) or "organization:v1" in features:
        await realm.admin("PUT", "", {"organizationsEnabled": True})
    (client,) = (await realm.admin("GET", "/clients", query="clientId=realm-management")).body
    realm.management_id = client["id"]
    realm.roles, realm.contains = await roles_of(server, realm.path, client["id"])
    return realm


async def roles_of(server: Server, realm_path: str, client_id: str) -> tuple[dict[str, Any], dict[str, frozenset[str]]]:
    """The roles of a client, and for each what it contains of the same client, transitively."""
    found = (await server.admin("GET", f"{realm_path}/clients/{client_id}/roles")).body
    roles = {role["name"]: {"id": role["id"], "name": role["name"]} for role in found}
    direct: dict[str, set[str]] = {}
    for name, role in roles.items():
        inner = (await server.admin("GET", f"{realm_path}/roles-by-id/{role['id']}/composites")).body
        direct[name] = {item["name"] for item in inner if item.get("containerId") == client_id}
    return roles, {name: _transitive(name, direct) for name in roles}


def _transitive(name: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    held: set[str] = set()
    waiting = list(direct.get(name, ()))
    while waiting:
        inner = waiting.pop()
        if inner not in held:
            held.add(inner)
            waiting.extend(direct.get(inner, ()))
    return frozenset(held - {name})
