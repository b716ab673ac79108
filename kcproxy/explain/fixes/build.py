"""Fixes with commands: grants of roles, roles that a client's scope lets through, and fine-grained permissions in words."""

from collections.abc import Mapping

from msgspec.structs import replace

from kcproxy.explain.context import MASTER, Context, is_own_service_account, roles_to_add
from kcproxy.explain.evidence import known_roles
from kcproxy.explain.fixes.console import console_grant, console_permission, console_scope, console_scope_url, console_url
from kcproxy.explain.fixes.forms import Forms, grant_forms, scope_forms
from kcproxy.explain.fixes.gives import FULL, additions_for_everything, gives_after
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.targets import hidden, need_of
from kcproxy.explain.text import list_of, sentence, sentences, shown
from kcproxy.explain.visible_facts import CLIENT_ROLE
from kcproxy.model import CallerKind, Cause, Fix, RoleSet, Verdict


def grantee(context: Context) -> Grantee | None:
    """The account that the token is of. A lightweight token names no user; its sub, if there is one, is the account's id."""
    caller, facts = context.caller, context.facts
    realm = caller.realm or context.container_realm
    if realm is None or context.token_is_unread:
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
    """Grant the missing roles to the calling account; if its client's scope would hold them back, let them through as well.

    If the missing roles give a useful answer that lacks something, a second fix grants what gives the full one.
    """
    to, roles = grantee(context), verdict.missing
    if to is None or not roles:
        return ()
    everything = additions_for_everything(context, roles)
    first = _grant_of(context, verdict, to, roles, console_base)
    if not everything:
        return (first, *_for_other_targets(context, verdict, to, console_base))
    more = _grant_of(context, verdict, to, everything, console_base)
    return (replace(first, gives=gives_after(context, roles)), replace(more, gives=FULL))


def _for_other_targets(context: Context, verdict: Verdict, to: Grantee, console_base: str | None) -> tuple[Fix, ...]:
    """If the required role depends on what the ID in the path belongs to, and nobody looked it up: a fix for each other case."""
    if context.requirement is None or context.requirement.variant is not None or context.answer.status < 400:
        return ()
    fixes = []
    for variant in hidden(context):
        additions = roles_to_add(context.catalog, need_of(variant, context), known_roles(context))
        if variant.id == CLIENT_ROLE and additions and additions != verdict.missing:
            fix = _grant_of(context, verdict, to, additions, console_base)
            condition = variant.says.removeprefix("when ")
            fixes.append(replace(fix, summary=f"If {condition}: {fix.summary[:1].lower()}{fix.summary[1:]}"))
    return tuple(fixes)


def _grant_of(context: Context, verdict: Verdict, to: Grantee, roles: RoleSet, console_base: str | None) -> Fix:
    container, with_scope, version = context.container, _scope_holds_back(context, verdict, roles), context.version
    forms = grant_forms(to, container, roles, version=version, with_scope=with_scope)
    console = console_grant(to, container, roles, version=version)
    summary = f"Grant {_roles_of(roles, container)} to {_account(to)}"
    if with_scope:
        console += console_scope(to, container, roles, version=version)
        summary += f", and let {'it' if len(roles) == 1 else 'them'} through the scope of client {shown(to.client_id or '')}"
    url = console_url(console_base, to, version=version)
    return _fix(context, summary, roles, forms, console=console, console_url=url, unsure=_unconfirmed(context, roles))


def _unconfirmed(context: Context, roles: RoleSet) -> str | None:
    """What the call needs as well and the token names, on versions that count grants that nobody looked up."""
    requirement, catalog = context.requirement, context.catalog
    if requirement is None or context.facts.granted is not None or not context.grants_live:
        return None
    with_fix, alone = catalog.closure((*context.held, *roles)), catalog.closure(roles)
    opened = [needed for needed in (*requirement.any_of, *requirement.admits) if with_fix.issuperset(needed)]
    if any(alone.issuperset(needed) for needed in opened):
        return None
    rest = sorted(set(catalog.least(opened) or ()) - alone)
    if not rest:
        return None
    names = f"{list_of(rest)}, which the token names"
    return f"The call also needs {names}; nobody looked up whether the grant still exists"


def _fix(
    context: Context,
    summary: str,
    roles: RoleSet,
    forms: Forms,
    *,
    console: tuple[str, ...],
    console_url: str | None,
    unsure: str | None = None,
) -> Fix:
    """The fix in all its forms, with what else has to happen, and its warning."""
    return Fix(
        summary=sentence(summary + new_token_clause(context)),
        roles=roles,
        console=sentences(console),
        console_url=console_url,
        kcadm=forms.kcadm,
        curl=forms.curl,
        terraform=forms.terraform,
        ansible=forms.ansible,
        warning=". ".join(filter(None, (warning(context, roles), unsure, *forms.left_out))) or None,
    )


def _scope_holds_back(context: Context, verdict: Verdict, roles: RoleSet) -> bool:
    facts, catalog = context.facts, context.catalog
    if facts.full_scope is not None or facts.in_scope is not None:
        let_through = catalog.closure(facts.in_scope or ())
        return not facts.full_scope and not let_through.issuperset(roles) and context.caller.client_id is not None
    return verdict.cause is Cause.SCOPE_EXCLUDES_ROLE and context.caller.client_id is not None


def let_through(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """Add exactly the missing roles to the client's scope; and, if nobody looked up whether they are granted, grant them too."""
    to, roles = grantee(context), verdict.missing
    if to is None or not roles or to.client_id is None:
        return ()
    if context.facts.realm_roles_granted is not None and _are_realm_roles(context, roles):
        return (let_roles_through(context, to, None, roles, console_base),)
    if context.facts.granted is None:
        return grant(context, verdict, console_base)
    return (let_roles_through(context, to, context.container, roles, console_base),)


def let_roles_through(context: Context, to: Grantee, container: str | None, roles: RoleSet, console_base: str | None) -> Fix:
    """Add roles to the client's scope. Without ``container`` they are realm roles."""
    what = f"the realm role {list_of(roles)} of {shown(to.realm)}" if container is None else _roles_of(roles, container)
    summary = f"Let {what} through the scope of client {shown(to.client_id or '')}"
    forms = scope_forms(to, container, roles, version=context.version)
    console = console_scope(to, container, roles, version=context.version)
    return _fix(context, summary, roles, forms, console=console, console_url=console_scope_url(console_base, to))


def _are_realm_roles(context: Context, roles: RoleSet) -> bool:
    """Whether these are realm roles of master, and not roles of one of its clients: server-wide operations are opened by either."""
    requirement = context.requirement
    if requirement is None or requirement.any_of or requirement.admits:
        return False
    return bool(set(roles) & {role for wanted in requirement.master_realm_roles for role in wanted})


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
    forms = grant_forms(to, None, roles, version=context.version)
    console = console_grant(to, None, roles, version=context.version)
    url = console_url(console_base, to, version=context.version)
    return (_fix(context, summary, roles, forms, console=console, console_url=url),)


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


def permit(context: Context, _verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """Add a fine-grained permission, with the labels of this version's console."""
    words = context.words
    steps = console_permission(words["realm"], words["who"], version=context.version)
    summary = f"Add a permission for {words['who']} on the one resource that the call is about"
    return (Fix(summary=sentence(summary), console=sentences(steps)),)


def new_token_clause(context: Context) -> str:
    """What else has to happen on versions that read roles from the token."""
    if context.grants_live:
        return ""
    if context.caller.injected:
        return "; kcproxy then fetches a new token by itself"
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
    "manage-users": "manage-users can also change passwords and assign roles that the realm defines: its holder is close to an administrator",
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
