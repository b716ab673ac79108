"""One call of the loop: refused and explained, refused without each scope of the first fix, let in with it, refused for other objects."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devkit.lab import Lab
from devkit.servers import Events
from kcproxy.keycloak.lookup_client import VOLATILE_SECONDS
from kcproxy.model import Explanation, Fix
from tools.measure.http import Unexpected
from tools.measure.judge import Outcome, Seen, judge
from tools.measure.run import Task, why
from tools.measure.trial import Undetermined
from tools.measure.variants import ADMIN_ROLE_VARIANT
from tools.permissions.loop.bench import LoopBench, RealmPermissions
from tools.permissions.loop.results import Kind, Result
from tools.permissions.objects import objects_of
from tools.permissions.trial import ONLY_ONE, SERVER_ERROR

MISSING = "fine-grained-permission-missing"
PROTECTED_CLIENT = "protected-client"
REFUSED = (401, 403)
HIDDEN = (403, 404)


class Wrong(Exception):
    """A step gave something else than expected. The message says what."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One call on one worker. ``events``: what the worker's proxy observed. ``lab`` runs the commands."""

    task: Task
    bench: LoopBench
    lab: Lab
    events: Events
    _found: dict[str, Any] = field(default_factory=dict)
    _granted: tuple[str, tuple[str, ...]] = ("", ())
    """The account and the roles that the first fix grants beside permissions, such as one that lets query."""

    async def result(self) -> Result:
        """The result; a step that goes wrong is one too."""
        try:
            kind, reason = await self._closed_loop()
        except Wrong as error:
            kind, reason = Kind.FAILED, str(error)
        except (Unexpected, Undetermined, KeyError, AssertionError) as error:
            kind, reason = Kind.FAILED, why(error, self.bench.last) if not isinstance(error, AssertionError) else str(error)[:500]
        finally:
            self.bench.forget_new_token()
            if self.bench.stand is not None:
                permissions = await self._permissions()
                await permissions.take_back(*self._granted)
                await permissions.clear()
                await asyncio.sleep(2 * VOLATILE_SECONDS)  # the proxy may still know the permissions of this call
        return Result(name=name_of(self.task), kind=kind, reason=reason, **self._found)

    async def _closed_loop(self) -> tuple[Kind, str]:
        base = await self.bench.as_administrator()
        first = await self.bench.call()
        if first.status not in REFUSED:
            return Kind.LET_IN, f"{first.status} without permissions"
        explanation = self.events.denials[-1]
        fix = self._first_fix(explanation)
        if fix is None:
            return Kind.ROLE, explanation.fixes[0].summary if explanation.fixes else "no fix"
        self._granted = (f"service-account-{explanation.caller.client_id}", fix.roles)
        await self.lab.carry_out_by_curl(list(fix.curl))
        if fix.roles:
            await self.bench.fetch_new_token(explanation.caller.client_id or "")
        needless = await self._needless_scope(base)
        if needless and self.task.spec.variant:
            return Kind.OTHER, f"opened by the first fix of the plain call; in this case less is enough: {needless} is not needed"
        if needless:
            raise Wrong(f"not least: let in without {needless}")
        return await self._fixed(base, fix)

    async def _fixed(self, base: Seen, fix: Fix) -> tuple[Kind, str]:
        """The call after the fix, and the same call for other objects."""
        seen = await self.bench.call()
        again = judge(base, seen)
        if seen.status >= SERVER_ERROR:
            return Kind.OTHER, f"the call is let in after the first fix, and Keycloak answers {seen.status}"
        if not base.succeeded and seen.status == base.status:
            return Kind.OTHER, f"after the first fix the same as for realm-admin: {seen.status}"
        if again.outcome is Outcome.REFUSED and self._found["confidence"] != "certain":
            return Kind.OTHER, f"not certain, and the first fix was not enough: {fix.summary}"
        if again.outcome is Outcome.REFUSED:
            raise Wrong(f"after {fix.summary}: {again.status}; then {self.events.denials[-1].summary}")
        await self._others_stay_closed()
        return Kind.FIXED, "" if again.outcome is Outcome.FULL else f"reduced: {again.missing}"

    def _first_fix(self, explanation: Explanation) -> Fix | None:
        verdict = explanation.verdict
        if self._is_about_admin_roles and verdict.cause.value == "role-missing":
            return None  # a permission for this would be a way to any role
        if verdict.cause.value != MISSING:
            raise Wrong(f"explained as {verdict.cause.value} {verdict.confidence.value}: {explanation.summary}")
        self._found["confidence"] = verdict.confidence.value
        fix = next(iter(explanation.fixes), None)
        makes_permission = fix is not None and any("/authz/" in line for line in fix.curl)
        return fix if makes_permission else None

    @property
    def _is_about_admin_roles(self) -> bool:
        """Whether the call grants admin roles, or changes the client that owns them."""
        spec = self.task.spec
        changes_owner = spec.when.get("target") == PROTECTED_CLIENT and self.task.operation.method != "GET"
        return spec.variant.startswith(ADMIN_ROLE_VARIANT) or changes_owner

    async def _permissions(self) -> RealmPermissions:
        stand = self.bench.stand
        if stand is None:
            raise Wrong("no call was made")
        return RealmPermissions(stand, await self.bench.permissions_of(stand))

    async def _needless_scope(self, base: Seen) -> str:
        """Take each scope away, and give it back: the call has to be refused, or to give less. Returns the first scope that is not needed."""
        permissions = await self._permissions()
        made = await permissions.all()
        self._found["permissions"] = tuple(f"{item['name']}" for item in made)
        if not made:
            raise Wrong("the fix made no permission")
        for item in made:
            for scope in item["scopes"]:
                await permissions.replace(item, [each for each in item["scopes"] if each != scope])
                seen = await self.bench.call()
                if not _is_refused(seen) and judge(base, seen).outcome is Outcome.FULL:
                    return f"{scope} of the permission {item['name']}"
                await permissions.replace(item, item["scopes"])
                self._found["scopes"] = self._found.get("scopes", 0) + 1
        return ""

    async def _others_stay_closed(self) -> None:
        """Unless a permission is for all objects, because nothing less opens the call, or there is only one object of the kind.

        With a role that lets query, other lists are let in, too, and show nothing.
        """
        if self._granted[1]:
            return
        made = await (await self._permissions()).all()
        if not all(_names_objects(item) for item in made) or {*objects_of(self.task.operation, self.task.spec)} & {*ONLY_ONE}:
            return
        seen = await self.bench.call_on_others()
        if not _is_refused(seen):
            raise Wrong(f"other objects are open too: {seen.status}")
        self._found["control"] = True


def name_of(task: Task) -> str:
    """Method, path, and how the call differs from the plain one."""
    return " ".join(filter(None, (task.operation.method, task.operation.path, task.spec.says or task.spec.variant)))


def _is_refused(seen: Seen) -> bool:
    return seen.status in HIDDEN


def _names_objects(item: Mapping[str, Any]) -> bool:
    return bool(item.get("resources"))
