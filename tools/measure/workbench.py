"""Attempts at one operation: each starts with an equal state, and an administrator reads the state afterwards."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tools.measure.callers import Callers, Kind
from tools.measure.http import Answer, Body
from tools.measure.judge import Seen, normalised
from tools.measure.recipes import ALONE, READING_POSTS, RULES, VIEWS
from tools.measure.sets import RoleSet
from tools.measure.spec import REALM_PREFIX, Operation, Place, Spec, path_template
from tools.measure.stage import Realm, Scope

ADMIN_PATHS = "/admin/"
TRIES_AFTER_SERVER_ERROR = 2
ENDS_OWN_SESSION = "/impersonation"
"""A person who impersonates someone of their own realm is logged out by it: their token gets 401 afterwards."""


@dataclass(slots=True, kw_only=True)
class Stand:
    """A realm with its callers and the fixtures that all readings share."""

    realm: Realm
    callers: Callers
    shared: Scope
    remembered: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Stage:
    """The stands of one server."""

    read: Stand
    objects: Stand
    alone: Stand
    realm_maker: Any
    """Makes a stand with a realm of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, filled in; path and query are encoded already."""

    method: str
    path: str
    query: str
    body: Body | None
    accept: str


Sender = Callable[[Stand, Request], Awaitable[Answer]]
"""Makes a call in the realm of a stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    stand: Stand
    scope: Scope


@dataclass(slots=True, kw_only=True)
class Workbench:
    """Everything for attempts at one operation called in one way."""

    operation: Operation
    spec: Spec
    stage: Stage
    attempts: int = 0
    last: Answer | None = None
    _spare: _Bench | None = None

    @property
    def place(self) -> Place:
        """Where it is tried."""
        return place_of(self.operation, self.spec)

    @property
    def kind(self) -> Kind:
        """What callers of the realm itself are."""
        return Kind.CONSOLE if self.spec.console else Kind.SERVICE_ACCOUNT

    async def attempt(self, roles: RoleSet, kind: Kind | None = None) -> Seen:
        """One attempt by the caller with these roles; a 5xx is tried again on fresh fixtures, for it may be the database's."""
        kind = kind or self.kind
        seen = await self._once(roles, kind)
        for _ in range(TRIES_AFTER_SERVER_ERROR):
            if seen.status < 500:
                break
            await asyncio.sleep(0.2)
            seen = await self._once(roles, kind)
        return seen

    async def _once(self, roles: RoleSet, kind: Kind) -> Seen:
        async def by_caller(stand: Stand, request: Request) -> Answer:
            token = await stand.callers.token(roles, kind)
            server = stand.realm.server
            answer = await server.call(
                request.method, request.path, token=token, query=request.query, body=request.body, accept=request.accept
            )
            if kind is Kind.HUMAN and answer.succeeded and self.operation.path.endswith(ENDS_OWN_SESSION):
                stand.callers.spent(roles, kind)
            return answer

        return await self.attempt_by(by_caller)

    async def attempt_by(self, send: Sender) -> Seen:
        """One attempt made by `send`, on fixtures that no success has met."""
        bench = self._spare or await self._prepared()
        self._spare = None
        request = Request(
            method=self.operation.method,
            path=await self._path(bench.scope),
            query=await bench.scope.fill_text(self.spec.query, encode=True),
            body=await self.spec.body(bench.scope),
            accept=self.spec.accept,
        )
        answer = await send(bench.stand, request)
        self.attempts += 1
        self.last = answer
        if answer.status == 403 or self.place is Place.READ:
            self._spare = bench
        body = None if self.spec.ignore_body else normalised(answer.body)
        if not answer.succeeded:
            return Seen(status=answer.status, body=body)
        after = None if self.place is Place.READ else await self._after(bench, answer)
        await self._left(bench)
        return Seen(status=answer.status, body=body, after=after)

    async def _path(self, scope: Scope) -> str:
        template = path_template(self.operation, self.spec, RULES)
        return await scope.fill_text(template, encode=True)

    async def _prepared(self) -> _Bench:
        bench = await self._bench()
        for need in self.spec.needs:
            await bench.scope.get(need)
        await self._path(bench.scope)
        await self.spec.body(bench.scope)
        for method, path, value in self.spec.before:
            await _step(bench, method, path, value)
        return bench

    async def _bench(self) -> _Bench:
        if self.place is Place.READ:
            return _Bench(stand=self.stage.read, scope=self.stage.read.shared)
        if self.place is Place.REALM:
            stand = await self.stage.realm_maker()
        else:
            stand = self.stage.alone if self.place is Place.ALONE else self.stage.objects
        return _Bench(stand=stand, scope=Scope(realm=stand.realm, suffix=stand.realm.names.next()))

    async def _after(self, bench: _Bench, answer: Answer) -> dict[str, Any]:
        realm = bench.stand.realm
        seen: dict[str, Any] = {}
        for view in views_of(self.operation, self.spec):
            path, _, query = (await bench.scope.fill_text(view, encode=True)).partition("?")
            found = await realm.server.ask("GET", path.replace("~", realm.path, 1), query=query)
            seen[_view_name(view)] = [found.status, normalised(found.body)]
        path = urlsplit(answer.location).path
        if path.startswith(ADMIN_PATHS):
            found = await realm.server.ask("GET", path)
            seen["what was made"] = [found.status, normalised(found.body)]
        return seen

    async def _left(self, bench: _Bench) -> None:
        """Take away what would weigh on later attempts: realms."""
        for method, path, value in self.spec.leaves:
            await _step(bench, method, path, value)
        if self.place is Place.REALM:
            await bench.stand.callers.forget()
            await bench.stand.realm.server.ask("DELETE", bench.stand.realm.path)
        if self.operation.path == "/admin/realms" and self.operation.method == "POST":
            await bench.stand.realm.server.ask("DELETE", f"/admin/realms/new-{bench.scope.suffix}")


