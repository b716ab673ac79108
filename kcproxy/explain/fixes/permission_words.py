"""Fixes that are said in words only: of requests that name nothing, and of lists of which it is not said what they have to show."""

from collections.abc import Sequence

from msgspec.structs import replace

from kcproxy.catalog.permissions import PermissionNeed, TermSet
from kcproxy.explain.context import Context
from kcproxy.explain.fixes import build
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.permission_warnings import after
from kcproxy.explain.permission_needs import joined, one_of, permission_need
from kcproxy.explain.permission_view import View
from kcproxy.explain.text import list_of, sentence, sentences, shown
from kcproxy.model import Fix, Verdict
from kcproxy.permissions.alone import only_caller
from kcproxy.permissions.model import GROUPS, USERS, Object
from kcproxy.permissions.operation import QUERY


def corrections(view: View, by_role: Sequence[Fix]) -> tuple[Fix, ...]:
    """Nothing can be permitted of an object that is not there, and a role does not make it appear. None if all objects are there."""
    says = absent_in_words(view)
    if says is None:
        return ()
    steps = (f"Check the request: {says}", "Correct it, or create what it names")
    first = Fix(summary=sentence(f"Correct the request: {says}"), console=sentences(steps))
    return (first, *after(f"This alone does not help: {says}, and Keycloak then answers with another error", by_role))


def absent_in_words(view: View) -> str | None:
    """For operators: which of the objects that decide are not there; None if all are."""
    terms = view.decision.lacking or view.decision.alternative
    asked = [each.decision.asked for each in terms if each.decision is not None]
    absent = list(dict.fromkeys(_absent(each) for each in asked if each.id in view.facts.absent))
    elsewhere = list(dict.fromkeys(_elsewhere(each, view) for each in asked if each.id in view.facts.elsewhere))
    if not (absent or elsewhere) or not view.names:
        return None
    return joined([*([f"there is no {joined(absent)}"] if absent else ()), *elsewhere])


def by_administrator(context: Context, view: View) -> tuple[Fix, ...]:
    """For operators: no permission lets a caller impersonate an administrator without the roles that this one has."""
    user = context.request.target.parameters.get("user-id", "")
    if not context.template.endswith("/impersonation") or not view.names:
        return ()
    held = context.catalog.closure(context.facts.granted or ())
    roles = [role for role in view.facts.powers.get(user, ()) if role not in held]
    says = f"Let an administrator who has {list_of(roles)} of {shown(context.container)} do this once; a permission is not enough for it"
    return (Fix(summary=sentence(says)),) if roles else ()


def _absent(asked: Object) -> str:
    identifier = asked.id or ""
    return f"{one_of(asked.type)} {'with the path ' if identifier.startswith('/') else 'with the ID '}{shown(identifier)}"


def _elsewhere(asked: Object, view: View) -> str:
    identifier = asked.id or ""
    return f"{one_of(asked.type)} {shown(view.facts.labels.get(identifier, identifier))} does not belong to the client in the path"


def with_some_of_list(context: Context, verdict: Verdict, view: View, to: Grantee, fixes: Sequence[Fix]) -> Sequence[Fix]:
    """For a list of which it is not said what it has to show, also the query role with permissions on some objects: only the operator knows on which.

    It comes first where a permission for all objects would take something from others, or is more than the caller is known to need.
    """
    need = permission_need(context)
    terms = _of_one(need) if need is not None and view.untold else None
    if need is None or terms is None:
        return fixes
    term = next(term for term in terms if term.object and need.objects[term.object].listed)
    roles, many, who = (
        tuple(each.role for each in terms if each.role.startswith(QUERY)),
        term.type.lower(),
        shown(to.username or "the account"),
    )
    granted = build.grant(context, replace(verdict, missing=roles), None)[:1]
    steps = (
        f"Permissions, Create permission, resource type {term.type}",
        f"Authorization scopes {term.scope}, Enforce access to Specific {many}, and choose them",
        f"Create a policy of type User that names {who} alone, Save",
    )
    says = f"Grant the role{'s' if len(roles) > 1 else ''} {list_of(roles)} to {who}, and make a permission with the scope {term.scope} for those {many} that the list has to show"
    console = (*(text for fix in granted for text in fix.console), *sentences(steps))
    fix = Fix(summary=sentence(says), roles=roles, console=console, gives=part_of(term.type))
    return (fix, *fixes) if _others_have(term.type, view) or not view.names else (*fixes, fix)


def part_of(type_name: str) -> str:
    """What a list shows to a caller with a ``query-`` role and permissions on single objects."""
    return f"only the {type_name.lower()} that permissions let the caller view"


def _of_one(need: PermissionNeed) -> TermSet | None:
    """The alternative with an object of the list."""
    return next((terms for terms in need.levels.shows if any(term.object and need.objects[term.object].listed for term in terms)), None)


def _others_have(type_name: str, view: View) -> bool:
    """Whether others have something of this type by permissions, also users by their groups."""
    known, types = view.situation.permissions.permissions, {type_name, GROUPS} if type_name == USERS else {type_name}
    return any(each.type in types and each.policies and not only_caller(each, view.situation) for each in known)
