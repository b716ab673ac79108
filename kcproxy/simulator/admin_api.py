"""From an admin request to its response: caller, realm, catalog, handler, in Keycloak's order."""

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.match import Matcher
from kcproxy.catalog.paths import segments_of
from kcproxy.model import Basis, Operation, Requirement, Target
from kcproxy.simulator.admin import PLAYS
from kcproxy.simulator.call import Call, NotPlayed, Play, Refusal, Reply
from kcproxy.simulator.callers import Principal, admin_roles, authenticate, master_realm_roles
from kcproxy.simulator.permission import Outcome, hides_existence, judge, thinned, with_realm_admin
from kcproxy.simulator.state import MASTER, Realm
from kcproxy.simulator.world import World

_METHODS = ("GET", "POST", "PUT", "DELETE")
_PARAMETER = re.compile(r"\{[^}]*\}")
_UNKNOWN = Requirement(any_of=(), admits=(), least=None, basis=Basis.UNKNOWN, keycloak="")


class AdminRequest(Struct, frozen=True, kw_only=True):
    """One request below ``/admin``. ``base_url`` is the server's address as the caller wrote it, including the base path."""

    method: str
    raw_path: str
    query: Mapping[str, tuple[str, ...]]
    authorization: str | None
    content_type: str | None
    body: bytes
    base_url: str
    now_seconds: float

    @property
    def wanted_method(self) -> str:
        """HEAD is handled as GET."""
        return "GET" if self.method == "HEAD" else self.method

    def json(self) -> Any:
        """The parsed body; None if there is none. Refusal 415 or 400 in Keycloak's words."""
        if not self.body:
            return None
        if "json" not in (self.content_type or ""):
            raise Refusal(415, "The content-type header value did not match the value in @Consumes")
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, "invalid_request", description="Cannot parse the JSON") from error


class AdminApi:
    """The Admin REST API of one world, with the refusals of one catalog."""

    def __init__(self, catalog: Catalog, world: World, *, base_path: str) -> None:
        """Compile the implemented templates."""
        self._catalog = catalog
        self._world = world
        self._base_path = base_path
        self._played = Matcher(_as_entry(name) for name in PLAYS)

    def answer(self, request: AdminRequest) -> Reply:
        """The response, or Refusal, or NotPlayed."""
        if request.method == "HEAD" and not self._world.dialect.live_grants:
            raise Refusal(405, "HTTP 405 Method Not Allowed")
        target = self._catalog.target(request.wanted_method, request.raw_path, base_path=self._base_path, content_type=request.content_type)
        found = self._find(request.wanted_method, request.raw_path) if target.operation is None else _played(target)
        if found is None and target.operation is None:
            raise self._no_such_path(request.raw_path)
        principal = authenticate(self._world, request.authorization, request.base_url, request.now_seconds)
        name, values = found or (None, ())
        realm = self._realm(target, values if name and name.count("{}") else ())
        call = self._call(request, principal, realm, tuple(values[1:]))
        return self._judged(request, target, call, principal, PLAYS[name] if name else None)

    def _find(self, method: str, raw_path: str) -> tuple[str, tuple[str, ...]] | None:
        segments = segments_of(raw_path, self._base_path)
        match = self._played.find(method, segments) if segments is not None else None
        if match is None:
            return None
        entry, parameters = match
        return entry.operation.handler, tuple(parameters.values())

    def _no_such_path(self, raw_path: str) -> Refusal:
        known = any(
            self._find(method, raw_path) or self._catalog.target(method, raw_path, base_path=self._base_path).operation
            for method in _METHODS
        )
        return Refusal(405, "HTTP 405 Method Not Allowed") if known else Refusal(404, "HTTP 404 Not Found")

    def _realm(self, target: Target, values: tuple[str, ...]) -> Realm | None:
        name = values[0] if values else target.realm
        if name is None:
            return None
        if name not in self._world.realms:
            raise Refusal(404, "Realm not found.")
        return self._world.realms[name]

    def _call(self, request: AdminRequest, principal: Principal, realm: Realm | None, values: tuple[str, ...]) -> Call:
        roles = admin_roles(self._world, principal, realm)
        return Call(
            world=self._world,
            realm=realm or principal.realm,
            values=values,
            query=request.query,
            body=None,
            roles=with_realm_admin(self._catalog, roles) if principal.realm.name == MASTER else roles,
            now_seconds=request.now_seconds,
        )

    def _judged(self, request: AdminRequest, target: Target, call: Call, principal: Principal, play: Play | None) -> Reply:
        body = request.json()
        master = principal.realm.name == MASTER
        requirement = self._catalog.requirement(target, query=request.query, body=body, master=master)
        outcome = judge(self._catalog, requirement, call.roles, master_realm_roles(self._world, principal))
        if outcome is Outcome.REFUSED:
            raise self._refusal(target, replace(call, body=body), requirement or _UNKNOWN)
        if play is None:
            raise NotPlayed(f"{request.method} {target.operation.path if target.operation else request.raw_path}")
        if outcome is Outcome.REDUCED and request.wanted_method != "GET":
            raise NotPlayed(f"{request.method} for a caller who may do only a part of it")
        reply = play(replace(call, body=body))
        if outcome is Outcome.REDUCED:
            reply = replace(reply, json=thinned(self._catalog, requirement or _UNKNOWN, call.roles, reply.json))
        return reply

    def _refusal(self, target: Target, call: Call, requirement: Requirement) -> Refusal:
        """403, or 404 if the object does not exist and the caller may know that."""
        kinds = {"{user-id}": call.user, "{group-id}": call.group, "{client-uuid}": call.client}
        path = target.operation.path if target.operation else ""
        named = next((find for name, find in kinds.items() if name in path), None)
        if named is not None and call.values and not hides_existence(target, call.roles):
            try:
                named()
            except Refusal as missing:
                return missing
        return Refusal(requirement.refusal_status, "HTTP 403 Forbidden")


def _played(target: Target) -> tuple[str, tuple[str, ...]] | None:
    """The handler of an operation in the catalog, by the template of the catalog."""
    name = f"{target.operation.method} {_PARAMETER.sub('{}', target.operation.path)}" if target.operation else ""
    return (name, tuple(target.parameters.values())) if name in PLAYS else None


def _as_entry(name: str) -> Entry:
    """A template as an entry for the matcher. Its parameters are named by position."""
    method, _, path = name.partition(" ")
    numbers = iter(range(9))
    template = "/admin/realms/{realm}/group-by-path/{path}" if "group-by-path" in path else _numbered(path, numbers)
    return Entry(operation=Operation(method=method, path=template, handler=name), requirement=_UNKNOWN)


def _numbered(path: str, numbers: Any) -> str:
    return _PARAMETER.sub(lambda _: f"{{p{next(numbers)}}}", path)
