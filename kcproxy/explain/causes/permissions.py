"""Causes about fine-grained admin permissions: none allows the call."""

from kcproxy.explain.causes.spec import REFUSED, CauseSpec, Remedy
from kcproxy.explain.context import Context
from kcproxy.explain.evidence import known_roles
from kcproxy.explain.finding import LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.permission_needs import need_in_words, permission_need
from kcproxy.explain.text import list_of
from kcproxy.model import Cause


def fine_grained_permission_missing(context: Context) -> Finding | None:
    """If fine-grained permissions are in use, one of them may be meant to allow this call instead of a role.

    Whether a realm uses them is public nowhere. Without a look-up this stays a question for callers who have no more than ``query-`` roles,
    as is usual with permissions.
    """
    need = permission_need(context)
    if need is None or context.requirement is None or context.token_suffices or context.granted_suffices or context.token_is_unread:
        return None
    enabled, roles = context.facts.admin_permissions_enabled, known_roles(context)
    only_queries = all(role.startswith("query-") for role in roles)
    if enabled is False or not (enabled or only_queries):
        return None
    who, container = context.words["who"], context.words["container"]
    return found(
        Cause.FINE_GRAINED_PERMISSION_MISSING,
        LIKELY if enabled and only_queries and roles else POSSIBLE,
        "looked up: fine-grained admin permissions are on in the realm" if enabled else "",
        f"{who} has only {list_of(sorted(roles))} of {container}, as is usual with such permissions" if only_queries and roles else "",
        f"by the table of permissions, the call requires {need_in_words(need)}",
        reason=None if enabled else _IF_IN_USE,
        need=need_in_words(need),
    )


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

SPECS = (FINE_GRAINED_PERMISSION_MISSING,)
