"""The table of situations: what one is, how it gets into the table, and the steps that many of them share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from devkit.lab import Attempt, Lab
from kcproxy.model import Cause

Build = Callable[[Lab], Awaitable[Attempt]]

NEW, OLD, MIDDLE = "26.7.5", "24.0.5", "26.4.7"
ALL = (NEW, OLD, MIDDLE)
READ_FROM_TOKEN = (OLD, MIDDLE)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """``truth`` is what the steps make true. ``sure``: confidence with look-ups. ``fixed``: the first fix's commands make it pass."""

    id: str
    says: str
    build: Build
    truth: Cause
    sure: str = "certain"
    versions: tuple[str, ...] = ALL
    fixed: bool = False
    status: int = 403


SITUATIONS: list[Situation] = []


def situation(
    id: str,  # noqa: A002 - the word of the table
    says: str,
    truth: Cause,
    *,
    sure: str = "certain",
    versions: tuple[str, ...] = ALL,
    fixed: bool = False,
    status: int = 403,
) -> Callable[[Build], Build]:
    """Enter a build into the table."""

    def enter(build: Build) -> Build:
        SITUATIONS.append(Situation(id=id, says=says, build=build, truth=truth, sure=sure, versions=versions, fixed=fixed, status=status))
        return build

    return enter


async def holding(lab: Lab, *roles: str, method: str = "GET", path: str, json: Any = None, **client: Any) -> Attempt:
    """A service account that holds these roles calls."""
    caller = await lab.make_client(**client)
    await lab.grant(caller, *roles)
    path = f"/admin/realms/{lab.realm}{path}"
    return Attempt(method=method, path=path, token=await lab.token(caller), client=caller, json=json)


async def user_holding(lab: Lab, *roles: str, path: str, method: str = "GET") -> Attempt:
    caller = await lab.make_client()
    name = f"user-{caller.client_id}"
    await lab.grant(caller, *roles, to=await lab.make_user(name))
    path = f"/admin/realms/{lab.realm}{path}"
    return Attempt(method=method, path=path, token=await lab.token(caller, user=name), client=caller, user=name)


async def let_inspector_look(lab: Lab, realm: str) -> None:
    if lab.inspector is not None:
        await lab.allow_inspector(lab.inspector, realm)
