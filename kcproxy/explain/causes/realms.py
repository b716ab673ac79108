"""Causes about realms: which realm the token belongs to, and which one the call is about. Checked before any role (MgmtPermissions)."""

from kcproxy.explain.causes.spec import NEW_TOKEN, NOT_ALLOWED, NOT_WITH_THIS_TOKEN, NOTHING_MORE, CauseSpec, Remedy
from kcproxy.explain.context import MASTER, Context, is_of_proxy
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.text import list_of, sentence, shown
from kcproxy.model import Cause, Fix, RoleSet, Verdict


def token_of_other_realm(context: Context) -> Finding | None:
    """A realm is administered with its own tokens or with those of master. The 403 proves that the realm exists (otherwise: 404)."""
    own, target = context.caller.realm, context.request.target.realm
    if own is None or target is None or own in {target, MASTER}:
        return None
    return found(
        Cause.TOKEN_OF_OTHER_REALM,
        CERTAIN,
        f"the iss of the token is {shown(context.caller.issuer or '')}",
        f"the path names realm {shown(target)}",
        *_added_by_the_proxy(context),
        reason=_OF_THE_PROXY if is_of_proxy(context) else None,
    )


def _added_by_the_proxy(context: Context) -> tuple[str, ...]:
    """Who chose this token: the request had none."""
    if not is_of_proxy(context):
        return ()
    return (f"the request had no token, and kcproxy added that of {context.words['entry']} of its settings",)


_OF_THE_PROXY = (
    "kcproxy added the token of its account {client} of realm {caller_realm}, because its settings say so in {entry}, and only tokens of realm {realm}"
    " or of master can administer realm {realm}"
)


