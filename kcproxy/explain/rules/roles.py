"""Needed, granted, in the token: rules about the role itself."""

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.situation import (
    BUILT_IN_ADMIN_CLIENTS,
    Situation,
    is_exchanged,
    is_fresh,
    is_own_service_account,
    roles_to_add,
    version_key,
)
from kcproxy.explain.text import list_of, roles_phrase, shown
from kcproxy.model import CallerKind, Cause, Confidence, RoleElsewhere, RoleSet


def role_missing(situation: Situation) -> Finding | None:
    """The commonest cause, and what is left when nothing speaks for a rarer one."""
    confidence = _missing_confidence(situation)
    missing = situation.missing
    if confidence is None or not missing or _is_guarded(situation):
        return None
    cause = Cause.MASTER_ROLE_MISSING if situation.from_master and situation.request.target.realm else Cause.ROLE_MISSING
    summary = _TAKES if situation.token_is_unread else None
    return found(situation, cause, confidence, *token_evidence(situation), *grant_evidence(situation), missing=missing, summary=summary)


_TAKES = (
    "{who} may not {operation}{where}: it takes {roles_phrase}, and the request came with no token that shows whether the caller has that."
)


def refused_otherwise(situation: Situation) -> Finding | None:
    """Keycloak stumbles over its own refusal at a few operations, and answers with another status than 403; the table has which."""
    requirement = situation.requirement
    if requirement is None or requirement.refusal_status != situation.answer.status or situation.token_suffices:
        return None
    if situation.granted_suffices or not situation.missing:
        return None
    return found(
        situation,
        Cause.MASTER_ROLE_MISSING if situation.from_master else Cause.ROLE_MISSING,
        LIKELY,
        f"measured: on Keycloak {requirement.keycloak} this operation is refused with {requirement.refusal_status}, not with 403",
        *token_evidence(situation),
        *grant_evidence(situation),
        missing=situation.missing,
        summary="{who} may not {operation}{where}: {roles_phrase} {are} missing; this operation is refused with {status} instead of 403.",
        status=requirement.refusal_status,
    )


def _is_guarded(situation: Situation) -> bool:
    """What the body hands out is what takes more: the escalation guard's business, if the plain call would pass."""
    requirement = situation.requirement
    if requirement is None or not (requirement.variant or "").startswith("admin-role-"):
        return False
    plain = situation.catalog.requirement(situation.request.target, master=situation.from_master)
    roles = situation.facts.granted if situation.facts.granted is not None else situation.held
    return plain is not None and situation.catalog.satisfies(frozenset(roles), plain.admits)


def _missing_confidence(situation: Situation) -> Confidence | None:
    granted = situation.granted_suffices
    if granted is not None:
        doubt = permissions_could_open(situation) or is_borrowed(situation)
        return None if granted else LIKELY if doubt else CERTAIN
    if situation.token_suffices:
        return None
    if situation.token_is_unread:
        return POSSIBLE
    return LIKELY if _shows_roles(situation) else POSSIBLE if _scope_is_suspect(situation) else LIKELY


def is_borrowed(situation: Situation) -> bool:
    """Whether the table is that of another minor version, which may need other roles."""
    requirement = situation.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return False
    return version_key(requirement.asked_keycloak)[:2] != version_key(requirement.keycloak)[:2]


def permissions_could_open(situation: Situation) -> bool:
    """Whether the realm uses fine-grained permissions and the call is about a kind of thing that they cover."""
    kinds = ("users", "groups", "clients", "roles", "organizations")
    return bool(situation.facts.admin_permissions_enabled) and any(f"/{kind}" in situation.template for kind in kinds)


def _shows_roles(situation: Situation) -> bool:
    return situation.caller.has_roles_claims


def _scope_is_suspect(situation: Situation) -> bool:
    """A full token names at least the realm's default roles; one without any was cut by the client's scope."""
    return not situation.caller.has_roles_claims and not situation.roles_are_hidden


def role_revoked(situation: Situation) -> Finding | None:
    """The token names a sufficient role, and Keycloak counts the grants as they are now."""
    if not situation.grants_live or not situation.token_suffices or situation.granted_suffices:
        return None
    missing = _needed_from_nothing(situation)
    confidence = LIKELY if situation.granted_suffices is None else CERTAIN
    return found(situation, Cause.ROLE_REVOKED, confidence, *token_evidence(situation), *grant_evidence(situation), missing=missing)


def _needed_from_nothing(situation: Situation) -> RoleSet:
    granted = situation.catalog.closure(situation.facts.granted or ())
    named = tuple(tuple(role for role in roles if role not in granted) for roles in situation.full if situation.held.issuperset(roles))
    return situation.catalog.least(named) or roles_to_add(situation.catalog, situation.requirement, granted)