def place_of(operation: Operation, spec: Spec) -> Place:
    """Where an operation is tried, if its spec does not say so."""
    if spec.place is not None:
        return spec.place
    if operation.method == "GET" or operation.short in READING_POSTS:
        return Place.READ
    return Place.ALONE if re.search(ALONE, operation.short) else Place.OBJECTS


def views_of(operation: Operation, spec: Spec) -> tuple[str, ...]:
    """The states that show the effect of a change."""
    if spec.see is not None:
        return spec.see
    return next((views for pattern, views in VIEWS.items() if re.search(pattern, operation.short)), ())


def _view_name(view: str) -> str:
    return re.sub(r"[~{}]", "", view.partition("?")[0]).strip("/") or "realm"


async def _step(bench: _Bench, method: str, path: str, value: Any) -> None:
    realm, scope = bench.stand.realm, bench.scope
    below = await scope.fill_text(path, encode=True)
    target = below.replace("~", realm.path, 1)
    if method == "CLEAR" and path.endswith("groups"):
        for item in (await realm.server.admin("GET", target)).body:
            await realm.server.admin("DELETE", f"{target}/{item['id']}")
    elif method == "CLEAR":
        await realm.server.ask("DELETE", target)
    elif method == "REGISTER":
        await realm.server.ask("POST", f"{realm.path}/authentication/register-required-action", {"providerId": path, "name": value})
    elif method == "RESTORE":
        if target not in bench.stand.remembered:
            bench.stand.remembered[target] = (await realm.server.admin("GET", target)).body
        await realm.server.admin("PUT", target, bench.stand.remembered[target])
    else:
        await realm.server.admin(method, target, await scope.fill(value) if value is not None else None)


def is_below_realm(operation: Operation) -> bool:
    """Whether the operation belongs to one realm."""
    return operation.path.startswith(REALM_PREFIX)
