"""Causes about fine-grained admin permissions: none allows the call, or one denies it."""

from collections.abc import Sequence

from kcproxy.catalog.permissions import PermissionNeed
from kcproxy.explain.causes.spec import REFUSED, CauseSpec, Remedy
from kcproxy.explain.context import Context
from kcproxy.explain.evidence import known_roles
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.fixes.permission_words import absent_in_words
from kcproxy.explain.fixes.permissions import fixes_of
from kcproxy.explain.permission_needs import is_of_unknown_owner, joined, need_in_words, one_of, permission_need
from kcproxy.explain.permission_view import View, permission_decision, permission_outcome, permission_view
from kcproxy.explain.text import list_of, shown
from kcproxy.explain.visible_permissions import permits
from kcproxy.model import Cause
from kcproxy.permissions.decide import Outcome, unread_for
from kcproxy.permissions.model import Object, Permission
from kcproxy.permissions.operation import TermDecision

_MOST_NAMED = 3
_MOST_SCOPES = 6


def fine_grained_permission_missing(context: Context) -> Finding | None:
    """If fine-grained permissions are in use, one of them may be meant to allow this call instead of a role.

    Whether a realm uses them is public nowhere. Without a look-up this stays a question for callers who have no more than ``query-`` roles,
    as is usual with permissions.
    """
    need = permission_need(context) if _could_be(context) else None
    if need is None:
        return None
    if context.facts.permissions is not None and not is_of_unknown_owner(context):
        decided = _decided(context, Cause.FINE_GRAINED_PERMISSION_MISSING) or _undecided(context, need) or _absent(context)
        if decided is not None or context.for_operator or permission_outcome(context) is not None:
            return decided
    enabled, roles = context.facts.admin_permissions_enabled, known_roles(context)
    only_queries = all(role.startswith("query-") for role in roles)
    if enabled is False or not (enabled or _lets_see_only(context) or _takes_no_role(context)):
        return None
    who, container, words = context.words["who"], context.words["container"], need_in_words(need)
    return found(
        Cause.FINE_GRAINED_PERMISSION_MISSING,
        LIKELY if (enabled and only_queries and roles) or _takes_no_role(context) else POSSIBLE,
        "looked up: fine-grained admin permissions are on in the realm" if enabled else "",
        f"{who} has only {list_of(sorted(roles))} of {container}, as is usual with such permissions" if only_queries and roles else "",
        f"in the table of Keycloak {context.catalog.version} the call takes no role where permissions are off"
        if _takes_no_role(context)
        else "",
        f"by the table of permissions, the call requires {words}",
        reason=None if enabled else _IF_IN_USE,
        need=words,
    )


def fine_grained_permission_denied(context: Context) -> Finding | None:
    """A permission takes the scope away from the caller, also where another one grants it."""
    if context.facts.permissions is None or not _could_be(context) or is_of_unknown_owner(context):
        return None
    return None if permission_need(context) is None else _decided(context, Cause.FINE_GRAINED_PERMISSION_DENIED)


def permission_may_deny(context: Context) -> Finding | None:
    """Without a look-up: a question."""
    if context.facts.permissions is not None or not _could_be(context):
        return None
    need = permission_need(context)
    if need is None or context.facts.admin_permissions_enabled is False or not _lets_see_only(context):
        return None
    return found(Cause.FINE_GRAINED_PERMISSION_DENIED, POSSIBLE, need=need_in_words(need))


def _undecided(context: Context, need: PermissionNeed) -> Finding | None:
    """If it is not known whether permissions allow the call: what they would have to be."""
    if permission_outcome(context) is not Outcome.OPEN:
        return None
    words = need_in_words(need)
    return found(
        Cause.FINE_GRAINED_PERMISSION_MISSING,
        POSSIBLE,
        "looked up: fine-grained admin permissions are on in the realm",
        f"by the table of permissions, the call requires {words}",
        need=words,
    )


def _absent(context: Context) -> Finding | None:
    """If permissions allow the call for what exists: Keycloak answers 403 for what does not, to callers without a ``query-`` role."""
    view = permission_decision(context)
    if view is None or view.decision.outcome is not Outcome.GRANTED:
        return None
    parameters = context.request.target.parameters
    within = next((words.format(shown(parameters[name])) for name, words in _WITHIN.items() if name in parameters), None)
    says = absent_in_words(view) or within
    if says is None:
        return None
    return found(
        Cause.FINE_GRAINED_PERMISSION_MISSING,
        LIKELY,
        "looked up: fine-grained admin permissions are on in the realm",
        *_evidence(view),
        reason="Permissions allow {who} this call, but {says}",
        effect=": Keycloak then answers {operation}{where} with 403 to callers without a query- role.",
        remedy="Check the request: {says}",
        says=says,
    )


