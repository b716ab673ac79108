"""Fixes with commands: grants of roles, and roles that a client's scope lets through."""

from collections.abc import Mapping

from kcproxy.explain.context import MASTER, Context, is_own_service_account, roles_to_add
from kcproxy.explain.fixes import commands
from kcproxy.explain.fixes.commands import Grantee
from kcproxy.explain.fixes.forms import LEFT_OUT, Forms, grant_forms, realm_role_grant_forms, realm_role_scope_forms, scope_forms
from kcproxy.explain.text import list_of, sentence, shown
from kcproxy.model import CallerKind, Cause, Fix, RoleSet, Verdict


def grantee(context: Context) -> Grantee | None:
    """The account that the token is of. A lightweight token names no user; its sub, if there is one, is the account's id."""
    caller, facts = context.caller, context.facts
    realm = caller.realm or context.container_realm
    if realm is None or caller.kind in {CallerKind.ANONYMOUS, CallerKind.UNREADABLE}:
        return None
    stale = facts.service_account_id is not None and is_own_service_account(caller)
    username = facts.account_name or caller.username
    if username is None and caller.client_id and (caller.kind is CallerKind.SERVICE_ACCOUNT or not (caller.session_id or caller.subject)):
        username = f"service-account-{caller.client_id.lower()}"
    return Grantee(
        realm=realm,
        username=username,
        user_id=facts.service_account_id if stale else facts.account_id or caller.subject,
        client_id=caller.client_id,
        client_uuid=facts.client_uuid,
    )