def service_account_recreated(situation: Situation) -> Finding | None:
    """Switching service accounts off and on makes a new user without grants; the old token names the old one (sub)."""
    caller, facts = situation.caller, situation.facts
    if not is_own_service_account(caller) or not situation.grants_live:
        return None
    if facts.service_account_id is not None and caller.subject is not None:
        if facts.service_account_id == caller.subject:
            return None
        evidence = f"the token's sub is {shown(caller.subject)}, the service account's id is {shown(facts.service_account_id)}"
        return found(situation, Cause.SERVICE_ACCOUNT_RECREATED, CERTAIN, evidence, missing=_needed_from_nothing(situation))
    if not situation.token_suffices or situation.granted_suffices is not None:
        return None
    return found(situation, Cause.SERVICE_ACCOUNT_RECREATED, POSSIBLE, missing=_needed_from_nothing(situation))


def role_of_other_client(situation: Situation) -> Finding | None:
    """A realm role, or a role of another client, that only has the name of the needed one."""
    if situation.token_suffices or situation.granted_suffices or not situation.missing:
        return None
    looked_up = same_named(situation)
    elsewhere = looked_up or named_by_token(situation)  # what came by a group is in the token, and not among the account's own grants
    if not elsewhere:
        return None
    certain = situation.granted_suffices is False
    return found(
        situation,
        Cause.ROLE_OF_OTHER_CLIENT,
        CERTAIN if certain else LIKELY,
        f"{'the look-up shows' if looked_up else 'the token names'} {list_of(elsewhere)}",
        *grant_evidence(situation),
        missing=situation.missing,
        summary=_NAMED_ONLY if not looked_up and situation.facts.granted_elsewhere is not None else None,
        elsewhere=list_of(elsewhere),
    )


_NAMED_ONLY = "{who} may not {operation}{where}: what its token names is {elsewhere}, which only has the name of an admin role; {roles_phrase} {are} missing."


def same_named(situation: Situation) -> tuple[str, ...]:
    """Where else the missing roles' names occur among the looked-up grants."""
    wanted, granted = _names_that_would_do(situation), situation.facts.granted_elsewhere or ()
    # For a master token, another realm's admin client is no mistake of that kind.
    named = [role for role in granted if role.name in wanted and not (situation.from_master and (role.client or "").endswith("-realm"))]
    return tuple(_words_of(role) for role in named[:4])


def _words_of(role: RoleElsewhere) -> str:
    if role.client is None:
        return f"realm role {shown(role.name)}"
    return f"role {shown(role.name)} of client {shown(role.client)}"


def named_by_token(situation: Situation) -> tuple[str, ...]:
    """Where else the token has those names."""
    wanted = _names_that_would_do(situation)
    realm_roles = [RoleElsewhere(name=role) for role in situation.caller.realm_roles if role in wanted]
    client_roles = [
        RoleElsewhere(name=role, client=client)
        for client, roles in situation.caller.client_roles.items()
        if client != situation.container and not (situation.from_master and client.endswith("-realm"))
        for role in roles
        if role in wanted
    ]
    return tuple(map(_words_of, [*realm_roles, *client_roles][:4]))


def _names_that_would_do(situation: Situation) -> frozenset[str]:
    """The needed roles, and those that contain them: a ``realm-admin`` of another client has been taken for the real one too."""
    return situation.catalog.sufficient(situation.need).union(situation.missing, *situation.need)


def role_granted_to_other_account(situation: Situation) -> Finding | None:
    """Granted to a user, or to another client's service account. Who else holds a role is nobody's business here, so it stays a question."""
    if situation.caller.kind is not CallerKind.SERVICE_ACCOUNT or situation.token_suffices or situation.granted_suffices is not None:
        return None
    return found(situation, Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT, POSSIBLE, missing=situation.missing) if situation.missing else None


def user_token_used(situation: Situation) -> Finding | None:
    """The service account has the role, but the call was made with a user's token of the same client."""
    if situation.caller.kind is not CallerKind.USER or situation.token_suffices or not situation.missing:
        return None
    service_account = situation.facts.granted_to_service_account
    if service_account is None:
        usual = situation.caller.client_id in BUILT_IN_ADMIN_CLIENTS | {None} or situation.granted_suffices is not None
        return None if usual else found(situation, Cause.USER_TOKEN_USED, POSSIBLE, missing=situation.missing)
    if situation.granted_suffices or not situation.catalog.satisfies(service_account, situation.need):
        return None
    evidence = (
        f"the token is of user {situation.words['who']}",
        # No more of what that account may do is told: a user need not know.
        f"looked up: to the service account of client {situation.words['client']} this call is open",
    )
    return found(situation, Cause.USER_TOKEN_USED, CERTAIN, *evidence, missing=situation.missing)


