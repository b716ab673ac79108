"""The decision: may the caller use a scope on an object? Which permission grants it, which denies it, which is missing?

The order of evaluation follows `FGAPPolicyEvaluator`, `UserResourceTypePolicyEvaluator`, `FGAPEvaluation` and
`DecisionPermissionCollector` of Keycloak 26.2 to 26.7, and was compared with real servers (docs/permissions-evaluation.md):

1. Permissions on the object itself; for a user then those on each group of theirs and the groups above it, then those on all groups;
   last those on all objects of the type. A permission without policies is ignored.
2. A granting permission gives its own scopes. One on a group gives its members the corresponding scope.
3. A denying permission removes its own scopes from the object that it names. One on all objects removes *every* scope that no
   permission on the object itself gives. One on a group removes the corresponding scope, and scopes of the same name.
4. A scope that is granted and not removed is allowed.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.permissions.model import GROUPS, USERS, Object, Permission
from kcproxy.permissions.policies import Effect, Judgement, Situation, agrees, judge

MANAGE, RESET_PASSWORD = "manage", "reset-password"
MOST_OPEN = 6
"""Up to this number of undecided permissions, every combination is tried. With more, the decision is open."""


class Outcome(StrEnum):
    """The outcome of a decision."""

    GRANTED = "granted"
    DENIED = "denied"  # a permission removes the scope
    MISSING = "missing"  # no permission grants it, and none removes it
    OPEN = "open"  # a fact is not known


class Considered(Struct, frozen=True, kw_only=True):
    """A permission that matters for the decision, and the result of its policies for the caller."""

    permission: Permission
    effect: Effect
    denying: tuple[str, ...] = ()
    """Names of the policies that deny."""
    undecided: tuple[str, ...] = ()
    """Names of the policies that are open."""
    why: tuple[str, ...] = ()


class Decision(Struct, frozen=True, kw_only=True):
    """The decision for one scope, with the permissions that decide it."""

    asked: Object
    scope: str
    outcome: Outcome
    granting: tuple[Considered, ...] = ()
    denying: tuple[Considered, ...] = ()
    considered: tuple[Considered, ...] = ()
    why: tuple[str, ...] = ()
    """The facts that are missing, if it is open."""
    if_refused: "Decision | None" = None
    """If only one permission makes it open: the decision for the case that the scope is refused, which another source may know."""


def decide(asked: Object, scope: str, situation: Situation) -> Decision:
    """Whether the caller has the scope on the object. `manage` includes resetting a password, unless a permission has that scope."""
    if asked.type != USERS or scope != RESET_PASSWORD:
        return _decided(asked, scope, situation)
    if not situation.rules.reset_password:
        return _decided(asked, MANAGE, situation)
    own = _decided(asked, RESET_PASSWORD, situation)
    speaks_of_it = any(RESET_PASSWORD in considered.permission.scopes for considered in own.considered)
    if own.outcome is Outcome.GRANTED or speaks_of_it:
        return own
    instead = _decided(asked, MANAGE, situation)
    # Where neither is given, the lesser scope is what is missing.
    return instead if instead.outcome in (Outcome.GRANTED, Outcome.OPEN) else own


def _decided(asked: Object, scope: str, situation: Situation) -> Decision:
    known: dict[str, Judgement] = {}
    levels = [_considered(level, situation, known) for level in applicable(asked, situation)]
    considered = tuple(each for level in levels for each in level)
    decision = Decision(asked=asked, scope=scope, outcome=Outcome.OPEN, considered=considered)
    unknown = tuple(_unknown(asked, scope, situation))
    if unknown:
        # Unread permissions make no difference: nothing outweighs a denial on the object itself.
        denying = tuple(
            each
            for each in considered
            if each.effect is Effect.DENY and asked.id in each.permission.objects and scope in each.permission.scopes
        )
        return replace(decision, outcome=Outcome.DENIED, denying=denying) if denying else replace(decision, why=unknown)
    open_ones = [each for each in considered if each.effect is Effect.OPEN]
    why = tuple(dict.fromkeys(why for each in open_ones for why in each.why))
    if len(open_ones) > MOST_OPEN:
        return replace(decision, why=why)
    worlds = [_World(asked, scope, situation).of(levels_of) for levels_of in _worlds(levels, open_ones)]
    outcomes = {world.outcome for world in worlds}
    if Outcome.GRANTED in outcomes and len(outcomes) > 1:
        why = why or ("permissions on all groups contradict each other, and the server's order decides",)
        return replace(decision, why=why, if_refused=_refused(decision, worlds) if len(open_ones) == 1 else None)
    outcome = outcomes.pop() if len(outcomes) == 1 else Outcome.MISSING
    return replace(decision, outcome=outcome, granting=worlds[0].granting, denying=worlds[0].denying)


def _refused(decision: Decision, worlds: Sequence["_World"]) -> Decision | None:
    denied = next((world for world in worlds if world.outcome is Outcome.DENIED), None)
    if denied is None:
        return None
    denying = tuple(replace(each, denying=each.denying or each.undecided) for each in denied.denying)
    return replace(decision, outcome=Outcome.DENIED, denying=denying)


def applicable(asked: Object, situation: Situation) -> list[list[Permission]]:
    """The relevant permissions, level by level. Within a level, the server's order is not known."""
    every = situation.permissions.permissions
    wide = [each for each in every if each.type_wide and each.type == asked.type]
    if asked.id is None:
        return [wide]
    levels = [[each for each in every if asked.id in each.objects]]
    if asked.type == USERS and asked.groups:
        groups = dict.fromkeys(group for chain in asked.groups for group in chain)
        levels += [[each for each in every if group in each.objects] for group in groups]
        levels.append([each for each in every if each.type_wide and each.type == GROUPS])
    return _once([*levels, wide])