_WITHIN = {
    "credentialId": "the user may not have a credential with the ID {}",
    "member-id": "user {} may not be a member of the organization",
}
"""What belongs to another object of the path, and is not looked up: by its parameter."""


def _takes_no_role(context: Context) -> bool:
    """Whether any caller is let in, unless the realm has permissions."""
    return context.requirement is not None and () in context.requirement.admits


def _lets_see_only(context: Context) -> bool:
    """Whether the caller holds no role but ``query-`` ones and ``view-`` ones that contain such a one, as callers with permissions do."""
    return all(
        role.startswith("query-")
        or (role.startswith("view-") and any(name.startswith("query-") for name in context.catalog.contains(role)))
        for role in known_roles(context)
    )


def _could_be(context: Context) -> bool:
    if context.requirement is None or context.token_is_unread:
        return False
    if _takes_no_role(context):
        return True
    return not (context.token_suffices or context.granted_suffices)


def _decided(context: Context, cause: Cause) -> Finding | None:
    view = permission_view(context)
    if view is None or _cause(view) is not cause:
        return None
    lacking = view.decision.lacking
    granted = [each for each in view.decision.alternative if each.decision is not None and each.outcome is Outcome.GRANTED]
    but = f"has {_scopes(view, granted)}, but lacks {_scopes(view, lacking)}" if granted else f"lacks {_scopes(view, lacking)}"
    because = [line for each in lacking for line in _because(view, each)]
    return found(
        cause,
        CERTAIN if view.certain else LIKELY,
        "looked up: fine-grained admin permissions are on in the realm",
        *_evidence(view),
        reason="{Who} {but}: {because}" if because else "{Who} {but}" + _given_by_none(lacking),
        but=but,
        because="; ".join(dict.fromkeys(because)),
        need=_scopes(view, lacking),
    )


def _cause(view: View) -> Cause:
    denied = any(each.outcome is Outcome.DENIED for each in view.decision.lacking)
    return Cause.FINE_GRAINED_PERMISSION_DENIED if denied else Cause.FINE_GRAINED_PERMISSION_MISSING


def _given_by_none(terms: Sequence[TermDecision]) -> str:
    """What follows the scopes, if no permission has anything to do with them."""
    scopes, roles = (len([each for each in terms if bool(each.term.role) is is_role]) for is_role in (False, True))
    if not scopes:
        return ", which the call takes beside permissions"
    return ": no permission gives " + (f"the scope{'s' if scopes > 1 else ''}" if roles else "them" if scopes > 1 else "it")


def _scopes(view: View, terms: Sequence[TermDecision]) -> str:
    """``the scope manage-membership on group /sales``, ``the scopes view on user bob and manage on client app, and the role query-users``."""
    scopes = [_scope(view, each) for each in terms if not each.term.role]
    roles = [each.term.role for each in terms if each.term.role]
    named = scopes if len(scopes) <= _MOST_SCOPES else [*scopes[: _MOST_SCOPES - 1], f"{len(scopes) - _MOST_SCOPES + 1} more"]
    parts = [(f"the scope{'s' if len(scopes) > 1 else ''}", joined(named)), (f"the role{'s' if len(roles) > 1 else ''}", list_of(roles))]
    return (", and " if len(scopes) > 1 else " and ").join(f"{what} {names}" for what, names in parts if names)


def _scope(view: View, each: TermDecision) -> str:
    """``manage-membership on group /sales``."""
    if each.decision is None:
        return f"{each.term.scope} on {one_of(each.term.type)}s that the request does not name"
    return f"{each.decision.scope} on {object_in_words(view, each.decision.asked)}"


def object_in_words(view: View, asked: Object) -> str:
    """``group /sales`` for operators and what the caller can see; otherwise as the request has it."""
    one = one_of(asked.type)
    if asked.id is None:
        return f"all {one}s"
    return f"{one} {shown(view.facts.labels.get(asked.id, asked.id))}"


def _because(view: View, each: TermDecision) -> list[str]:
    if each.decision is None:
        return []
    if view.denied_by_others:
        return ["a permission denies it" if view.visible.every_object else "a permission denies it, or what the call names does not exist"]
    denying = [f"permission {shown(other.permission.name)} denies it (policy {list_of(other.denying)})" for other in each.decision.denying]
    if each.by_server and not denying:
        return ["Keycloak's own evaluation (policy/evaluate) does not allow it"]
    return list(dict.fromkeys(denying)) or _covered(view, each)


def _covered(view: View, each: TermDecision) -> list[str]:
    """Permissions that grant the caller the scope on other objects, or other scopes on this one."""
    if each.decision is None:
        return []
    asked, scope, lines = each.decision.asked, each.decision.scope, []
    for permission in view.situation.permissions.permissions:
        if permission.type != asked.type or not permits(permission, view.situation):
            continue
        if scope in permission.scopes and permission.objects:
            lines.append(f"permission {shown(permission.name)} covers {_objects_in_words(view, permission)} only")
        elif asked.id in permission.objects or permission.type_wide:
            lines.append(f"permission {shown(permission.name)} gives {list_of(sorted(permission.scopes))} only")
    return lines[:2]


