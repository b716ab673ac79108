"""Granted, but it does not count: what a client's scope lets through, and what its mappers write into the token."""

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.roles import grant_evidence, token_evidence
from kcproxy.explain.situation import BUILT_IN_ADMIN_CLIENTS, LIVE_FOR_LIGHTWEIGHT_SINCE, Situation, is_exchanged, roles_to_add
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause, Confidence, RoleSet


def scope_excludes_role(situation: Situation) -> Finding | None:
    """Full scope off and the role not in the scope mappings: the grant does not count, live or in the token."""
    if situation.scope_suffices is True or situation.token_is_unread or not _scope_can_matter(situation):
        return None
    missing = _roles_to_let_through(situation)
    if not missing:
        return None
    if situation.scope_suffices is False and situation.granted_suffices is not None:
        if not situation.granted_suffices:
            return None  # the grant is what is missing first; the fix adds both
        return found(situation, Cause.SCOPE_EXCLUDES_ROLE, CERTAIN, *grant_evidence(situation), missing=missing)
    if situation.granted_suffices is False:
        return None
    bare = not situation.caller.has_roles_claims and not situation.roles_are_hidden
    return found(
        situation,
        Cause.SCOPE_EXCLUDES_ROLE,
        LIKELY if bare or situation.granted_suffices else POSSIBLE,
        *token_evidence(situation),
        "a token of a client with full scope names at least the realm's default roles" if bare else "",
        *grant_evidence(situation),
        missing=missing,
    )


def _scope_can_matter(situation: Situation) -> bool:
    if situation.token_suffices and not situation.grants_live:
        return False  # the scope has let it through: it is in the token, and the token counts
    if situation.caller.client_id in BUILT_IN_ADMIN_CLIENTS and situation.version < LIVE_FOR_LIGHTWEIGHT_SINCE:
        return False  # those versions look at the account itself
    return situation.requirement is not None


def _roles_to_let_through(situation: Situation) -> RoleSet:
    granted, in_scope = situation.facts.granted, frozenset(situation.facts.in_scope or ())
    catalog = situation.catalog
    if granted is None:
        return situation.missing or roles_to_add(catalog, situation.requirement, frozenset())
    held = catalog.closure(granted)
    usable = [roles for sets in (situation.full, situation.need) for roles in sets if held.issuperset(roles)]
    if not usable:
        return situation.missing
    full = [roles for roles in usable if roles in situation.full] or usable
    return catalog.least([tuple(role for role in roles if role not in in_scope) for roles in full]) or situation.missing


def _scope_is_suspect(situation: Situation) -> bool:
    return bool(situation.missing) and not situation.caller.has_roles_claims and not situation.roles_are_hidden


def scope_mapping_is_no_grant(situation: Situation) -> Finding | None:
    """The role stands in the client's scope and nowhere else: whoever put it there took the scope for a grant."""
    facts = situation.facts
    if facts.full_scope is None and facts.granted is None and _scope_is_suspect(situation):
        return found(situation, Cause.SCOPE_MAPPING_IS_NO_GRANT, POSSIBLE, missing=situation.missing)
    if facts.full_scope is not False or not facts.in_scope or situation.granted_suffices is not False:
        return None
    if not situation.catalog.satisfies(facts.in_scope, situation.need):
        return None
    return found(situation, Cause.SCOPE_MAPPING_IS_NO_GRANT, CERTAIN, *grant_evidence(situation), missing=situation.missing)


def roles_not_in_token(situation: Situation) -> Finding | None:
    """Versions that read the token: roles get into it by a mapper, as a rule that of the client scope ``roles``. Never the cause on live grants."""
    if situation.grants_live or situation.token_suffices or situation.caller.client_id in BUILT_IN_ADMIN_CLIENTS or not situation.need:
        return None
    if situation.token_is_unread:
        return None
    if situation.granted_suffices is False or situation.scope_suffices is False:
        return None
    if is_exchanged(situation.caller) and situation.container not in situation.caller.audiences:
        return _left_out_by_exchange(situation)
    if situation.fresh_token_suffices:
        return None
    facts = situation.facts
    confidence = _sure_of_the_mapper(situation)
    evidence = (*token_evidence(situation), *grant_evidence(situation))
    lookup = "looked up: no mapper of client roles applies to the client" if facts.role_mapper_attached is False else ""
    fresh = "looked up: a token fetched now would not name it either" if situation.fresh_token_suffices is False else ""
    return found(situation, Cause.ROLES_NOT_IN_TOKEN, confidence, *evidence, lookup, fresh, missing=situation.missing)


def _left_out_by_exchange(situation: Situation) -> Finding:
    """Standard token exchange with an audience leaves out the roles of all other clients; the token may be older than the grant besides."""
    audience = list_of([shown(name, 80) for name in situation.caller.audiences[:4]]) or "nobody"
    remedy = (
        "Exchange it without the parameter audience, or for {container} too (scope and audience permitting), "
        "or fetch a token for client {client} with grant_type=client_credentials"
    )
    return found(
        situation,
        Cause.ROLES_NOT_IN_TOKEN,
        LIKELY if situation.granted_suffices else POSSIBLE,
        f"the token was exchanged (its id says so), and its aud is {audience}",
        *token_evidence(situation),
        *grant_evidence(situation),
        missing=situation.missing,
        summary="{who} may not {operation}{where}: the token was exchanged for one for {audience}, which leaves out the roles of {container}, "
        "and Keycloak {version} reads roles from the token.",
        facts={"remedy": remedy.format_map(situation.words)},
        audience=audience,
    )


def _sure_of_the_mapper(situation: Situation) -> Confidence:
    facts = situation.facts
    if situation.fresh_token_suffices is False and situation.granted_suffices and situation.scope_suffices:
        return CERTAIN
    if facts.role_mapper_attached is False:
        return CERTAIN if situation.granted_suffices else LIKELY
    bare = not situation.caller.has_roles_claims and facts.role_mapper_attached is None
    return LIKELY if bare else POSSIBLE
