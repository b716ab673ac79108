"""The fix for roles of policies that the account holds and its client keeps out of the token."""

from msgspec.structs import replace

from kcproxy.explain.context import Context
from kcproxy.explain.fixes import build
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.permission_warnings import after
from kcproxy.explain.permission_view import View
from kcproxy.model import Fix
from kcproxy.permissions.decide import Outcome, decide
from kcproxy.permissions.policies import Situation

_CONTAINED = "Roles that this role contains, also admin roles, get into the token of the client, too"


def let_policy_role_through(context: Context, view: View, to: Grantee, console_base: str | None) -> tuple[Fix, ...]:
    """Let one role through the scope of the client, if that alone opens the call."""
    if not view.names or to.client_id is None:
        return ()
    for role_id in sorted(_kept_back(view)):
        role = view.facts.roles.get(role_id)
        if role is not None and _opens(view, role_id):
            return after(_CONTAINED, (build.let_roles_through(context, to, role.client, (role.name,), console_base),))
    return ()


def _kept_back(view: View) -> frozenset[str]:
    identity = view.situation.identity
    if identity.full_scope is not False or identity.held is None or identity.in_scope is None:
        return frozenset()
    return identity.held - identity.in_scope


def _opens(view: View, role_id: str) -> bool:
    lacking = view.decision.lacking
    with_role = _with_role(view.situation, role_id)
    return bool(lacking) and all(
        each.decision is not None and decide(each.decision.asked, each.decision.scope, with_role).outcome is Outcome.GRANTED
        for each in lacking
    )


def _with_role(situation: Situation, role_id: str) -> Situation:
    identity = situation.identity
    scope, token = ((known or frozenset()) | {role_id} for known in (identity.in_scope, identity.in_token))
    return replace(situation, identity=replace(identity, in_scope=scope, in_token=token))
