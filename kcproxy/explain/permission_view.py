"""The decision of permissions for one refused call, as an operator may see it and as its caller may (``visible_permissions``)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.catalog.permissions import Levels, PermissionNeed, Term, TermSet, permission_entry
from kcproxy.explain.context import REALM_MANAGEMENT, Context
from kcproxy.explain.evidence import admin_roles_in
from kcproxy.explain.permission_lists import items_of_list, useful
from kcproxy.explain.permission_needs import permission_need
from kcproxy.explain.targets import asks_for_realm_roles
from kcproxy.explain.visible_permissions import VisiblePermissions, stands_for, visible_permissions
from kcproxy.permissions.decide import Outcome
from kcproxy.permissions.facts import Item, PermissionFacts
from kcproxy.permissions.model import Object, rules_for
from kcproxy.permissions.operation import Level, OperationDecision, TermDecision, decide_operation, settled, together
from kcproxy.permissions.policies import Situation

_REFUSED = (Outcome.MISSING, Outcome.DENIED)
_CLIENT_IN_PATH = "client-uuid"


class View(Struct, frozen=True, kw_only=True):
    """``decision`` has the alternative that lacks least. ``certain``: nothing in it rests on what was not measured or on what is hidden.

    ``differs``: the terms for which Keycloak's own evaluation says otherwise. ``facts``: those that the reader may see; their labels are the
    names of objects. ``names``: whether permissions of others are among them. ``denied_by_others``: all that the caller can see grants the call.
    """

    decision: OperationDecision
    situation: Situation
    facts: PermissionFacts
    certain: bool
    differs: tuple[TermDecision, ...]
    visible: VisiblePermissions
    names: bool
    denied_by_others: bool = False
    untold: bool = False
    """Whether the call lists objects and it is not said which, so that a query role and permissions on some of them may be enough."""
    full: bool = False
    """Whether permissions give the full response, not only a part of it."""


def permission_decision(context: Context) -> View | None:
    """What permissions say of the call, granted or not; None if nothing was looked up, or if they do not matter for it."""
    return _judged(context)


def permission_outcome(context: Context) -> Outcome | None:
    """Whether permissions allow the call, as far as was looked up; None if nothing was, or if they do not matter for it."""
    judged = _judged(context)
    return None if judged is None else judged.decision.outcome


def permission_view(context: Context) -> View | None:
    """The decision if look-ups found the permissions of the realm, and the call is refused by them. None otherwise."""
    judged = _judged(context)
    return judged if judged is not None and judged.decision.outcome in _REFUSED else None


class _Row(NamedTuple):
    """What the call needs about one item of the list in its body, or if there is none about everything, and the objects of that by key."""

    need: PermissionNeed
    objects: Mapping[str, Object]


def _judged(context: Context) -> View | None:
    facts = context.facts.permissions
    if not isinstance(facts, PermissionFacts) or admin_roles_in(context):
        return None
    every = Situation(identity=facts.identity, permissions=facts.permissions, rules=rules_for(context.version), about=facts.now_utc)
    view = _seen(context, visible_permissions(context, facts, every, _counting(context)))
    if view is None or context.for_operator or view.decision.outcome is not Outcome.GRANTED:
        return view
    return _denied_by_others(context, view, VisiblePermissions(facts=facts, situation=every))


def _denied_by_others(context: Context, view: View, whole: VisiblePermissions) -> View:
    """Keycloak refused what the permissions of the caller give, so that they see themselves that another one denies it.

    If they may not view the objects, that there is no such object explains it as well, and the same is said of both.
    """
    if view.visible.every_object:
        full = _seen(context, whole)
        if full is None or full.decision.outcome not in _REFUSED:  # reset-password is missing if manage, which stands for it, is denied
            return view
    elif _assumed(context):
        return view
    terms = tuple(replace(each, outcome=Outcome.DENIED) if each.decision else each for each in view.decision.alternative)
    decision = OperationDecision(outcome=Outcome.DENIED, alternative=terms, alternatives=(terms,))
    return replace(view, decision=decision, certain=view.visible.every_object, denied_by_others=True)


def _seen(context: Context, visible: VisiblePermissions) -> View | None:
    facts, situation, roles = visible.facts, visible.situation, _counting(context)
    rows = [] if _is_guarded(context, visible) else _rows(context, facts, situation)
    if not rows:
        return None
    untold = any(map(_is_untold, rows))
    addressable = [row._replace(need=_addressable(row)) for row in rows]
    rows = addressable if context.for_operator else list(map(_of_named_objects, addressable))
    is_certain = visible.everything and all(row.need is each.need for row, each in zip(rows, addressable, strict=True))
    remaining = [row._replace(need=_without_roles(row.need, roles)) for row in rows]
    decision = together([settled(_decided(row, roles, situation), facts.server, situation) for row in remaining])
    differs = tuple(each for each in decision.lacking if _differs(each, facts))
    by_role = any(left.need is not row.need for left, row in zip(remaining, rows, strict=True))
    unsure = (
        (untold and not context.for_operator)
        or by_role
        or _assumed(context)
        or _was_settled(decision)
        or bool(differs)
        or _is_incomplete(decision)
        or not facts.all_items
    )
    return View(
        decision=decision,
        situation=situation,
        facts=facts,
        certain=not unsure and is_certain and not _may_be_guarded(context, visible),
        differs=differs,
        visible=visible,
        names=context.for_operator,
        untold=untold,
        full=all(decide_operation(*row, roles, situation, Level.FULL).outcome is Outcome.GRANTED for row in remaining),
    )


def _rows(context: Context, facts: PermissionFacts, situation: Situation) -> list[_Row]:
    """A row for each item of the list in the body or of the list that is asked for; none if no permission opens the call, for example because of one of the items."""
    listed = items_of_list(permission_need(context), facts, situation, for_operator=context.for_operator)
    items = () if facts.items_found and not context.for_operator else facts.items  # which roles are mapped is not for every caller
    rows = [_row(context, facts, item) for item in items or listed or (None,)]
    return [] if None in rows else [row._replace(need=useful(row.need, facts, situation)) for row in rows if row is not None]


def _row(context: Context, facts: PermissionFacts, item: Item | None) -> _Row | None:
    need, known = permission_need(context, item), {**facts.objects, **(item.objects if item else {})}
    if need is None:
        return None
    if item is not None and item.beside:
        beside = {key for key, place in need.objects.items() if place in item.beside}
        need = _with_sets(
            need, lambda sets: tuple(dict.fromkeys(tuple(term for term in terms if term.object not in beside) for terms in sets))
        )
    return _Row(need=need, objects={key: known[place] for key, place in need.objects.items() if place in known})


def _counting(context: Context) -> frozenset[str]:
    facts, catalog = context.facts, context.catalog
    roles = catalog.closure(facts.granted or ())
    return roles if facts.full_scope or facts.in_scope is None else roles & catalog.closure(facts.in_scope)


def _decided(row: _Row, roles: frozenset[str], situation: Situation) -> OperationDecision:
    """The call is refused if nothing lets it in; what it lacks is said for a response that is more than an empty list."""
    admitted = decide_operation(row.need, row.objects, roles, situation, Level.ADMITS)
    if admitted.outcome not in _REFUSED:
        return admitted
    shown = decide_operation(row.need, row.objects, roles, situation, Level.SHOWS)
    return shown if shown.outcome in _REFUSED and shown.alternatives else admitted


def _addressable(row: _Row) -> PermissionNeed:
    """The need without alternatives about objects that are not known and that the request does not name, such as the groups of a user: permissions on a
    group count for its members as those on the user do, and are decided with them.
    """
    need = row.need

    def kept(sets: tuple[TermSet, ...]) -> tuple[TermSet, ...]:
        return tuple(terms for terms in sets if not any(is_unnamed(term) for term in terms)) or sets

    def is_unnamed(term: Term) -> bool:
        place = need.objects.get(term.object)
        return place is not None and term.object not in row.objects and bool(place.related or place.listed)

    return _with_sets(need, kept)


def _of_named_objects(row: _Row) -> _Row:
    """Without alternatives about objects that only a look-up could name, such as the client of a role, if others remain."""

    def kept(sets: tuple[TermSet, ...]) -> tuple[TermSet, ...]:
        return tuple(terms for terms in sets if all(not term.object or term.object in row.objects for term in terms)) or sets

    return row._replace(need=_with_sets(row.need, kept))


def _with_sets(need: PermissionNeed, change: Callable[[tuple[TermSet, ...]], tuple[TermSet, ...]]) -> PermissionNeed:
    """The need with other alternatives; the same object if nothing is different."""

    def levels(found: Levels) -> Levels:
        return Levels(any_of=change(found.any_of), shows=change(found.shows), admits=change(found.admits))

    changed = replace(need, levels=levels(need.levels), with_query_role=levels(need.with_query_role) if need.with_query_role else None)
    return need if changed == need else changed


def _is_untold(row: _Row) -> bool:
    """Whether one of the alternatives is about an object of a list, and it is not said about which."""
    unknown = {key for key, place in row.need.objects.items() if place.listed and key not in row.objects}
    return any(term.object in unknown for terms in row.need.levels.shows for term in terms)


def _is_incomplete(decision: OperationDecision) -> bool:
    """Whether an object of the alternative could not be found, so that more may be missing than is said."""
    return any(each.is_unaddressed for each in decision.alternative)


def _without_roles(need: PermissionNeed, roles: frozenset[str]) -> PermissionNeed:
    """The need without the scopes that a role of the caller stands for; the same object if there are none."""
    return _with_sets(need, lambda sets: _stripped(sets, roles))


def _stripped(sets: tuple[TermSet, ...], roles: frozenset[str]) -> tuple[TermSet, ...]:
    return tuple(tuple(term for term in terms if not stands_for(term, roles)) for terms in sets)


def _is_guarded(context: Context, visible: VisiblePermissions) -> bool:
    """Whether the call is about a client that no permission opens for it, so that its own cause explains it."""
    uuid = context.request.target.parameters.get(_CLIENT_IN_PATH, "")
    if asks_for_realm_roles(context) and uuid == visible.facts.client_uuid and visible.every_object:
        return True
    if context.method == "GET":
        return False
    return context.facts.target_is_built_in is True or visible.facts.labels.get(uuid) in {REALM_MANAGEMENT, "admin-permissions"}


def _may_be_guarded(context: Context, visible: VisiblePermissions) -> bool:
    """Whether the caller does not see if the client is one that no permission opens for this call."""
    return (
        (context.method != "GET" or asks_for_realm_roles(context))
        and _CLIENT_IN_PATH in context.request.target.parameters
        and not visible.every_object
    )


def _assumed(context: Context) -> bool:
    """Whether the operation has a case that no permission opens and that the request does not show, such as an administrator's account."""
    operation = context.request.target.operation
    entry = permission_entry(context.version[:3], operation.method, operation.path, operation.body) if operation else None
    closed = [variant for variant in (entry.variants if entry else ()) if variant.need.closed and "target" in variant.when]
    return any(variant.id != "protected-client" for variant in closed)


def _was_settled(decision: OperationDecision) -> bool:
    return any(each.by_server for each in decision.alternative)


def _differs(each: TermDecision, facts: PermissionFacts) -> bool:
    if each.decision is None:
        return False
    asked = each.decision.asked
    return facts.server.get((asked.type, asked.id or "", each.decision.scope)) is True
