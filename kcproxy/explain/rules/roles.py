"""Needed, granted, in the token: rules about the role itself."""

from kcproxy.explain.context import (
    BUILT_IN_ADMIN_CLIENTS,
    Context,
    is_exchanged,
    is_fresh,
    is_own_service_account,
    roles_to_add,
    version_key,
)
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.text import list_of, roles_phrase, shown
from kcproxy.model import CallerKind, Cause, Confidence, RoleElsewhere, RoleSet


def role_missing(context: Context) -> Finding | None:
    """The commonest cause, and what is left when nothing speaks for a rarer one."""
    confidence = _missing_confidence(context)
    missing = context.missing
    if confidence is None or not missing or _is_guarded(context):
        return None
    cause = Cause.MASTER_ROLE_MISSING if context.from_master and context.request.target.realm else Cause.ROLE_MISSING
    summary = _TAKES if context.token_is_unread else None
    return found(context, cause, confidence, *token_evidence(context), *grant_evidence(context), missing=missing, summary=summary)


_TAKES = (
    "{who} may not {operation}{where}: it takes {roles_phrase}, and the request came with no token that shows whether the caller has that."
)


def refused_otherwise(context: Context) -> Finding | None:
    """Keycloak stumbles over its own refusal at a few operations, and answers with another status than 403; the table has which."""
    requirement = context.requirement
    if requirement is None or requirement.refusal_status != context.answer.status or context.token_suffices:
        return None
    if context.granted_suffices or not context.missing:
        return None
    return found(
        context,
        Cause.MASTER_ROLE_MISSING if context.from_master else Cause.ROLE_MISSING,
        LIKELY,
        f"measured: on Keycloak {requirement.keycloak} this operation is refused with {requirement.refusal_status}, not with 403",
        *token_evidence(context),
        *grant_evidence(context),
        missing=context.missing,
        summary="{who} may not {operation}{where}: {roles_phrase} {are} missing; this operation is refused with {status} instead of 403.",
        status=requirement.refusal_status,
    )


def _is_guarded(context: Context) -> bool:
    """What the body hands out is what takes more: the escalation guard's business, if the plain call would pass."""
    requirement = context.requirement
    if requirement is None or not (requirement.variant or "").startswith("admin-role-"):
        return False
    plain = context.catalog.requirement(context.request.target, master=context.from_master)
    roles = context.facts.granted if context.facts.granted is not None else context.held
    return plain is not None and context.catalog.satisfies(frozenset(roles), plain.admits)


def _missing_confidence(context: Context) -> Confidence | None:
    granted = context.granted_suffices
    if granted is not None:
        doubt = permissions_could_open(context) or is_borrowed(context)
        return None if granted else LIKELY if doubt else CERTAIN
    if context.token_suffices:
        return None
    if context.token_is_unread:
        return POSSIBLE
    return LIKELY if _shows_roles(context) else POSSIBLE if _scope_is_suspect(context) else LIKELY


def is_borrowed(context: Context) -> bool:
    """Whether the table is that of another minor version, which may need other roles."""
    requirement = context.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return False
    return version_key(requirement.asked_keycloak)[:2] != version_key(requirement.keycloak)[:2]


def permissions_could_open(context: Context) -> bool:
    """Whether the realm uses fine-grained permissions and the call is about a kind of thing that they cover."""
    kinds = ("users", "groups", "clients", "roles", "organizations")
    return bool(context.facts.admin_permissions_enabled) and any(f"/{kind}" in context.template for kind in kinds)


def _shows_roles(context: Context) -> bool:
    return context.caller.has_roles_claims


def _scope_is_suspect(context: Context) -> bool:
    """A full token names at least the realm's default roles; one without any was cut by the client's scope."""
    return not context.caller.has_roles_claims and not context.roles_are_hidden


def role_revoked(context: Context) -> Finding | None:
    """The token names a sufficient role, and Keycloak counts the grants as they are now."""
    if not context.grants_live or not context.token_suffices or context.granted_suffices:
        return None
    missing = _needed_from_nothing(context)
    confidence = LIKELY if context.granted_suffices is None else CERTAIN
    return found(context, Cause.ROLE_REVOKED, confidence, *token_evidence(context), *grant_evidence(context), missing=missing)


def _needed_from_nothing(context: Context) -> RoleSet:
    granted = context.catalog.closure(context.facts.granted or ())
    named = tuple(tuple(role for role in roles if role not in granted) for roles in context.full if context.held.issuperset(roles))
    return context.catalog.least(named) or roles_to_add(context.catalog, context.requirement, granted)


