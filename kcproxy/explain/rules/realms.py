"""Which realm the token is of, and which realm the call is about: refused before any role is looked at (MgmtPermissions)."""

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.situation import MASTER, Situation
from kcproxy.explain.text import list_of
from kcproxy.model import Cause


def token_of_other_realm(situation: Situation) -> Finding | None:
    """A realm is administered with its own tokens or with master's; its existence is proven by the 403 (else it were a 404)."""
    own, target = situation.caller.realm, situation.request.target.realm
    if own is None or target is None or own in {target, MASTER}:
        return None
    return found(
        situation,
        Cause.TOKEN_OF_OTHER_REALM,
        CERTAIN,
        f"the token's iss is {situation.caller.issuer}",
        f"the path names realm {target}",
    )


def server_wide_operation(situation: Situation) -> Finding | None:
    """Creating a realm takes a realm role of master, which no other realm's token can carry."""
    requirement = situation.requirement
    if situation.caller.realm in {None, MASTER} or situation.request.target.realm is not None or requirement is None:
        return None
    if requirement.any_of or requirement.admits:
        return None  # a realm's own roles open it
    return found(
        situation,
        Cause.SERVER_WIDE_OPERATION,
        CERTAIN if requirement.master_realm_roles else LIKELY,
        f"the token's iss is {situation.caller.issuer}",
        "the path names no realm: the call is about the whole server",
    )


def master_realm_role_missing(situation: Situation) -> Finding | None:
    """Server-wide operations that a realm role of master opens; its holder needs no client role."""
    requirement = situation.requirement
    if not situation.from_master or requirement is None or not requirement.master_realm_roles or requirement.any_of:
        return None
    granted = situation.facts.realm_roles_granted
    held = frozenset(situation.caller.realm_roles if granted is None else granted)
    if any(held.issuperset(roles) for roles in requirement.master_realm_roles):
        return None
    missing = min(requirement.master_realm_roles, key=len)
    names = list_of(missing)
    looked_up = f"looked up: {situation.words['who']} does not hold the realm role {names} of master"
    shows = not situation.roles_are_hidden
    return found(
        situation,
        Cause.ROLE_MISSING,
        LIKELY if granted is None else CERTAIN,
        f"the token of {situation.words['who']} does not name the realm role {names} of master" if shows else "",
        looked_up if granted is not None else "",
        missing=missing,
        summary="{who} may not {operation}: the realm role {roles} of master is missing.",
    )


def token_older_than_realm(situation: Situation) -> Finding | None:
    """A master administrator's token lists the clients of the realms that existed when it was issued; older versions go by that list."""
    caller = situation.caller
    if not situation.from_master or situation.grants_live or situation.container in caller.client_roles:
        return None
    if not {"admin", "create-realm"} & set(caller.realm_roles) or not caller.has_roles_claims:
        return None
    rank = " and ".join(sorted({"admin", "create-realm"} & set(caller.realm_roles)))
    evidence = (
        f"the token names realm role {rank} of master, which brings the roles of each realm",
        f"it names no role of {situation.container}",
    )
    granted = situation.granted_suffices
    if granted is False or situation.fresh_token_suffices is False or situation.scope_suffices is False:
        return None
    proven = granted and situation.fresh_token_suffices
    confidence = CERTAIN if proven else LIKELY if "admin" in caller.realm_roles else POSSIBLE
    lookup = (
        (f"looked up: {situation.words['who']} holds roles of {situation.container} now, and a new token would name them",)
        if proven
        else ()
    )
    return found(situation, Cause.TOKEN_OLDER_THAN_REALM, confidence, *evidence, *lookup)
