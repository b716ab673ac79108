"""Calls that list objects: which object stands for the list, so that a ``query-`` role and a permission on it are named before one for all.

What the request's filter finds is for operators. Callers are shown an object only if a permission lets them have it, and the filter makes no difference:
otherwise the explanation would say whether an object with this name exists.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from kcproxy.catalog.permissions import ObjectPlace, PermissionNeed, TermSet
from kcproxy.permissions.decide import Outcome, decide
from kcproxy.permissions.facts import Item, Listed, PermissionFacts
from kcproxy.permissions.model import GROUPS, USERS, Object
from kcproxy.permissions.policies import Situation

_MOST_OBJECTS = 3


def items_of_list(need: PermissionNeed | None, facts: PermissionFacts, situation: Situation, *, for_operator: bool) -> tuple[Item, ...]:
    """The objects of the list that the call has to show, each as an item; none if it cannot be said which."""
    listed = _place(need, facts)
    if need is None or listed is None:
        return ()
    place, found = listed
    scopes = _scopes(need, place)
    held = [each for each in found.held if _has(each, scopes, situation)]
    if not for_operator or found.named is None:
        return _each(place, held[:1]) or _members(place, scopes, situation)
    shown = [each for each in found.named if _has(each, scopes, situation)]
    return _each(place, shown[:1] or found.named) or (Item(beside=frozenset({place})),)


def _members(place: ObjectPlace, scopes: set[str], situation: Situation) -> tuple[Item, ...]:
    """Nothing is missing on the side of the objects if a permission on a group lets the caller have its members."""
    aliases = {situation.rules.aliases.get(scope, "") for scope in scopes} - {""}
    groups = [each for each in situation.permissions.permissions if each.type == GROUPS and each.scopes & aliases]
    given = (
        _has(Object(type=GROUPS, id=identifier), aliases, situation)
        for each in groups
        for identifier in sorted(each.objects)[:_MOST_OBJECTS]
    )
    return (Item(beside=frozenset({place})),) if place.type == USERS and any(given) else ()


def useful(need: PermissionNeed, facts: PermissionFacts, situation: Situation) -> PermissionNeed:
    """The need without roles that by themselves get another value, such as a count of 0. They are kept for callers whom a permission lets have an object."""
    if any(place.listed for place in need.objects.values()) or _holds_one(need, facts, situation):
        return need
    shows = tuple(terms for terms in need.levels.shows if not _is_reduced(terms, need)) or need.levels.shows
    if shows == need.levels.shows:
        return need
    return replace(need, levels=replace(need.levels, shows=shows))


def _is_reduced(terms: TermSet, need: PermissionNeed) -> bool:
    return not any(term.type for term in terms) and "+".join(term.role for term in terms) in need.reduced


def _holds_one(need: PermissionNeed, facts: PermissionFacts, situation: Situation) -> bool:
    wide = {(term.type, term.scope) for terms in need.levels.shows for term in terms if term.type and not term.object}
    return any(
        decide(Object(type=each.type, id=identifier), scope, situation).outcome is Outcome.GRANTED
        for each in facts.permissions.permissions
        for type_name, scope in wide
        if each.type == type_name and scope in each.scopes
        for identifier in sorted(each.objects)[:_MOST_OBJECTS]
    )


def _place(need: PermissionNeed | None, facts: PermissionFacts) -> tuple[ObjectPlace, Listed] | None:
    places = {place for place in need.objects.values() if place.listed and place in facts.listed} if need else set()
    return next(((place, facts.listed[place]) for place in places), None) if len(places) == 1 else None


def _scopes(need: PermissionNeed, place: ObjectPlace) -> set[str]:
    keys = {key for key, known in need.objects.items() if known == place}
    return {term.scope for terms in need.opening for term in terms if term.object in keys}


def _has(asked: Object, scopes: set[str], situation: Situation) -> bool:
    return bool(scopes) and all(decide(asked, scope, situation).outcome is Outcome.GRANTED for scope in scopes)


def _each(place: ObjectPlace, objects: Sequence[Object]) -> tuple[Item, ...]:
    return tuple(Item(objects={place: each}) for each in objects)
