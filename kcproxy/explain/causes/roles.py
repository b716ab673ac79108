"""Causes about the role itself: what is required, what is granted, and what the token contains."""

from kcproxy.explain.causes.guards import is_allowed_by_permission, only_realm_admin, permissions_client, target_needs_other_role
from kcproxy.explain.causes.realms import master_realm_role_missing, master_realm_role_not_in_token
from kcproxy.explain.causes.spec import FOR_OPERATION, NEW_TOKEN, NOT_ALLOWED, NOT_WITH_THIS_TOKEN, REFUSED, CauseSpec, Remedy
from kcproxy.explain.context import (
    BUILT_IN_ADMIN_CLIENTS,
    Context,
    is_exchanged,
    is_fresh,
    is_own_service_account,
    roles_to_add,
)
from kcproxy.explain.evidence import grant_evidence, is_borrowed, listed, permissions_could_open, scope_is_suspect, token_evidence
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.fixes.build import grant, grant_realm_role
from kcproxy.explain.permission_needs import is_of_unknown_owner
from kcproxy.explain.targets import open_in_body
from kcproxy.explain.text import list_of, shown
from kcproxy.model import CallerKind, Cause, Confidence, RoleElsewhere, RoleSet


def role_missing(context: Context) -> Finding | None:
    """The most frequent cause, and what remains if nothing suggests a rarer one."""
    confidence = _missing_confidence(context)
    missing = context.missing
    guarded = only_realm_admin(context)
    if confidence is None or not missing or _is_guarded(context) or (guarded is not None and guarded.confidence is not POSSIBLE):
        return None
    cause = Cause.MASTER_ROLE_MISSING if context.from_master and context.request.target.realm else Cause.ROLE_MISSING
    unread = context.token_is_unread
    return found(
        cause,
        confidence,
        token_evidence,
        grant_evidence,
        missing=missing,
        reason=_UNREAD_REASON if unread else None,
        effect=_UNREAD_EFFECT if unread else None,
    )


_UNREAD_REASON = "The request had no readable token that shows {roles_phrase}"
_UNREAD_EFFECT = ", which {operation}{where} requires."


def refused_otherwise(context: Context) -> Finding | None:
    """A few operations refuse with another status code than 403, because Keycloak fails on its own refusal; the table has which."""
    requirement = context.requirement
    if requirement is None or requirement.refusal_status != context.answer.status or context.token_suffices:
        return None
    if context.granted_suffices or not context.missing:
        return None
    return found(
        Cause.MASTER_ROLE_MISSING if context.from_master else Cause.ROLE_MISSING,
        LIKELY,
        f"measured: Keycloak {requirement.keycloak} refuses this operation with {requirement.refusal_status}, not with 403",
        token_evidence,
        grant_evidence,
        missing=context.missing,
        effect=" for {operation}{where}; Keycloak reports this with {status} instead of 403.",
        status=requirement.refusal_status,
    )


def _is_guarded(context: Context) -> bool:
    """Whether only the roles in the body or of the user require more: a case for the escalation guard, if the plain call would pass."""
    if is_allowed_by_permission(context):
        return True
    requirement = context.requirement
    if requirement is None or not (requirement.variant or "").startswith("admin-role-"):
        return False
    plain = context.catalog.requirement(context.request.target, master=context.from_master)
    roles = context.facts.granted if context.facts.granted is not None else context.held
    return plain is not None and context.catalog.satisfies(frozenset(roles), plain.admits)


def _depends_on_what_is_hidden(context: Context) -> bool:
    """Whether the required roles may be others: for roles of a client, or in a realm with fine-grained admin permissions."""
    return is_of_unknown_owner(context) or bool(open_in_body(context)) or only_realm_admin(context) is not None


def _missing_confidence(context: Context) -> Confidence | None:
    granted = context.granted_suffices
    if granted is not None:
        doubt = permissions_could_open(context) or is_borrowed(context) or _depends_on_what_is_hidden(context)
        return None if granted else LIKELY if doubt else CERTAIN
    if context.token_suffices:
        return None
    if context.token_is_unread:
        return POSSIBLE
    return POSSIBLE if scope_is_suspect(context) else LIKELY


