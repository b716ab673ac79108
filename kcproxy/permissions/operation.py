"""The decision for a complete operation: which of its alternatives the caller's permissions satisfy, and what the nearest one lacks."""

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.catalog.permissions import Levels, PermissionNeed, Term, TermSet
from kcproxy.permissions.additions import Addition, additions
from kcproxy.permissions.decide import MANAGE, RESET_PASSWORD, Decision, Outcome, decide
from kcproxy.permissions.model import CLIENTS, GROUPS, USERS, Object
from kcproxy.permissions.policies import Effect, Situation, rests_on_token

QUERY = "query-"
MAP_ROLES = "map-roles"
"""The beginning of scopes of clients that stand for all roles of a client."""

MEMBERS = "members"
"""A part of the scopes of groups that are about all of a group's members."""


class Level(StrEnum):
    """The required completeness of the response."""

    ADMITS = "admits"
    SHOWS = "shows"
    FULL = "any_of"


class Reach(IntEnum):
    """How much a term opens."""

    ONE = 1  # one object; a role that only lets query lists shows nothing by itself
    PART = 2  # the members of a group, the roles of a client
    ALL = 3  # all objects of a type; every other role


class TermDecision(Struct, frozen=True, kw_only=True):
    """One term of an alternative. A role has no decision; `outcome` is MISSING if it is not held and OPEN if that is not known.

    `by_server`: the evaluator left it open, and the outcome is what `policy/evaluate` says.
    """

    term: Term
    outcome: Outcome
    decision: Decision | None = None
    by_server: bool = False

    @property
    def is_unaddressed(self) -> bool:
        """Whether the term is about an object that could not be found."""
        return self.decision is None and not self.term.role


class OperationDecision(Struct, frozen=True, kw_only=True):
    """Whether permissions allow the call. `alternative`: the satisfied one, or the one that lacks least."""

    outcome: Outcome
    alternative: tuple[TermDecision, ...] = ()
    alternatives: tuple[tuple[TermDecision, ...], ...] = ()

    @property
    def lacking(self) -> tuple[TermDecision, ...]:
        """The terms of the alternative that are not granted."""
        return tuple(each for each in self.alternative if each.outcome is not Outcome.GRANTED)


def decide_operation(
    need: PermissionNeed, objects: Mapping[str, Object], roles: frozenset[str] | None, situation: Situation, level: Level = Level.SHOWS
) -> OperationDecision:
    """Decide a requirement of the permission table.

    `objects`: the operation's objects by key, resolved to ids; a key that is absent could not be resolved. `roles`: the roles of
    realm-management that count for the caller, composites resolved; None if they are not known.
    """
    if need.undetermined is not None:
        return OperationDecision(outcome=Outcome.OPEN)
    sets = _sets(need, roles, level)
    named = tuple(dict.fromkeys(term for terms in sets for term in terms if term.object in objects and _is_named(need, term)))
    alternatives = tuple(_decided(terms, named, objects, roles, situation) for terms in sets)
    if not alternatives:
        return OperationDecision(outcome=Outcome.MISSING)
    nearest = min(alternatives, key=_nearness)
    return OperationDecision(outcome=_outcome(nearest, alternatives), alternative=nearest, alternatives=alternatives)


def settled(decision: OperationDecision, server: Mapping[tuple[str, str, str], bool], situation: Situation) -> OperationDecision:
    """The decision with what the server's own evaluation says of terms that are open, by resource type, ID of the object ("" for all), scope.

    It evaluates the roles of the account and a token of its own, so it does not settle what rests on the caller's token.
    """
    if decision.outcome is not Outcome.OPEN:
        return decision
    alternatives = tuple(tuple(_settled(each, server, situation) for each in alternative) for alternative in decision.alternatives)
    if not alternatives:
        return decision
    nearest = min(alternatives, key=_nearness)
    return OperationDecision(outcome=_outcome(nearest, alternatives), alternative=nearest, alternatives=alternatives)


def _settled(each: TermDecision, server: Mapping[tuple[str, str, str], bool], situation: Situation) -> TermDecision:
    if each.outcome is not Outcome.OPEN or each.decision is None or _rests_on_token(each.decision, situation):
        return each
    says = server.get((each.decision.asked.type, each.decision.asked.id or "", each.decision.scope))
    if says is None:
        return each
    if not says and each.decision.if_refused is not None:
        return replace(each, outcome=Outcome.DENIED, decision=each.decision.if_refused, by_server=True)
    return replace(each, outcome=Outcome.GRANTED if says else Outcome.MISSING, by_server=True)


def _rests_on_token(decision: Decision, situation: Situation) -> bool:
    open_ones = (each.permission for each in decision.considered if each.effect is Effect.OPEN)
    return any(rests_on_token(policy, situation) for permission in open_ones for policy in permission.policies)