def service_account_recreated(context: Context) -> Finding | None:
    """Switching service accounts off and on makes a new user without grants; the old token names the old one (sub)."""
    caller, facts = context.caller, context.facts
    if not is_own_service_account(caller) or not context.grants_live:
        return None
    if facts.service_account_id is not None and caller.subject is not None:
        if facts.service_account_id == caller.subject:
            return None
        evidence = f"the token's sub is {shown(caller.subject)}, the service account's id is {shown(facts.service_account_id)}"
        return found(context, Cause.SERVICE_ACCOUNT_RECREATED, CERTAIN, evidence, missing=_needed_from_nothing(context))
    if not context.token_suffices or context.granted_suffices is not None:
        return None
    return found(context, Cause.SERVICE_ACCOUNT_RECREATED, POSSIBLE, missing=_needed_from_nothing(context))


def role_of_other_client(context: Context) -> Finding | None:
    """A realm role, or a role of another client, that only has the name of the needed one."""
    if context.token_suffices or context.granted_suffices or not context.missing:
        return None
    looked_up = same_named(context)
    elsewhere = looked_up or named_by_token(context)  # what came by a group is in the token, and not among the account's own grants
    if not elsewhere:
        return None
    certain = context.granted_suffices is False
    return found(
        context,
        Cause.ROLE_OF_OTHER_CLIENT,
        CERTAIN if certain else LIKELY,
        f"{'the look-up shows' if looked_up else 'the token names'} {list_of(elsewhere)}",
        *grant_evidence(context),
        missing=context.missing,
        summary=_NAMED_ONLY if not looked_up and context.facts.granted_elsewhere is not None else None,
        elsewhere=list_of(elsewhere),
    )


_NAMED_ONLY = "{who} may not {operation}{where}: what its token names is {elsewhere}, which only has the name of an admin role; {roles_phrase} {are} missing."


def same_named(context: Context) -> tuple[str, ...]:
    """Where else the missing roles' names occur among the looked-up grants."""
    wanted, granted = _names_that_would_do(context), context.facts.granted_elsewhere or ()
    # For a master token, another realm's admin client is no mistake of that kind.
    named = [role for role in granted if role.name in wanted and not (context.from_master and (role.client or "").endswith("-realm"))]
    return tuple(_words_of(role) for role in named[:4])


def _words_of(role: RoleElsewhere) -> str:
    if role.client is None:
        return f"realm role {shown(role.name)}"
    return f"role {shown(role.name)} of client {shown(role.client)}"


def named_by_token(context: Context) -> tuple[str, ...]:
    """Where else the token has those names."""
    wanted = _names_that_would_do(context)
    realm_roles = [RoleElsewhere(name=role) for role in context.caller.realm_roles if role in wanted]
    client_roles = [
        RoleElsewhere(name=role, client=client)
        for client, roles in context.caller.client_roles.items()
        if client != context.container and not (context.from_master and client.endswith("-realm"))
        for role in roles
        if role in wanted
    ]
    return tuple(map(_words_of, [*realm_roles, *client_roles][:4]))


def _names_that_would_do(context: Context) -> frozenset[str]:
    """The needed roles, and those that contain them: a ``realm-admin`` of another client has been taken for the real one too."""
    return context.catalog.sufficient(context.need).union(context.missing, *context.need)


def role_granted_to_other_account(context: Context) -> Finding | None:
    """Granted to a user, or to another client's service account. Who else holds a role is nobody's business here, so it stays a question."""
    if context.caller.kind is not CallerKind.SERVICE_ACCOUNT or context.token_suffices or context.granted_suffices is not None:
        return None
    return found(context, Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT, POSSIBLE, missing=context.missing) if context.missing else None


def user_token_used(context: Context) -> Finding | None:
    """The service account has the role, but the call was made with a user's token of the same client."""
    if context.caller.kind is not CallerKind.USER or context.token_suffices or not context.missing:
        return None
    service_account = context.facts.granted_to_service_account
    if service_account is None:
        usual = context.caller.client_id in BUILT_IN_ADMIN_CLIENTS | {None} or context.granted_suffices is not None
        return None if usual else found(context, Cause.USER_TOKEN_USED, POSSIBLE, missing=context.missing)
    if context.granted_suffices or not context.catalog.satisfies(service_account, context.need):
        return None
    evidence = (
        f"the token is of user {context.words['who']}",
        # No more of what that account may do is told: a user need not know.
        f"looked up: to the service account of client {context.words['client']} this call is open",
    )
    return found(context, Cause.USER_TOKEN_USED, CERTAIN, *evidence, missing=context.missing)


