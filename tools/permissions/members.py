"""What a permission on a group opens about its members: operations on a user, called once more for a user who is in a group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tools.measure.run import Task
from tools.measure.spec import Place
from tools.permissions.terms import is_role, term_of

RESET_PASSWORD = "reset-password"
MEMBER, MEMBER_BELOW = "member", "member-below"
IN_CHILD: tuple[tuple[str, str, Any], ...] = (("PUT", "~/users/{user}/groups/{child}", {}),)
OPERATIONS = (
    "GET ~/users/{user-id}",
    "PUT ~/users/{user-id}",
    "PUT ~/users/{user-id}/reset-password",
    "POST ~/users/{user-id}/impersonation",
    "POST ~/users/{user-id}/role-mappings/realm",
    "PUT ~/users/{user-id}/groups/{groupId}",
)
"""One operation for each scope of a user."""


def tasks_on_members(tasks: Iterable[Task]) -> list[Task]:
    """The trials, from the plain ones."""
    plain = {f"{task.operation.method} {task.operation.short}": task for task in tasks if not task.spec.variant}
    found = [_member(plain[name]) for name in OPERATIONS if name in plain]
    return [*found, _member_below(plain[OPERATIONS[0]])] if OPERATIONS[0] in plain else found


def _member(task: Task) -> Task:
    joining = task.operation.path.endswith("{groupId}")
    variables = {**task.spec.variables, **({"groupId": "{other-group}"} if joining else {})}
    spec = replace(
        task.spec,
        variant=MEMBER,
        says="when the user is a member of a group",
        when={"target": "group-member"},
        variables=variables,
        needs=(*task.spec.needs, "user+group"),
        see=() if joining else task.spec.see,
        place=Place.OBJECTS,  # with a user of its own: the shared one is in several groups
    )
    return replace(task, spec=spec)


def _member_below(task: Task) -> Task:
    spec = replace(
        task.spec,
        variant=MEMBER_BELOW,
        says="when the user is a member of a group below a group",
        when={"target": "group-member-below"},
        before=IN_CHILD,
        needs=("child",),
        place=Place.OBJECTS,
    )
    return replace(task, spec=spec)


def through_groups(found: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Scope of a user → scopes of their group that stand for it, from finished trials by `METHOD ~/path`."""
    result: dict[str, set[str]] = {}
    for entry in found.values():
        if "anyOf" in entry:
            for scope, alias in _pairs([frozenset(terms) for terms in entry["admits"]]):
                result.setdefault(f"Users.{scope}", set()).add(f"Groups.{alias}")
    return {scope: sorted(aliases) for scope, aliases in sorted(result.items())}


def _pairs(sets: Sequence[frozenset[str]]) -> Iterable[tuple[str, str]]:
    """Two sets that differ in one term only, of a user here and of their group there."""
    for one in sets:
        for other in sets:
            mine, theirs = one - other, other - one
            if len(mine) == len(theirs) == 1 and not any(map(is_role, mine | theirs)):
                user, group = term_of(next(iter(mine))), term_of(next(iter(theirs)))
                if user.scope == RESET_PASSWORD:  # had by way of manage, which a group's scope stands for
                    continue
                if (user.type, user.target, group.type) == ("Users", "user", "Groups") and group.target in ("group", "child"):
                    yield user.scope, group.scope
