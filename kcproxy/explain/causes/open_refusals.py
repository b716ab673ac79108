"""Refusals whose cause the known facts leave open: what the call requires is there, and Keycloak refused it."""

from collections.abc import Iterator

from kcproxy.explain.causes.spec import CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint import token_refused
from kcproxy.explain.context import Context, is_line_of
from kcproxy.explain.evidence import grant_evidence, token_evidence, user_may_not_exist
from kcproxy.explain.finding import LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.permission_needs import need_in_words, permission_need
from kcproxy.explain.text import shown
from kcproxy.model import Cause

_PROTECTED_SINCE = (26, 6, 5)
"""26.7 by measurement; in 26.6 some version after 26.6.4 (keycloak/keycloak pull request 49956)."""


def is_open(context: Context) -> bool:
    """Whether the token contains what the call requires, Keycloak checks the current grants instead, and nobody looked those up."""
    return context.grants_live and context.granted_suffices is None and (context.token_suffices or _has_realm_role(context))


def _has_realm_role(context: Context) -> bool:
    """Whether a server-wide operation requires a realm role of master that the token contains."""
    requirement, held = context.requirement, set(context.caller.realm_roles)
    if requirement is None or not context.from_master or requirement.any_of or requirement.admits:
        return False
    unknown = context.facts.realm_roles_granted is None
    return unknown and any(roles and set(roles) <= held for roles in requirement.master_realm_roles)


def open_refusal(context: Context) -> Finding | None:
    """Nothing tells a revoked role from a guard, a defect, a permission or a protected target: a look decides, not a grant."""
    if not is_open(context):
        return None
    return found(
        Cause.UNEXPLAINED,
        POSSIBLE,
        token_evidence,
        grant_evidence,
        _borrowed_table,
        user_may_not_exist,
        reason="The token of {who} contains what {operation}{where} requires",
        effect=", but Keycloak {version} refused the call, and the request does not show why.",
        remedy=_LOOK,
    )


_LOOK = (
    "Look before you grant anything: open the role mappings of {who} in realm {container_realm}, and go through the other possible causes"
    " with their checks; kcproxy with an inspector account looks most of them up"
)


def left_open(context: Context) -> list[Finding]:
    """The causes that an open refusal may have, each with its check."""
    return list(_possible(context)) if is_open(context) else []


def _possible(context: Context) -> Iterator[Finding]:
    template = context.template
    changes = context.method != "GET"
    if "/role-mappings" in template or "/composites" in template or template.endswith("/impersonation"):
        yield found(Cause.ESCALATION_GUARD, POSSIBLE, reason="The call may grant or assume more privileges than {who} has")
    if changes and context.version >= _PROTECTED_SINCE and ("/clients/" in template or "/roles" in template):
        yield found(Cause.PROTECTED_OBJECT, POSSIBLE, reason="The target may be a built-in object that no administrator can change")
    need = permission_need(context)
    if need is not None and context.facts.admin_permissions_enabled is not False:
        reason = "Fine-grained admin permissions may decide about this call"
        yield found(Cause.FINE_GRAINED_PERMISSION_MISSING, POSSIBLE, reason=reason, need=need_in_words(need))


def unexplained(context: Context) -> Finding:
    """All known facts suggest that the call is allowed, and it was refused: say so instead of guessing."""
    evidence = (token_evidence, grant_evidence, _borrowed_table, user_may_not_exist) if context.requirement else ()
    certain = context.granted_suffices and context.scope_suffices
    return found(Cause.UNEXPLAINED, POSSIBLE if not certain else LIKELY, *evidence)


def _borrowed_table(context: Context) -> tuple[str, ...]:
    """Required roles differ between versions, so the table of another version can be wrong for this one."""
    requirement = context.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return ()
    asked, table = shown(requirement.asked_keycloak, 60), requirement.keycloak
    why = f"the patch of {asked} is not known" if is_line_of(requirement.asked_keycloak, table) else f"{asked} has none of its own"
    return (f"the table is that of Keycloak {table}, because {why}: it may require another role",)


UNEXPLAINED = CauseSpec(
    cause=Cause.UNEXPLAINED,
    meaning="Everything that can be looked up says that the call should pass. The role may have been granted a moment ago, an extension may check something of its own, or the reason is something that kcproxy does not know yet.",
    reason="All known facts suggest that {who} may call {operation}{where}",
    effect=", but Keycloak refused it.",
    check="The server log at debug level for org.keycloak.services names the check that failed.",
    rules=(unexplained, open_refusal, token_refused),
    remedies=(
        Remedy(summary="Repeat the call once; if it is refused again, read the server log at debug level for org.keycloak.services"),
    ),
    states_confidence=False,
)

SPECS = (UNEXPLAINED,)
