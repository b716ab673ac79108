"""Which realm the token is of, and which realm the call is about: refused before any role is looked at (MgmtPermissions)."""

from kcproxy.explain.context import MASTER, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause, RoleSet


def token_of_other_realm(context: Context) -> Finding | None:
    """A realm is administered with its own tokens or with master's; its existence is proven by the 403 (else it were a 404)."""
    own, target = context.caller.realm, context.request.target.realm
    if own is None or target is None or own in {target, MASTER}:
        return None
    return found(
        context,
        Cause.TOKEN_OF_OTHER_REALM,
        CERTAIN,
        f"the token's iss is {shown(context.caller.issuer or '')}",
        f"the path names realm {shown(target)}",
    )


def server_wide_operation(context: Context) -> Finding | None:
    """Creating a realm takes a realm role of master, which no other realm's token can carry."""
    requirement = context.requirement
    if context.caller.realm in {None, MASTER} or context.request.target.realm is not None or requirement is None:
        return None
    if requirement.any_of or requirement.admits:
        return None  # a realm's own roles open it
    return found(
        context,
        Cause.SERVER_WIDE_OPERATION,
        CERTAIN if requirement.master_realm_roles else LIKELY,
        f"the token's iss is {shown(context.caller.issuer or '')}",
        "the path names no realm: the call is about the whole server",
    )


def master_realm_role_missing(context: Context) -> Finding | None:
    """Server-wide operations that only a realm role of master opens: the account does not hold it, or not any more."""
    wanted = _realm_role_wanted(context)
    granted = context.facts.realm_roles_granted
    if not wanted or (granted is not None and set(wanted) <= set(granted)):
        return None
    named = set(wanted) <= set(context.caller.realm_roles)
    if named and not context.grants_live:
        return None
    names = list_of(wanted)
    looked_up = f"looked up: {context.words['who']} does not hold the realm role {names} of master" if granted is not None else ""
    if named:
        evidence = f"the token of {context.words['who']} names the realm role {names} of master"
        return found(context, Cause.ROLE_REVOKED, LIKELY if granted is None else CERTAIN, evidence, looked_up, missing=wanted)
    evidence = "" if context.roles_are_hidden else f"the token of {context.words['who']} does not name the realm role {names} of master"
    confidence = LIKELY if granted is None else CERTAIN
    return found(context, Cause.ROLE_MISSING, confidence, evidence, looked_up, missing=wanted, summary=_REALM_ROLE_MISSING)


_REALM_ROLE_MISSING = "{who} may not {operation}: the realm role {roles} of master is missing."
_HELD_BACK = "{who} may not {operation}: client {client} has full scope off, and the realm role {roles} of master is not in its scope, so that a grant does not count."


def _realm_role_wanted(context: Context) -> RoleSet:
    """The realm role of master that a server-wide operation takes, where no client role lets anybody in."""
    requirement = context.requirement
    if not context.from_master or requirement is None or not requirement.master_realm_roles or requirement.any_of or requirement.admits:
        return ()
    if requirement.variant is not None and context.request.target.realm is not None:
        return ()  # what is handed out makes it so: a guard, and nobody is given the whole server for that
    return min(requirement.master_realm_roles, key=len)


def master_realm_role_out_of_scope(context: Context) -> Finding | None:
    """The account may hold that realm role, and its client's scope keeps it back."""
    wanted, facts = _realm_role_wanted(context), context.facts
    named = set(wanted) <= set(context.caller.realm_roles)
    if not wanted or facts.full_scope or (named and not context.grants_live):
        return None
    granted, in_scope = facts.realm_roles_granted, facts.realm_roles_in_scope
    if granted is None:
        bare = not context.caller.has_roles_claims and not context.roles_are_hidden
        return found(context, Cause.SCOPE_EXCLUDES_ROLE, LIKELY if bare else POSSIBLE, missing=wanted, summary=_HELD_BACK)
    if not set(wanted) <= set(granted) or in_scope is None or set(wanted) <= set(in_scope):
        return None
    return found(
        context,
        Cause.SCOPE_EXCLUDES_ROLE,
        CERTAIN,
        _holds(context, wanted),
        f"looked up: the scope of client {context.words['client']} does not let it through",
        missing=wanted,
        summary=_HELD_BACK,
    )


def master_realm_role_not_in_token(context: Context) -> Finding | None:
    """Older versions read that realm role from the token: one from before the grant lacks it, and one without the mapper too."""
    wanted, facts = _realm_role_wanted(context), context.facts
    if not wanted or context.grants_live or set(wanted) <= set(context.caller.realm_roles):
        return None
    granted, fresh = facts.realm_roles_granted, facts.fresh_token_realm_roles
    if granted is None:
        return found(context, Cause.TOKEN_OLDER_THAN_GRANT, POSSIBLE, missing=wanted)
    in_scope = facts.full_scope or (facts.realm_roles_in_scope is not None and set(wanted) <= set(facts.realm_roles_in_scope))
    if not set(wanted) <= set(granted) or not in_scope or fresh is None:
        return None
    cause = Cause.TOKEN_OLDER_THAN_GRANT if set(wanted) <= set(fresh) else Cause.ROLES_NOT_IN_TOKEN
    would = "would name it" if cause is Cause.TOKEN_OLDER_THAN_GRANT else "would not name it either"
    return found(context, cause, CERTAIN, _holds(context, wanted), f"looked up: a token fetched now {would}", missing=wanted)


def _holds(context: Context, wanted: RoleSet) -> str:
    return f"looked up: {context.words['who']} holds the realm role {list_of(wanted)} of master"


def token_older_than_realm(context: Context) -> Finding | None:
    """A master administrator's token lists the clients of the realms that existed when it was issued; older versions go by that list."""
    caller = context.caller
    if not context.from_master or context.grants_live or context.container in caller.client_roles:
        return None
    if not {"admin", "create-realm"} & set(caller.realm_roles) or not caller.has_roles_claims:
        return None
    rank = " and ".join(sorted({"admin", "create-realm"} & set(caller.realm_roles)))
    evidence = (
        f"the token names realm role {rank} of master, which brings the roles of each realm",
        f"it names no role of {context.words['container']}",
    )
    granted = context.granted_suffices
    if granted is False or context.fresh_token_suffices is False or context.scope_suffices is False:
        return None
    proven = granted and context.fresh_token_suffices
    confidence = CERTAIN if proven else LIKELY if "admin" in caller.realm_roles else POSSIBLE
    lookup = (
        (f"looked up: {context.words['who']} holds roles of {context.words['container']} now, and a new token would name them",)
        if proven
        else ()
    )
    return found(context, Cause.TOKEN_OLDER_THAN_REALM, confidence, *evidence, *lookup)