def token_older_than_grant(situation: Situation) -> Finding | None:
    """Older versions read roles from the token: one from before the grant goes on being refused."""
    if situation.grants_live or situation.token_suffices or (not situation.missing and not situation.granted_suffices):
        return None
    if situation.granted_suffices is False or situation.scope_suffices is False or situation.facts.role_mapper_attached is False:
        return None
    if situation.fresh_token_suffices is False:
        return None  # a new token would be refused as well
    if situation.granted_suffices is None:
        fresh = is_fresh(situation.caller, situation.now_epoch_seconds)  # the proxy has just replaced its own
        return None if fresh else found(situation, Cause.TOKEN_OLDER_THAN_GRANT, POSSIBLE, missing=situation.missing)
    missing = roles_to_add(situation.catalog, situation.requirement, situation.held)
    return found(
        situation,
        Cause.TOKEN_OLDER_THAN_GRANT,
        CERTAIN if situation.fresh_token_suffices and not is_exchanged(situation.caller) else LIKELY,
        *token_evidence(situation),
        *grant_evidence(situation),
        f"looked up: a token fetched now would name {_listed(situation.facts.fresh_token_roles or ())}"
        if situation.fresh_token_suffices
        else "",
        missing=missing,
        summary=_OLDER_THAN_THE_NAME if _names_others_of_master(situation) else None,
    )


_OLDER_THAN_THE_NAME = (
    "{who} may not {operation}{where} with this token: it was issued before {roles} of {container} {were} granted, or before the realm got this name, "
    "and Keycloak {version} reads roles from the token."
)


def _names_others_of_master(situation: Situation) -> bool:
    """Whether a master token names what is missing of another realm's client only: it may be the same realm under its name of then."""
    if not situation.from_master or situation.caller.client_roles.get(situation.container):
        return False
    others = [roles for client, roles in situation.caller.client_roles.items() if client.endswith("-realm")]
    return any(situation.catalog.satisfies(situation.catalog.closure(roles), situation.need) for roles in others)


_UNREAD = (
    "the request came with no token that can be read, so nothing is known of the roles of whoever was refused",
    "Keycloak answers such a request with 401: what is in between may have added a token of its own",
)


def token_evidence(situation: Situation) -> tuple[str, ...]:
    """What the token shows of the owning client's roles, and what that is worth on this version."""
    caller, container = situation.caller, situation.container
    who = situation.words["who"]
    roles = caller.client_roles.get(container, ())
    if roles:
        line = f"the token of {who} names {_listed(roles)} of {container}"
    elif situation.token_is_unread:
        return _UNREAD
    elif situation.roles_are_hidden:
        line = f"the token of {who} is a lightweight one: it shows no roles, so nothing follows from their absence"
    elif not caller.has_roles_claims:
        line = f"the token of {who} names no role at all, neither realm_access nor resource_access is in it"
    else:
        line = f"the token of {who} carries no role of {container}"
    return (line, *_other_realms(situation), _worth(situation))


def _other_realms(situation: Situation) -> tuple[str, ...]:
    """A master token that has the admin roles of other realms: a name in the path that is not the one that was meant."""
    if not situation.from_master or situation.caller.client_roles.get(situation.container):
        return ()
    others = [client for client in situation.caller.client_roles if client.endswith("-realm") and client != situation.container]
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"it carries roles of {list_of([shown(client) for client in others[:3]])}{more} only",) if others else ()


def _listed(roles: RoleSet) -> str:
    return list_of(roles[:12]) + (f" and {len(roles) - 12} more" if len(roles) > 12 else "")


def _worth(situation: Situation) -> str:
    version = situation.words["version"]
    if situation.grants_live:
        return f"Keycloak {version} counts the grants at the moment of the call, not the token's list"
    return f"Keycloak {version} counts the roles in the token"


def grant_evidence(situation: Situation) -> tuple[str, ...]:
    """What the look-ups gave about grants and scope."""
    facts, lines = situation.facts, []
    if facts.granted is not None:
        granted = f"holds {_listed(facts.granted)}" if facts.granted else "holds no role"
        lines.append(f"looked up: {situation.words['who']} {granted} of {situation.words['container']}")
    if facts.full_scope is not None:
        lines.append(f"looked up: client {situation.words['client']} has full scope {'on' if facts.full_scope else 'off'}")
    if facts.in_scope is not None and not facts.full_scope:
        lets = _listed(facts.in_scope) if facts.in_scope else "no role"
        lines.append(f"looked up: the scope of client {situation.words['client']} lets through {lets} of {situation.words['container']}")
    return tuple(lines)


def needed_phrase(situation: Situation) -> str:
    """The missing roles with their owner."""
    return roles_phrase(situation.missing, situation.container)