ROLE_MISSING = CauseSpec(
    cause=Cause.ROLE_MISSING,
    meaning="Every operation of the Admin REST API requires *roles of the client* `realm-management`, which exists in every realm. The account that the token belongs to, "
    "often `service-account-` followed by the client ID, does not have the role that this operation requires. A successful login, roles of the realm and roles "
    "of your own client make no difference.",
    reason="{Who} is missing {roles_phrase}",
    effect=FOR_OPERATION,
    check="Open the role mappings of {who} in realm {container_realm} and filter by client {container}. Look for {roles} among the assigned and inherited roles.",
    rules=(role_missing, master_realm_role_missing, refused_otherwise, permissions_client, target_needs_other_role),
    fixer=grant_realm_role,
    states_confidence=False,
    is_about_a_role=True,
)

MASTER_ROLE_MISSING = CauseSpec(
    cause=Cause.MASTER_ROLE_MISSING,
    meaning="Accounts of realm `master` can administer every realm, but not with roles of that realm's `realm-management`. Realm `master` has one client for each realm, named "
    "after it with the suffix `-realm` (`demo-realm`, and `master-realm` for master itself). Its roles have the same names, and one of them is missing.",
    reason="{Who} is missing {roles_phrase} in realm master",
    effect=FOR_OPERATION,
    check="Open the role mappings of {who} in realm master and filter by client {container}. Look for {roles} there.",
    rules=(role_missing, refused_otherwise, permissions_client, target_needs_other_role),
    fixer=grant,
    states_confidence=False,
    is_about_a_role=True,
)


def role_revoked(context: Context) -> Finding | None:
    """The token contains a sufficient role, and Keycloak checks the current grants."""
    if not context.grants_live or not context.token_suffices or context.granted_suffices:
        return None
    if context.granted_suffices is None:  # nothing shows that it was revoked
        return found(Cause.ROLE_REVOKED, POSSIBLE, missing=_needed_from_nothing(context), reason=_MAY_BE_REVOKED)
    return found(Cause.ROLE_REVOKED, CERTAIN, token_evidence, grant_evidence, missing=_needed_from_nothing(context))


_MAY_BE_REVOKED = "{Who} may no longer have {roles_phrase}: the token contains it, but Keycloak {version} checks the current grants"


def _needed_from_nothing(context: Context) -> RoleSet:
    granted = context.catalog.closure(context.facts.granted or ())
    named = tuple(tuple(role for role in roles if role not in granted) for roles in context.full if context.held.issuperset(roles))
    return context.catalog.least(named) or roles_to_add(context.catalog, context.requirement, granted)


ROLE_REVOKED = CauseSpec(
    cause=Cause.ROLE_REVOKED,
    meaning="The token was issued while the account had the role, and still contains it. Since 26.7 Keycloak checks the current grants instead of the token, so revoking a role takes effect "
    "immediately. On older versions such a token works until it expires.",
    reason="{Who} no longer has {roles_phrase}: the token still contains it, but Keycloak {version} checks the current grants",
    effect=REFUSED,
    check="Open the role mappings of {who}. Is {roles} of {container} still assigned? The admin events of the realm show when it was removed.",
    rules=(role_revoked, master_realm_role_missing),
    fixer=grant_realm_role,
    is_about_a_role=True,
)


def role_of_other_client(context: Context) -> Finding | None:
    """A realm role, or a role of another client, that only has the same name as the required one."""
    if context.token_suffices or context.granted_suffices or not context.missing:
        return None
    wanted = _names_that_would_do(context)
    looked_up = same_named(context, wanted)
    elsewhere = looked_up or named_by_token(context, wanted)  # a role from a group is in the token, but not among the account's own grants
    if not elsewhere:
        return None
    only_in_token = not looked_up and context.facts.granted_elsewhere is not None
    return found(
        Cause.ROLE_OF_OTHER_CLIENT,
        CERTAIN if context.granted_suffices is False else LIKELY,
        f"{'the look-up shows' if looked_up else 'the token contains'} {list_of(elsewhere)}",
        grant_evidence,
        missing=context.missing,
        reason=_ONLY_IN_TOKEN if only_in_token else None,
        elsewhere=list_of(elsewhere),
        have="have" if len(elsewhere) > 1 else "has",
    )


_ONLY_IN_TOKEN = "{Who} is missing {roles_phrase}: {elsewhere} in its token only {have} the name of an admin role"  # noqa: S105 - a sentence


def same_named(context: Context, wanted: frozenset[str]) -> tuple[str, ...]:
    """Roles of other owners among the looked-up grants that have the name of a missing role."""
    granted = context.facts.granted_elsewhere
    if not granted:
        return ()
    # For a token of master, the admin client of another realm is not this mistake.
    named = [role for role in granted if role.name in wanted and not (context.from_master and (role.client or "").endswith("-realm"))]
    return tuple(_words_of(role) for role in named[:4])