def correct_account(context: Context, _verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """For a token that the proxy added itself: what its settings should say."""
    if not is_of_proxy(context):
        return ()
    realm = shown(context.request.target.realm or MASTER)
    own = shown(context.caller.realm or "")
    return (
        Fix(
            summary=sentence(
                f"In the settings of kcproxy, add an account of realm {realm}, and let {context.words['entry']} serve only realm {own}"
            ),
            console=(
                f'Add an entry [[accounts]] with realm = "{realm}" and client_id = a confidential client of realm {realm} with a service account',
                *_grant_step(context),
                _narrowed(context, own),
                "Let the proxy reload its settings (SIGHUP)",
            ),
        ),
    )


def _grant_step(context: Context) -> tuple[str, ...]:
    least, container = context.requirement.least if context.requirement else None, context.words["realm"]
    if not least or context.request.target.realm is None:
        return ()
    owner = f"{container}-realm" if context.request.target.realm == MASTER else "realm-management"
    return (f"Grant {list_of(least)} of {owner} to that service account",)


def _narrowed(context: Context, own: str) -> str:
    account = context.request.account
    if account is None:
        return f"Let the entry that serves this realm now serve only realm {own}"
    if account.realm == "*":
        return f'In {account.position}, replace "*" by the realms that its client can administer: realm = "{own}"'
    return f'In {account.position}, remove "{shown(account.realm)}" from realms'


TOKEN_OF_OTHER_REALM = CauseSpec(
    cause=Cause.TOKEN_OF_OTHER_REALM,
    meaning="A realm can be administered with its own tokens and with tokens of `master`, and with no others. Keycloak checks this before any role. Typical of programs that have one setting for "
    "*the realm* although two are needed: the realm for the login, and the realm to administer.",
    reason="The token belongs to realm {caller_realm}, and only tokens of realm {realm} or of master can administer realm {realm}",
    effect=NOT_ALLOWED,
    check="Compare the realm at the end of the token's iss with the realm in the path.",
    rules=(token_of_other_realm,),
    fixer=correct_account,
    remedies=(
        Remedy(
            summary="Fetch the token from realm {realm}, with a client of that realm, and use it only for paths of that realm",
            steps=(
                "Set the token realm of the program (often called login realm, user realm or auth realm) to {realm}",
                "Use a confidential client of realm {realm} that has a service account",
                "Grant {roles} of realm-management to that service account",
            ),
        ),
    ),
)


def server_wide_operation(context: Context) -> Finding | None:
    """Creating a realm requires a realm role of master, which no token of another realm can contain."""
    requirement = context.requirement
    if context.caller.realm in {None, MASTER} or context.request.target.realm is not None or requirement is None:
        return None
    if requirement.any_of or requirement.admits:
        return None  # roles of a realm allow it
    return found(
        Cause.SERVER_WIDE_OPERATION,
        CERTAIN if requirement.master_realm_roles else LIKELY,
        f"the iss of the token is {shown(context.caller.issuer or '')}",
        "the path names no realm: the call is about the whole server",
        *_added_by_the_proxy(context),
        reason=_OF_THE_PROXY_FOR_THE_SERVER if is_of_proxy(context) else None,
    )


_OF_THE_PROXY_FOR_THE_SERVER = (
    "kcproxy added the token of its account {client} of realm {caller_realm}, because its settings say so in {entry}, but {operation} concerns"
    " the whole server and requires a token of realm master"
)


SERVER_WIDE_OPERATION = CauseSpec(
    cause=Cause.SERVER_WIDE_OPERATION,
    meaning="Some operations are not about one realm, above all creating a realm. They require an account of `master` with the matching *realm role* of master (`create-realm`). "
    "`realm-admin` of another realm does not reach beyond that realm.",
    reason="The token of {who} belongs to realm {caller_realm}, but {operation} concerns the whole server and requires a token of realm master",
    effect=NOTHING_MORE,
    check="Does the path contain a realm? If not, the call is about the whole server.",
    rules=(server_wide_operation,),
    fixer=correct_account,
    remedies=(
        Remedy(
            summary="Use a service account of realm master that has the required role; most programs can also skip this call",
            steps=(
                "Look for an option of the program that skips its initial call of server-wide endpoints",
                "Otherwise use a client of realm master whose service account has the realm role of master that is named above",
            ),
        ),
    ),
)


def master_realm_role_missing(context: Context) -> Finding | None:
    """Server-wide operations that only a realm role of master allows: the account does not have it, or no longer has it."""
    wanted = _realm_role_wanted(context)
    granted = context.facts.realm_roles_granted
    if not wanted or (granted is not None and set(wanted) <= set(granted)):
        return None
    named = set(wanted) <= set(context.caller.realm_roles)
    if named and not context.grants_live:
        return None
    who, phrase = context.words["who"], _phrase(wanted)
    looked_up = f"looked up: {who} does not have {phrase}" if granted is not None else ""
    confidence = LIKELY if granted is None else CERTAIN
    if named:
        evidence = f"the token of {who} contains {phrase}"
        if granted is None:  # nothing shows that it was revoked
            reason = "{Who} may no longer have {roles_phrase}, which the token contains"
            return found(Cause.ROLE_REVOKED, POSSIBLE, missing=wanted, reason=reason, roles_phrase=phrase)
        return found(Cause.ROLE_REVOKED, confidence, evidence, looked_up, missing=wanted, roles_phrase=phrase)
    evidence = "" if context.roles_are_hidden else f"the token of {who} does not contain {phrase}"
    return found(Cause.ROLE_MISSING, confidence, evidence, looked_up, missing=wanted, roles_phrase=phrase)


def _phrase(roles: RoleSet) -> str:
    return f"the realm role {list_of(roles)} of master"


def _realm_role_wanted(context: Context) -> RoleSet:
    """The realm role of master that a server-wide operation requires, if no client role is enough."""
    requirement = context.requirement
    if not context.from_master or requirement is None or not requirement.master_realm_roles or requirement.any_of or requirement.admits:
        return ()
    if requirement.variant is not None and context.request.target.realm is not None:
        return ()  # only the roles in the body require it: a guard, and no reason to grant power over the whole server
    return min(requirement.master_realm_roles, key=len)


def master_realm_role_out_of_scope(context: Context) -> Finding | None:
    """The account may have that realm role, and the scope of its client leaves it out."""
    wanted, facts = _realm_role_wanted(context), context.facts
    named = set(wanted) <= set(context.caller.realm_roles)
    if not wanted or facts.full_scope or (named and not context.grants_live):
        return None
    granted, in_scope, phrase = facts.realm_roles_granted, facts.realm_roles_in_scope, _phrase(wanted)
    if granted is None:
        bare = not context.caller.has_roles_claims and not context.roles_are_hidden
        return found(Cause.SCOPE_EXCLUDES_ROLE, LIKELY if bare else POSSIBLE, missing=wanted, roles_phrase=phrase)
    if not set(wanted) <= set(granted) or in_scope is None or set(wanted) <= set(in_scope):
        return None
    lookup = f"looked up: the scope of client {context.words['client']} does not contain it"
    return found(Cause.SCOPE_EXCLUDES_ROLE, CERTAIN, _has(context, wanted), lookup, missing=wanted, roles_phrase=phrase)


def master_realm_role_not_in_token(context: Context) -> Finding | None:
    """Older versions read that realm role from the token: it is missing in tokens from before the grant, and in tokens without the mapper."""
    wanted, facts = _realm_role_wanted(context), context.facts
    if not wanted or context.grants_live or set(wanted) <= set(context.caller.realm_roles):
        return None
    granted, fresh, phrase = facts.realm_roles_granted, facts.fresh_token_realm_roles, _phrase(wanted)
    if granted is None:
        return found(Cause.TOKEN_OLDER_THAN_GRANT, POSSIBLE, missing=wanted, roles_phrase=phrase)
    in_scope = facts.full_scope or (facts.realm_roles_in_scope is not None and set(wanted) <= set(facts.realm_roles_in_scope))
    if not set(wanted) <= set(granted) or not in_scope or fresh is None:
        return None
    cause = Cause.TOKEN_OLDER_THAN_GRANT if set(wanted) <= set(fresh) else Cause.ROLES_NOT_IN_TOKEN
    would = "would contain it" if cause is Cause.TOKEN_OLDER_THAN_GRANT else "would not contain it either"
    return found(cause, CERTAIN, _has(context, wanted), f"looked up: a new token {would}", missing=wanted, roles_phrase=phrase)


def _has(context: Context, wanted: RoleSet) -> str:
    return f"looked up: {context.words['who']} has {_phrase(wanted)}"


def token_older_than_realm(context: Context) -> Finding | None:
    """A token of a master administrator lists the clients of the realms that existed when it was issued; older versions use that list."""
    caller = context.caller
    if not context.from_master or context.grants_live or context.container in caller.client_roles:
        return None
    if not {"admin", "create-realm"} & set(caller.realm_roles) or not caller.has_roles_claims:
        return None
    if context.granted_suffices is False or context.fresh_token_suffices is False or context.scope_suffices is False:
        return None
    rank = " and ".join(sorted({"admin", "create-realm"} & set(caller.realm_roles)))
    container, who = context.words["container"], context.words["who"]
    proven = context.granted_suffices and context.fresh_token_suffices
    return found(
        Cause.TOKEN_OLDER_THAN_REALM,
        CERTAIN if proven else LIKELY if "admin" in caller.realm_roles else POSSIBLE,
        f"the token contains realm role {rank} of master, which includes the roles of each realm",
        f"it contains no role of {container}",
        f"looked up: {who} has roles of {container} now, and a new token would contain them" if proven else "",
    )


TOKEN_OLDER_THAN_REALM = CauseSpec(
    cause=Cause.TOKEN_OLDER_THAN_REALM,
    meaning="A token of an administrator of `master` lists the admin clients of the realms that existed when it was issued. A realm that was created with this token is not among them. "
    "Versions that read roles from the token therefore refuse the very next call for the new realm. The account has the roles; the token is too old.",
    reason="The token was issued before realm {realm} and the roles of {container} were created",
    effect=NOT_WITH_THIS_TOKEN,
    check="Fetch a new token and repeat the request. If it passes, the old token was the reason. Waiting alone does not help.",
    rules=(token_older_than_realm,),
    remedies=(
        Remedy(
            summary="Fetch a new token with the same client right after creating a realm; the new token contains the roles of the realm",
            steps=NEW_TOKEN.steps,
        ),
    ),
)

SPECS = (TOKEN_OF_OTHER_REALM, SERVER_WIDE_OPERATION, TOKEN_OLDER_THAN_REALM)
