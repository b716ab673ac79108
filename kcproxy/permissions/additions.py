"""Finds the smallest addition that allows a refused request. Each proposal is decided again before it is made."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.permissions.alone import is_alone_in_client, names_only_caller, only_caller
from kcproxy.permissions.decide import Decision, Outcome, applicable, decide
from kcproxy.permissions.model import USERS, Object, Permission, Policy, UserCondition
from kcproxy.permissions.policies import Effect, Situation, acts_as_client, judge

_NEW = "new"
MOST = 20
"""The maximum number of proposed changes, because each proposal is decided again."""


class AdditionKind(StrEnum):
    """Ways to change permissions so that the decision changes."""

    ADD_SCOPE = "add-scope"  # to a permission that names the object and grants the caller other scopes
    ADD_OBJECT = "add-object"  # to a permission that grants the caller the scope on other objects
    NEW_PERMISSION = "new-permission"  # for this object, this scope and this caller alone
    CHANGE_DENIAL = "change-denial"  # a permission removes the scope, and no addition can help


class Addition(Struct, frozen=True, kw_only=True):
    """One change. `permission` is the permission to change; None for a new one.

    `opens_more`: whether it allows the caller more than requested. `for_others`: whether it also affects other callers, whom the
    permission's policies name or may name. `policy`: an existing policy that names only this caller, for a new permission.
    `takes`: permissions that give others what was requested; these others lose it, unless the changed or new permission permits them, too.
    """

    kind: AdditionKind
    asked: Object
    scope: str
    permission: Permission | None = None
    opens_more: bool = False
    for_others: bool = False
    policy: Policy | None = None
    takes: tuple[Permission, ...] = ()


def additions(decision: Decision, situation: Situation) -> tuple[Addition, ...]:
    """All changes that allow the request, the smallest first: those that allow least, then those that affect no other caller, then existing ones.

    Empty if the decision is not a refusal. If only a denial prevents it, the denying permissions are named.
    """
    if decision.outcome not in (Outcome.MISSING, Outcome.DENIED):
        return ()
    proposals = [*islice(_changed(decision, situation), MOST), _new(decision, situation)]
    working = [addition for addition in proposals if _grants(addition, situation)]
    if working:
        return tuple(sorted(working, key=_reach))
    return tuple(
        Addition(kind=AdditionKind.CHANGE_DENIAL, asked=decision.asked, scope=decision.scope, permission=each.permission, for_others=True)
        for each in decision.denying
    )


def _reach(addition: Addition) -> tuple[bool, bool, bool]:
    """A new permission that others get only through the caller's own client comes before one that is shared with anybody."""
    return addition.opens_more, addition.for_others, addition.for_others and addition.permission is not None


def _changed(decision: Decision, situation: Situation) -> Iterator[Addition]:
    asked, scope = decision.asked, decision.scope
    for permission in situation.permissions.permissions:
        if permission.type != asked.type or not _grants_caller(permission, situation):
            continue
        named = asked.id in permission.objects if asked.id else permission.type_wide
        shared = not only_caller(permission, situation)
        if named and scope not in permission.scopes:
            yield Addition(
                kind=AdditionKind.ADD_SCOPE,
                asked=asked,
                scope=scope,
                permission=permission,
                opens_more=len(permission.objects) > 1,
                for_others=shared,
                takes=_taken(decision, permission, situation),
            )
        elif not named and asked.id and not permission.type_wide and scope in permission.scopes:
            yield Addition(
                kind=AdditionKind.ADD_OBJECT,
                asked=asked,
                scope=scope,
                permission=permission,
                opens_more=permission.scopes != {scope},
                for_others=shared,
                takes=_taken(decision, permission, situation),
            )


def _grants_caller(permission: Permission, situation: Situation) -> bool:
    return bool(permission.policies) and all(judge(policy, situation).effect is Effect.PERMIT for policy in permission.policies)


def _new(decision: Decision, situation: Situation) -> Addition:
    policies = situation.permissions.policies.values()
    own = next((policy for policy in policies if names_only_caller(policy, situation)), None)
    by_client = acts_as_client(situation.identity, situation.rules) is not False
    return Addition(
        kind=AdditionKind.NEW_PERMISSION,
        asked=decision.asked,
        scope=decision.scope,
        for_others=own is None and by_client and not is_alone_in_client(situation.identity),
        policy=own,
        takes=_taken(decision, None, situation),
    )


def _taken(decision: Decision, changed: Permission | None, situation: Situation) -> tuple[Permission, ...]:
    """Permissions that give the scope on the object to others, too. A permission that names the object denies it to everybody whom it does not permit."""
    alias = situation.rules.aliases.get(decision.scope) if decision.asked.type == USERS else None
    if decision.asked.id is None:
        return ()
    return tuple(
        each
        for level in applicable(decision.asked, situation)
        for each in level
        if each is not changed
        and each.policies
        and ((each.type == decision.asked.type and decision.scope in each.scopes) or (alias is not None and alias in each.scopes))
        and not only_caller(each, situation)
    )


def _grants(addition: Addition, situation: Situation) -> bool:
    """Whether the decision is positive with the change."""
    changed = tuple(_applied(addition, situation))
    known = replace(situation.permissions, permissions=changed, policies={**situation.permissions.policies, _NEW: _FOR_CALLER})
    after = replace(situation, permissions=known, given=frozenset({_NEW}))
    return decide(addition.asked, addition.scope, after).outcome is Outcome.GRANTED


_FOR_CALLER = Policy(id=_NEW, name=_NEW, condition=UserCondition(users=frozenset()))


def _applied(addition: Addition, situation: Situation) -> Iterator[Permission]:
    for permission in situation.permissions.permissions:
        if permission is not addition.permission:
            yield permission
        elif addition.kind is AdditionKind.ADD_SCOPE:
            yield replace(permission, scopes=permission.scopes | {addition.scope})
        elif addition.asked.id is not None:
            yield replace(permission, objects=permission.objects | {addition.asked.id})
    if addition.permission is None:
        objects = frozenset({addition.asked.id}) if addition.asked.id else frozenset[str]()
        yield Permission(
            id=_NEW,
            name=_NEW,
            type=addition.asked.type,
            scopes=frozenset({addition.scope}),
            objects=objects,
            policies=(_NEW,),
        )