def _objects_in_words(view: View, permission: Permission) -> str:
    """``group /sales and 2 more``. Those that a caller may not view are only counted."""
    one, every = one_of(permission.type), sorted(permission.objects)
    named = [shown(view.facts.labels.get(each, each)) for each in every if view.visible.may_write([each])][:_MOST_NAMED]
    more = len(every) - len(named)
    if not named:
        return f"{more} other {one}{'s' if more > 1 else ''}"
    return f"{one} {joined(named)}" + (f" and {more} more" if more else "")


def _evidence(view: View) -> list[str]:
    lines = []
    for each in view.decision.alternative:
        if each.decision is not None and each.outcome is Outcome.GRANTED:
            names = list_of([other.permission.name for other in each.decision.granting][:3])
            lines.append(
                f"the scope {_scope(view, each)} is given by permission {names}"
                if names
                else f"the scope {_scope(view, each)} is allowed by Keycloak's own evaluation"
            )
        elif each.term.role and each.outcome is not Outcome.GRANTED:
            lines.append(f"the caller does not hold the role {each.term.role}")
    lines += [
        f"Keycloak's own evaluation (policy/evaluate) does not allow the scope {_scope(view, each)}"
        for each in view.decision.lacking
        if each.by_server and each.decision is not None and each.decision.denying
    ]
    lines += [
        f"Keycloak's own evaluation (policy/evaluate) allows the scope {_scope(view, each)}, which the policies and the token do not"
        for each in view.differs
    ]
    if any(
        each.decision and each.outcome is not Outcome.GRANTED and unread_for(each.decision.asked, view.situation)
        for each in view.decision.alternative
    ):
        lines.append(NOT_ALL_READ)
    if view.names:
        lines += [
            f"looked up: there is no {'group with the path' if identifier.startswith('/') else 'object with the ID'} {shown(identifier)}"
            for identifier in sorted(view.facts.absent)
        ]
        lines += [
            f"permission {shown(other.permission.name)} denies the caller by policy {list_of(other.denying)}"
            for each in view.decision.lacking
            if each.decision
            for other in each.decision.denying
        ]
    return list(dict.fromkeys(lines))


NOT_ALL_READ = "not all permissions were read, because look-ups are limited: one of the others may deny this"
_IF_IN_USE = "Realm {realm} may use fine-grained admin permissions, and none of them allows this call for {who}"


FINE_GRAINED_PERMISSION_MISSING = CauseSpec(
    cause=Cause.FINE_GRAINED_PERMISSION_MISSING,
    meaning="The realm uses fine-grained admin permissions: not only roles, but also *permissions* on individual users, groups, clients, roles or organizations can allow calls. "
    "The caller has no role that allows this call, and no permission does. A permission on the one resource grants less than a role.",
    reason="The realm uses fine-grained admin permissions, and none of them allows this call for {who}",
    effect=REFUSED,
    check="Open realm {realm}. If Permissions is in the menu, which permission there names {who}, and does it include {need}? "
    "A list requires the matching query- role in addition.",
    rules=(fine_grained_permission_missing,),
    fixer=fixes_of,
    remedies=(
        Remedy(
            summary="Add a permission for {who} on the one resource that the call is about",
            steps=(
                "Choose the realm {realm}",
                "Permissions, Create permission, choose the type of resource",
                "Choose the scope that the call requires (view, manage, map-roles …) and the one resource",
                "Add a policy that names {who}",
                "For lists, also grant the matching query- role",
            ),
        ),
    ),
)

FINE_GRAINED_PERMISSION_DENIED = CauseSpec(
    cause=Cause.FINE_GRAINED_PERMISSION_DENIED,
    meaning="The realm uses fine-grained admin permissions, and one of them *denies* the caller: its policies do not agree on them. A permission that names the object, or a group of the user, takes its scopes "
    "away even where another permission grants them. One for all objects takes away every scope that no permission on the object itself gives. kcproxy names the permission and the policy to operators only.",
    reason="A fine-grained admin permission may deny this call to {who}",
    effect=REFUSED,
    check="Open realm {realm}, Permissions, tab Evaluate: choose {who}, the resource and {need}. Which permission is listed as denied?",
    rules=(fine_grained_permission_denied, permission_may_deny),
    fixer=fixes_of,
    remedies=(
        Remedy(
            summary="Change the permission that denies {who}, or let its policies permit them",
            steps=(
                "Choose the realm {realm}",
                "Permissions, tab Evaluate: find the permission that denies",
                "Change its policies or its resources",
            ),
        ),
    ),
)

SPECS = (
    FINE_GRAINED_PERMISSION_DENIED,
    FINE_GRAINED_PERMISSION_MISSING,
)