def _words_of(role: RoleElsewhere) -> str:
    if role.client is None:
        return f"realm role {shown(role.name)}"
    return f"role {shown(role.name)} of client {shown(role.client)}"


def named_by_token(context: Context, wanted: frozenset[str]) -> tuple[str, ...]:
    """Roles of other owners in the token that have the name of a missing role."""
    realm_roles = [RoleElsewhere(name=role) for role in context.caller.realm_roles if role in wanted]
    client_roles = [
        RoleElsewhere(name=role, client=client)
        for client, roles in context.caller.client_roles.items()
        if client != context.container and not (context.from_master and client.endswith("-realm"))
        for role in roles
        if role in wanted
    ]
    return tuple(map(_words_of, [*realm_roles, *client_roles][:4])) if realm_roles or client_roles else ()


def _names_that_would_do(context: Context) -> frozenset[str]:
    """The required roles and roles that contain them: a ``realm-admin`` of another client is a common mistake, too."""
    return context.catalog.sufficient(context.need).union(context.missing, *context.need)


ROLE_OF_OTHER_CLIENT = CauseSpec(
    cause=Cause.ROLE_OF_OTHER_CLIENT,
    meaning="Role names are unique only for one owner. `view-users` as a role of the realm, or of your own client, is a different role than `view-users` of `realm-management`, and only the "
    "latter allows calls of the Admin REST API. When the Admin console assigns roles, it shows the owner beside the name.",
    reason="{Who} is missing {roles_phrase}: {elsewhere} only {have} the name of an admin role",
    effect=REFUSED,
    check="In the role mappings of {who}, read which client each role belongs to. Only roles of {container} allow calls of the Admin REST API.",
    rules=(role_of_other_client,),
    fixer=grant,
    is_about_a_role=True,
)


def role_granted_to_other_account(context: Context) -> Finding | None:
    """Granted to a user, or to another client's service account. Who else has a role is not disclosed, so this remains a question."""
    if context.caller.kind is not CallerKind.SERVICE_ACCOUNT or context.token_suffices or context.granted_suffices is not None:
        return None
    return found(Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT, POSSIBLE, missing=context.missing) if context.missing else None


ROLE_GRANTED_TO_OTHER_ACCOUNT = CauseSpec(
    cause=Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT,
    meaning="The role was granted, but to a different account: to the developer's own user, to a user with a similar name, or to the service account of another client. A client-credentials token "
    "belongs to the service account of the client that requested it. kcproxy lists this only as a possibility, because it does not disclose who else has a role.",
    reason="{Roles_phrase} may have been granted to a different account than {who}",
    effect=NOT_ALLOWED,
    check="Compare the account that has {roles} with the account in the token: {who}.",
    rules=(role_granted_to_other_account,),
    fixer=grant,
)


def user_token_used(context: Context) -> Finding | None:
    """The service account has the role, but the request used a user's token of the same client."""
    if context.caller.kind is not CallerKind.USER or context.token_suffices or not context.missing:
        return None
    service_account = context.facts.granted_to_service_account
    if service_account is None:
        usual = context.caller.client_id in BUILT_IN_ADMIN_CLIENTS | {None} or context.granted_suffices is not None
        return None if usual else found(Cause.USER_TOKEN_USED, POSSIBLE, missing=context.missing)
    if context.granted_suffices or not context.catalog.satisfies(service_account, context.need):
        return None
    evidence = (
        f"the token belongs to user {context.words['who']}",
        # The user need not know what else that account may do.
        f"looked up: the service account of client {context.words['client']} may make this call",
    )
    return found(Cause.USER_TOKEN_USED, CERTAIN, *evidence, missing=context.missing)


USER_TOKEN_USED = CauseSpec(
    cause=Cause.USER_TOKEN_USED,
    meaning="One client can get tokens of two kinds of account: its service account (`client_credentials`) and a user (`password`, `authorization_code`). The role was granted to the service account, "
    "and the request used a token of a user.",
    reason="The token belongs to a user, but {roles_phrase} {are} granted to the service account of client {client}",
    effect=NOT_ALLOWED,
    check="Which grant type requested the token? client_credentials gives a token of the service account, password and authorization_code one of a user.",
    rules=(user_token_used,),
    remedies=(
        Remedy(
            summary="Request the token with grant_type=client_credentials of client {client}, which gives a token of its service account",
            steps=(
                "In the settings of the program, choose the grant type client_credentials",
                "Configure client {client} and its secret, without user name and password",
            ),
        ),
    ),
)