def token_older_than_grant(context: Context) -> Finding | None:
    """Older versions read roles from the token: one from before the grant goes on being refused."""
    if context.grants_live or context.token_suffices or (not context.missing and not context.granted_suffices):
        return None
    if context.granted_suffices is False or context.scope_suffices is False or context.facts.role_mapper_attached is False:
        return None
    if context.fresh_token_suffices is False:
        return None  # a new token would be refused as well
    if context.granted_suffices is None:
        fresh = is_fresh(context.caller, context.now_epoch_seconds)  # the proxy has just replaced its own
        return None if fresh else found(context, Cause.TOKEN_OLDER_THAN_GRANT, POSSIBLE, missing=context.missing)
    missing = roles_to_add(context.catalog, context.requirement, context.held)
    return found(
        context,
        Cause.TOKEN_OLDER_THAN_GRANT,
        CERTAIN if context.fresh_token_suffices and not is_exchanged(context.caller) else LIKELY,
        *token_evidence(context),
        *grant_evidence(context),
        f"looked up: a token fetched now would name {_listed(context.facts.fresh_token_roles or ())}"
        if context.fresh_token_suffices
        else "",
        missing=missing,
        summary=_OLDER_THAN_THE_NAME if _names_others_of_master(context) else None,
    )


_OLDER_THAN_THE_NAME = (
    "{who} may not {operation}{where} with this token: it was issued before {roles} of {container} {were} granted, or before the realm got this name, "
    "and Keycloak {version} reads roles from the token."
)


def _names_others_of_master(context: Context) -> bool:
    """Whether a master token names what is missing of another realm's client only: it may be the same realm under its name of then."""
    if not context.from_master or context.caller.client_roles.get(context.container):
        return False
    others = [roles for client, roles in context.caller.client_roles.items() if client.endswith("-realm")]
    return any(context.catalog.satisfies(context.catalog.closure(roles), context.need) for roles in others)


_UNREAD = (
    "the request came with no token that can be read, so nothing is known of the roles of whoever was refused",
    "Keycloak answers such a request with 401: what is in between may have added a token of its own",
)


def token_evidence(context: Context) -> tuple[str, ...]:
    """What the token shows of the owning client's roles, and what that is worth on this version."""
    caller, container = context.caller, context.container
    who = context.words["who"]
    roles = caller.client_roles.get(container, ())
    if roles:
        line = f"the token of {who} names {_listed(roles)} of {container}"
    elif context.token_is_unread:
        return _UNREAD
    elif context.roles_are_hidden:
        line = f"the token of {who} is a lightweight one: it shows no roles, so nothing follows from their absence"
    elif not caller.has_roles_claims:
        line = f"the token of {who} names no role at all, neither realm_access nor resource_access is in it"
    else:
        line = f"the token of {who} carries no role of {container}"
    return (line, *_other_realms(context), _worth(context))


def _other_realms(context: Context) -> tuple[str, ...]:
    """A master token that has the admin roles of other realms: a name in the path that is not the one that was meant."""
    if not context.from_master or context.caller.client_roles.get(context.container):
        return ()
    others = [client for client in context.caller.client_roles if client.endswith("-realm") and client != context.container]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"it carries roles of {list_of([shown(client) for client in others[:3]])}{more} only",) if others else ()


def _listed(roles: RoleSet) -> str:
    return list_of(roles[:12]) + (f" and {len(roles) - 12} more" if len(roles) > 12 else "")


def _worth(context: Context) -> str:
    version = context.words["version"]
    if context.grants_live:
        return f"Keycloak {version} counts the grants at the moment of the call, not the token's list"
    return f"Keycloak {version} counts the roles in the token"


def grant_evidence(context: Context) -> tuple[str, ...]:
    """What the look-ups gave about grants and scope."""
    facts, lines = context.facts, []
    if facts.granted is not None:
        granted = f"holds {_listed(facts.granted)}" if facts.granted else "holds no role"
        lines.append(f"looked up: {context.words['who']} {granted} of {context.words['container']}")
    if facts.full_scope is not None:
        lines.append(f"looked up: client {context.words['client']} has full scope {'on' if facts.full_scope else 'off'}")
    if facts.in_scope is not None and not facts.full_scope:
        lets = _listed(facts.in_scope) if facts.in_scope else "no role"
        lines.append(f"looked up: the scope of client {context.words['client']} lets through {lets} of {context.words['container']}")
    return tuple(lines)


def needed_phrase(context: Context) -> str:
    """The missing roles with their owner."""
    return roles_phrase(context.missing, context.container)
