"""Attempts at one operation by a caller who has permissions instead of roles."""

from collections.abc import Mapping
from typing import Any

from tools.measure.callers import Kind
from tools.measure.http import Answer
from tools.measure.judge import Seen
from tools.measure.sets import RoleSet
from tools.measure.spec import Operation, Place, Spec
from tools.measure.stage import Realm, Scope
from tools.measure.trial import REALM_ADMIN
from tools.measure.workbench import Request, Stage, Stand, Workbench
from tools.permissions.granted import TokenResponse, caller_and_permissions
from tools.permissions.terms import roles_of


class PermissionBench(Workbench):
    """A workbench whose attempts take terms (see terms.py) where the one for roles takes roles.

    `elsewhere` names objects of which the permissions mean another one than the request does.
    """

    def __init__(self, *, operation: Operation, spec: Spec, stage: Stage, granted: dict[str, TokenResponse]) -> None:
        """Keep the permissions of each realm, by its name."""
        super().__init__(operation=operation, spec=spec, stage=stage)
        self._granted = granted
        self._scope_in_use: Scope | None = None
        self._control: dict[str, Scope] = {}
        self.elsewhere: frozenset[str] = frozenset()

    async def _prepared(self) -> Any:
        bench = await Workbench._prepared(self)  # noqa: SLF001 - the base class's step, which says whose fixtures are used
        self._scope_in_use = bench.scope
        return bench

    async def attempt(self, roles: RoleSet, kind: Kind | None = None) -> Seen:
        """One attempt; a 5xx is a response like others, for some refusals are one."""
        if REALM_ADMIN in roles:
            return await Workbench.attempt(self, roles, kind)
        return await self._once(roles, kind or self.kind)

    async def _once(self, roles: RoleSet, kind: Kind) -> Seen:
        if REALM_ADMIN in roles:
            return await Workbench._once(self, roles, kind)  # noqa: SLF001 - the base class's step

        async def send(stand: Stand, request: Request) -> Answer:
            granted = await self._of(stand)
            token = await caller_and_permissions(granted, roles, self._object)
            server = stand.realm.server
            answer = await server.call(
                request.method, request.path, token=token, query=request.query, body=request.body, accept=request.accept
            )
            if answer.succeeded and self.place is not Place.READ:
                granted.forget()
            return answer

        # What a caller who may query does not see is cached by the server, and so is what others see: no fixtures are used twice then.
        fresh = bool(roles_of(roles)) and self.place is not Place.READ
        if fresh:
            self._spare = None
        seen = await self.attempt_by(send)
        if fresh:
            self._spare = None
        return seen

    async def _of(self, stand: Stand) -> TokenResponse:
        name = stand.realm.name
        if name not in self._granted:
            self._granted[name] = TokenResponse(stand=stand)
            await self._granted[name].switch_on()
        return self._granted[name]

    async def _object(self, key: str) -> str:
        if self._scope_in_use is None:
            raise RuntimeError("an object is asked for before there are fixtures")
        scope = self.control(self._scope_in_use.realm) if key in self.elsewhere else self._scope_in_use
        return await scope.get(key)

    def control(self, realm: Realm) -> Scope:
        """The fixtures that the request does not name."""
        if realm.name not in self._control:
            self._control[realm.name] = Scope(realm=realm, suffix=realm.names.next())
        return self._control[realm.name]

    async def make_controls(self, objects: Mapping[str, str]) -> None:
        """Make the other objects before anything is read: they are in the same lists."""
        realm = (self.stage.read if self.place is Place.READ else self.stage.objects).realm
        for key in objects:
            await self.control(realm).get(key)