def service_account_recreated(context: Context) -> Finding | None:
    """Switching service accounts off and on creates a new user without grants; the old token names the old one (sub)."""
    caller, facts = context.caller, context.facts
    if not is_own_service_account(caller) or not context.grants_live:
        return None
    if facts.service_account_id is not None and caller.subject is not None:
        if facts.service_account_id == caller.subject:
            return None
        evidence = f"the sub of the token is {shown(caller.subject)}, the ID of the service account is {shown(facts.service_account_id)}"
        return found(Cause.SERVICE_ACCOUNT_RECREATED, CERTAIN, evidence, missing=_needed_from_nothing(context))
    if not context.token_suffices or context.granted_suffices is not None:
        return None
    return found(Cause.SERVICE_ACCOUNT_RECREATED, POSSIBLE, missing=_needed_from_nothing(context))


SERVICE_ACCOUNT_RECREATED = CauseSpec(
    cause=Cause.SERVICE_ACCOUNT_RECREATED,
    meaning="Switching *Service accounts roles* off deletes the service account. Switching it on again creates a new one with the same name and a new ID, without the grants of the old one. "
    "An older token still contains those roles, but since 26.7 they no longer count.",
    reason="The service account of client {client} was deleted and created again, and its grants were lost",
    effect=NOT_ALLOWED,
    check="Does the sub of a new token differ from that of the old one? Switching service accounts off and on creates a new account without grants.",
    rules=(service_account_recreated,),
    fixer=grant,
)


def token_older_than_grant(context: Context) -> Finding | None:
    """Older versions read roles from the token: a token from before the grant is still refused."""
    if context.grants_live or context.token_suffices or (not context.missing and not context.granted_suffices):
        return None
    if context.granted_suffices is False or context.scope_suffices is False or context.facts.role_mapper_attached is False:
        return None
    if context.fresh_token_suffices is False:
        return None  # a new token would be refused as well
    if context.granted_suffices is None:
        fresh = is_fresh(context.caller, context.now_epoch_seconds)  # the proxy has just replaced its own token
        return None if fresh else found(Cause.TOKEN_OLDER_THAN_GRANT, POSSIBLE, missing=context.missing)
    return found(
        Cause.TOKEN_OLDER_THAN_GRANT,
        CERTAIN if context.fresh_token_suffices and not is_exchanged(context.caller) else LIKELY,
        token_evidence,
        grant_evidence,
        f"looked up: a new token would contain {listed(context.facts.fresh_token_roles or ())}" if context.fresh_token_suffices else "",
        missing=roles_to_add(context.catalog, context.requirement, context.held),
        reason=_OLDER_THAN_THE_NAME if _names_others_of_master(context) else None,
    )


_OLDER_THAN_THE_NAME = (
    "The token was issued before {roles} of {container} {were} granted or before the realm got its current name,"
    " and Keycloak {version} reads roles from the token"
)


def _names_others_of_master(context: Context) -> bool:
    """Whether a token of master has the missing roles only for another realm's client: it may be the same realm under its former name."""
    if not context.from_master or context.caller.client_roles.get(context.container):
        return False
    others = [roles for client, roles in context.caller.client_roles.items() if client.endswith("-realm")]
    return any(context.catalog.satisfies(context.catalog.closure(roles), context.need) for roles in others)


TOKEN_OLDER_THAN_GRANT = CauseSpec(
    cause=Cause.TOKEN_OLDER_THAN_GRANT,
    meaning="On versions that read roles from the token, a grant does not change existing tokens. Keycloak refuses the request until a new token is fetched; waiting "
    "seems to help only because tokens expire. kcproxy replaces its own tokens immediately.",
    reason="The token was issued before {roles_phrase} {were} granted, and Keycloak {version} reads roles from the token",
    effect=NOT_WITH_THIS_TOKEN,
    check="Fetch a new token and repeat the request. If it passes, the old token was the reason.",
    rules=(token_older_than_grant, master_realm_role_not_in_token),
    remedies=(NEW_TOKEN,),
)

SPECS = (
    *(ROLE_MISSING, MASTER_ROLE_MISSING, ROLE_REVOKED, ROLE_OF_OTHER_CLIENT, ROLE_GRANTED_TO_OTHER_ACCOUNT),
    *(USER_TOKEN_USED, SERVICE_ACCOUNT_RECREATED, TOKEN_OLDER_THAN_GRANT),
)