def unread_for(asked: Object, situation: Situation) -> list[Permission]:
    """The relevant permissions of which the policies are not known."""
    unread = replace(situation.permissions, permissions=situation.permissions.unread)
    return [permission for level in applicable(asked, replace(situation, permissions=unread)) for permission in level]


def _once(levels: list[list[Permission]]) -> list[list[Permission]]:
    """Remove repeated permissions: one can name a user's group and the group above it."""
    seen: set[str] = set()
    result = []
    for level in levels:
        result.append([each for each in level if each.id not in seen])
        seen.update(each.id for each in level)
    return result


def _unknown(asked: Object, scope: str, situation: Situation) -> Iterator[str]:
    if not situation.permissions.complete or any(unread_for(asked, situation)):
        yield "not all permissions could be read"
    if asked.type == USERS and asked.id is not None and asked.groups is None:
        alias = situation.rules.aliases.get(scope)
        every = (*situation.permissions.permissions, *situation.permissions.unread)
        on_groups = [each for each in every if each.type == GROUPS]
        if any(alias in each.scopes or scope in each.scopes or situation.rules.group_denial_closes_all for each in on_groups):
            yield "the groups of the user"


def _considered(level: Sequence[Permission], situation: Situation, known: dict[str, Judgement]) -> list[Considered]:
    return [_effect(permission, situation, known) for permission in level if permission.policies]


def _effect(permission: Permission, situation: Situation, known: dict[str, Judgement]) -> Considered:
    """The combined result of a permission's policies."""
    parts = [(policy, judge(policy, situation, known)) for policy in permission.policies]
    permits = sum(part.effect is Effect.PERMIT for _, part in parts)
    maybe = sum(part.effect is Effect.OPEN for _, part in parts)
    least, most = (agrees(permission.strategy, count, len(parts)) for count in (permits, permits + maybe))
    effect = (Effect.PERMIT if least else Effect.DENY) if least == most else Effect.OPEN
    return Considered(
        permission=permission,
        effect=effect,
        denying=tuple(_policy_name(policy, situation) for policy, part in parts if part.effect is Effect.DENY),
        undecided=tuple(_policy_name(policy, situation) for policy, part in parts if part.effect is Effect.OPEN),
        why=_whys(part for _, part in parts),
    )


def _whys(parts: Iterator[Judgement]) -> tuple[str, ...]:
    return tuple(why for part in parts for why in part.why)


def _policy_name(policy: str, situation: Situation) -> str:
    known = situation.permissions.policies.get(policy)
    return known.name if known else policy


def _worlds(levels: list[list[Considered]], open_ones: list[Considered]) -> Iterator[list[Considered]]:
    """All results that the open permissions can have, and within a level both orders: granting first, denying first."""
    for effects in product((Effect.PERMIT, Effect.DENY), repeat=len(open_ones)):
        settled = dict(zip((each.permission.id for each in open_ones), effects, strict=True))
        turned = [[replace(each, effect=settled.get(each.permission.id, each.effect)) for each in level] for level in levels]
        for first in (Effect.PERMIT, Effect.DENY):
            yield [each for level in turned for each in _first(first, level)]


def _first(effect: Effect, level: Sequence[Considered]) -> list[Considered]:
    return [each for each in level if each.effect is effect] + [each for each in level if each.effect is not effect]


class _World:
    """One evaluation in which every permission grants or denies."""

    def __init__(self, asked: Object, scope: str, situation: Situation) -> None:
        self._asked, self._scope, self._rules = asked, scope, situation.rules
        self._alias = self._rules.aliases.get(scope) if asked.type == USERS else None
        self.granting: tuple[Considered, ...] = ()
        self.denying: tuple[Considered, ...] = ()

    @property
    def outcome(self) -> Outcome:
        if self.denying:
            return Outcome.DENIED
        return Outcome.GRANTED if self.granting else Outcome.MISSING

    def of(self, considered: Sequence[Considered]) -> "_World":
        for each in considered:
            if each.effect is Effect.PERMIT and self._gives(each.permission):
                self.granting += (each,)
            elif each.effect is Effect.DENY and self._takes(each.permission):
                self.denying += (each,)
        return self

    def _gives(self, permission: Permission) -> bool:
        own = permission.type == self._asked.type and self._scope in permission.scopes
        return own or (self._alias is not None and self._alias in permission.scopes)

    def _takes(self, permission: Permission) -> bool:
        if self._names_what_is_asked(permission):
            return self._scope in permission.scopes
        if not permission.type_wide:
            return self._rules.group_denial_closes_all or self._scope in permission.scopes or self._alias in permission.scopes
        if permission.type == self._asked.type:
            return not any(self._asked.id in each.permission.objects for each in self.granting)
        return self._alias in permission.scopes and not self.granting

    def _names_what_is_asked(self, permission: Permission) -> bool:
        if self._asked.id is None:
            return permission.type_wide and permission.type == self._asked.type
        return self._asked.id in permission.objects