def grant(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """Grant the missing roles to the calling account; where its client's scope would hold them back, let them through as well."""
    to, roles = grantee(context), _roles_to_grant(context, verdict)
    if to is None or not roles:
        return ()
    container, with_scope = context.container, _scope_holds_back(context, verdict)
    forms = grant_forms(to, container, roles, with_scope=with_scope)
    console = commands.console_grant(to, container, roles, version=context.version)
    summary = f"Grant {_roles_of(roles, container)} to {_account(to)}"
    if with_scope:
        console += commands.console_scope(to, container, roles, version=context.version)
        summary += f", and let it through the scope of client {shown(to.client_id or '')}"
    url = commands.console_url(console_base, to)
    return (_fix(context, summary, roles, forms, console=console, console_url=url),)


def _fix(context: Context, summary: str, roles: RoleSet, forms: Forms, *, console: tuple[str, ...], console_url: str | None) -> Fix:
    """The fix in all its forms, with what else has to happen, and its warning."""
    left_out = LEFT_OUT if forms.left_out else None
    return Fix(
        summary=sentence(summary + new_token_clause(context)),
        roles=roles,
        console=tuple(map(sentence, console)),
        console_url=console_url,
        kcadm=forms.kcadm,
        curl=forms.curl,
        terraform=forms.terraform,
        warning=". ".join(filter(None, (warning(context, roles), left_out))) or None,
    )


def _roles_to_grant(context: Context, verdict: Verdict) -> RoleSet:
    """Without a look-up the roles that a token names may be gone by now, so the whole set is granted: that adds nothing where they are not."""
    if context.facts.granted is None and context.grants_live and context.requirement is not None:
        whole = roles_to_add(context.catalog, context.requirement, frozenset())
        return whole if set(verdict.missing) < set(whole) else verdict.missing
    return verdict.missing


def _scope_holds_back(context: Context, verdict: Verdict) -> bool:
    facts, catalog = context.facts, context.catalog
    if facts.full_scope is not None or facts.in_scope is not None:
        let_through = catalog.closure(facts.in_scope or ())
        return not facts.full_scope and not let_through.issuperset(verdict.missing) and context.caller.client_id is not None
    return verdict.cause is Cause.SCOPE_EXCLUDES_ROLE and context.caller.client_id is not None


def let_through(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """Add exactly the missing roles to the client's scope; and, where nobody looked whether they are granted, grant them too."""
    to, roles = grantee(context), verdict.missing
    if to is None or not roles or to.client_id is None:
        return ()
    if context.facts.realm_roles_granted is not None and _are_realm_roles(context, roles):
        return (_let_realm_role_through(context, to, roles, console_base),)
    if context.facts.granted is None:
        return grant(context, verdict, console_base)
    container = context.container
    summary = f"Let {_roles_of(roles, container)} through the scope of client {shown(to.client_id)}"
    console = commands.console_scope(to, container, roles, version=context.version)
    url = commands.console_scope_url(console_base, to)
    return (_fix(context, summary, roles, scope_forms(to, container, roles), console=console, console_url=url),)


def _are_realm_roles(context: Context, roles: RoleSet) -> bool:
    """Whether these are realm roles of master, and not roles of one of its clients: server-wide operations are opened by either."""
    requirement = context.requirement
    if requirement is None or requirement.any_of or requirement.admits:
        return False
    return bool(set(roles) & {role for wanted in requirement.master_realm_roles for role in wanted})


def _let_realm_role_through(context: Context, to: Grantee, roles: RoleSet, console_base: str | None) -> Fix:
    summary = f"Let the realm role {list_of(roles)} of master through the scope of client {shown(to.client_id or '')}"
    console = commands.console_scope(to, None, roles, version=context.version)
    url = commands.console_scope_url(console_base, to)
    return _fix(context, summary, roles, realm_role_scope_forms(to, roles), console=console, console_url=url)


def grant_realm_role(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """Server-wide operations that a realm role of master opens (create-realm)."""
    requirement, to = context.requirement, grantee(context)
    if requirement is None or not requirement.master_realm_roles or to is None or to.realm != MASTER:
        return grant(context, verdict, console_base)
    if requirement.admits or not set(verdict.missing) & {role for roles in requirement.master_realm_roles for role in roles}:
        return grant(context, verdict, console_base)  # less than a realm role of master lets in
    roles = min(requirement.master_realm_roles, key=len)
    if context.request.target.realm is not None:
        return (_from_within_the_realm(context, roles),)
    summary = f"Grant the realm role {list_of(roles)} of master to {_account(to)}"
    console = commands.console_grant(to, None, roles, version=context.version)
    url = commands.console_url(console_base, to)
    return (_fix(context, summary, roles, realm_role_grant_forms(to, roles), console=console, console_url=url),)


def _from_within_the_realm(context: Context, roles: RoleSet) -> Fix:
    realm = context.words["realm"]
    return Fix(
        summary=f"Make this call with a service account of realm {realm} itself that holds realm-admin there",
        console=(
            f"Choose the realm {realm}, and a confidential client of that realm with its service account on",
            f"Fetch the token in realm {realm}, with that client",
        ),
        warning=f"From realm master only the realm role {list_of(roles)} opens it, and that is power over every realm of the server",
    )


def new_token_clause(context: Context) -> str:
    """What has to happen besides on versions that read roles from the token."""
    if context.grants_live:
        return ""
    if context.caller.injected:
        return "; the proxy then fetches a new token by itself"
    return "; then fetch a new token, because Keycloak " + context.words["version"] + " reads roles from the token"


def warning(context: Context, roles: RoleSet) -> str | None:
    """The power that a role has beyond its name: measured ones from the catalog, and what is documented."""
    lines = [power.says for role in roles for power in context.catalog.powers(role)]
    if "view-clients" in roles and context.version < (26, 8):
        lines.append("view-clients also reveals the secrets of every client of the realm on this version (until 26.8)")
    for role in roles:
        lines += [text for name, text in _POWERS.items() if name == role and not context.catalog.powers(role)]
    return ". ".join(dict.fromkeys(line.rstrip(".") for line in lines)) or None


_POWERS: Mapping[str, str] = {
    "manage-users": "manage-users can also change passwords and hand out roles that the realm defines: whoever holds it is close to an administrator",
    "manage-clients": "manage-clients can also read and change the secrets of all clients, and so act as their service accounts",
    "manage-realm": "manage-realm can also change the realm's login flows and keys",
    "manage-authorization": "manage-authorization can also change who may do what in every client with authorization services",
    "impersonation": "impersonation lets its holder act as any ordinary user of the realm",
    "realm-admin": "realm-admin can do everything in this realm; nothing less opens this operation on this version",
    "create-realm": "create-realm also makes its holder an administrator of each realm that it creates",
}


def _roles_of(roles: RoleSet, container: str) -> str:
    return f"the role{'s' if len(roles) > 1 else ''} {list_of(roles)} of the client {shown(container)}"


def _account(to: Grantee) -> str:
    if to.is_named:
        return shown(to.username or f"the account with the id {to.user_id}")
    return "the account that the token is of, which its lightweight form does not name"