def together(decisions: Sequence[OperationDecision]) -> OperationDecision:
    """The decision for a call that needs all of these, such as one for each item of a list. A part that several need counts once."""
    if len(decisions) == 1:
        return decisions[0]
    parts = {_part(each): each for decision in decisions for each in decision.alternative}
    outcomes = {decision.outcome for decision in decisions}
    worst = next(each for each in (Outcome.DENIED, Outcome.MISSING, Outcome.OPEN, Outcome.GRANTED) if each in outcomes)
    alternative = tuple(parts.values())
    return OperationDecision(outcome=worst, alternative=alternative, alternatives=(alternative,))


def _part(each: TermDecision) -> tuple[str, ...]:
    if each.decision is None:
        return tuple(each.term)
    return (each.decision.asked.type, each.decision.asked.id or "", each.decision.scope)


def operation_additions(decision: OperationDecision, situation: Situation) -> tuple[tuple[Addition, ...], ...]:
    """For each permission that the nearest alternative lacks, the changes that grant it. All of them are needed."""
    return tuple(_additions(each, each.decision, situation) for each in decision.lacking if each.decision is not None)


def _additions(each: TermDecision, decision: Decision, situation: Situation) -> tuple[Addition, ...]:
    """What grants a term. If the server says that it is refused and some permissions or groups could not be read: as if these did not matter."""
    if not each.by_server or decision.outcome is Outcome.DENIED:
        return additions(decision, situation)
    known = replace(situation, permissions=replace(situation.permissions, unread=(), complete=True))
    asked = replace(decision.asked, groups=()) if decision.asked.groups is None else decision.asked
    return additions(decide(asked, decision.scope, known), known)


def _sets(need: PermissionNeed, roles: frozenset[str] | None, level: Level) -> Sequence[TermSet]:
    """The alternatives without those that count only if no permission has the scope reset-password: `decide` handles that."""
    queries = roles is not None and any(role.startswith(QUERY) for role in roles)
    levels: Levels = need.with_query_role if queries and need.with_query_role is not None else need.levels
    sets: Sequence[TermSet] = getattr(levels, level.value)
    resets = {term.object for terms in sets for term in terms if (term.type, term.scope) == (USERS, RESET_PASSWORD)}
    return [terms for terms in sets if not any((term.type, term.scope) == (USERS, MANAGE) and term.object in resets for term in terms)]


def _is_named(need: PermissionNeed, term: Term) -> bool:
    """Whether the term is about an object that the request names, not about one that it lists."""
    place = need.objects.get(term.object)
    return place is None or not (place.listed or place.related)


def _decided(
    terms: TermSet, named: TermSet, objects: Mapping[str, Object], roles: frozenset[str] | None, situation: Situation
) -> tuple[TermDecision, ...]:
    """The terms; and where a permission for all objects gives one, what takes the same scope from an object that the request names.

    `named`: the terms of all alternatives about such objects.
    """
    decided = tuple(_term(term, objects, roles, situation) for term in terms)
    wide = {(each.term.type, each.term.scope) for each in decided if not each.term.object and each.outcome is Outcome.GRANTED}
    also = (_term(term, objects, roles, situation) for term in named if (term.type, term.scope) in wide and term not in terms)
    return (*decided, *(each for each in also if each.outcome is Outcome.DENIED))


def _term(term: Term, objects: Mapping[str, Object], roles: frozenset[str] | None, situation: Situation) -> TermDecision:
    if term.role:
        held = Outcome.OPEN if roles is None else Outcome.GRANTED if term.role in roles else Outcome.MISSING
        return TermDecision(term=term, outcome=held)
    asked = objects.get(term.object) if term.object else Object(type=term.type)
    if asked is None:
        return TermDecision(term=term, outcome=Outcome.OPEN)
    decision = decide(asked, term.scope, situation)
    return TermDecision(term=term, outcome=decision.outcome, decision=decision)


def _nearness(alternative: tuple[TermDecision, ...]) -> tuple[int, tuple[Reach, ...], int, int]:
    """What can be granted comes first, then what opens least: the widest of the lacking terms counts first, then their number."""
    lacking = (each for each in alternative if each.outcome is not Outcome.GRANTED)
    reach = sorted((_reach(each.term) for each in lacking), reverse=True)
    return (sum(each.is_unaddressed for each in alternative), tuple(reach), *_distance(alternative))


def _reach(term: Term) -> Reach:
    if not term.object:
        return Reach.ONE if term.role.startswith(QUERY) else Reach.ALL
    is_part = term.scope.startswith(MAP_ROLES) if term.type == CLIENTS else term.type == GROUPS and MEMBERS in term.scope
    return Reach.PART if is_part else Reach.ONE


def _distance(alternative: tuple[TermDecision, ...]) -> tuple[int, int]:
    refused = sum(each.outcome in (Outcome.MISSING, Outcome.DENIED) for each in alternative)
    return refused, sum(each.outcome is Outcome.OPEN for each in alternative)


def _outcome(nearest: tuple[TermDecision, ...], alternatives: Sequence[tuple[TermDecision, ...]]) -> Outcome:
    if all(each.outcome is Outcome.GRANTED for each in nearest):
        return Outcome.GRANTED
    if any(_distance(each)[0] == 0 for each in alternatives):
        return Outcome.OPEN
    return Outcome.DENIED if any(each.outcome is Outcome.DENIED for each in nearest) else Outcome.MISSING
