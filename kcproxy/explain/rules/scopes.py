"""Granted, but it does not count: what a client's scope lets through, and what its mappers write into the token."""

from kcproxy.explain.context import BUILT_IN_ADMIN_CLIENTS, LIVE_FOR_LIGHTWEIGHT_SINCE, Context, is_exchanged, roles_to_add
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.roles import grant_evidence, token_evidence
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause, Confidence, RoleSet


def scope_excludes_role(context: Context) -> Finding | None:
    """Full scope off and the role not in the scope mappings: the grant does not count, live or in the token."""
    if context.scope_suffices is True or context.token_is_unread or not _scope_can_matter(context):
        return None
    missing = _roles_to_let_through(context)
    if not missing:
        return None
    if context.scope_suffices is False and context.granted_suffices is not None:
        if not context.granted_suffices:
            return None  # the grant is what is missing first; the fix adds both
        return found(context, Cause.SCOPE_EXCLUDES_ROLE, CERTAIN, *grant_evidence(context), missing=missing)
    if context.granted_suffices is False:
        return None
    bare = not context.caller.has_roles_claims and not context.roles_are_hidden
    return found(
        context,
        Cause.SCOPE_EXCLUDES_ROLE,
        LIKELY if bare or context.granted_suffices else POSSIBLE,
        *token_evidence(context),
        "a token of a client with full scope names at least the realm's default roles" if bare else "",
        *grant_evidence(context),
        missing=missing,
    )


def _scope_can_matter(context: Context) -> bool:
    if context.token_suffices and not context.grants_live:
        return False  # the scope has let it through: it is in the token, and the token counts
    if context.caller.client_id in BUILT_IN_ADMIN_CLIENTS and context.version < LIVE_FOR_LIGHTWEIGHT_SINCE:
        return False  # those versions look at the account itself
    return context.requirement is not None


def _roles_to_let_through(context: Context) -> RoleSet:
    granted, in_scope = context.facts.granted, frozenset(context.facts.in_scope or ())
    catalog = context.catalog
    if granted is None:
        return context.missing or roles_to_add(catalog, context.requirement, frozenset())
    held = catalog.closure(granted)
    usable = [roles for sets in (context.full, context.need) for roles in sets if held.issuperset(roles)]
    if not usable:
        return context.missing
    full = [roles for roles in usable if roles in context.full] or usable
    return catalog.least([tuple(role for role in roles if role not in in_scope) for roles in full]) or context.missing


def _scope_is_suspect(context: Context) -> bool:
    return bool(context.missing) and not context.caller.has_roles_claims and not context.roles_are_hidden


def scope_mapping_is_no_grant(context: Context) -> Finding | None:
    """The role stands in the client's scope and nowhere else: whoever put it there took the scope for a grant."""
    facts = context.facts
    if facts.full_scope is None and facts.granted is None and _scope_is_suspect(context):
        return found(context, Cause.SCOPE_MAPPING_IS_NO_GRANT, POSSIBLE, missing=context.missing)
    if facts.full_scope is not False or not facts.in_scope or context.granted_suffices is not False:
        return None
    if not context.catalog.satisfies(facts.in_scope, context.need):
        return None
    return found(context, Cause.SCOPE_MAPPING_IS_NO_GRANT, CERTAIN, *grant_evidence(context), missing=context.missing)


def roles_not_in_token(context: Context) -> Finding | None:
    """Versions that read the token: roles get into it by a mapper, as a rule that of the client scope ``roles``. Never the cause on live grants."""
    if context.grants_live or context.token_suffices or context.caller.client_id in BUILT_IN_ADMIN_CLIENTS or not context.need:
        return None
    if context.token_is_unread:
        return None
    if context.granted_suffices is False or context.scope_suffices is False:
        return None
    if is_exchanged(context.caller) and context.container not in context.caller.audiences:
        return _left_out_by_exchange(context)
    if context.fresh_token_suffices:
        return None
    facts = context.facts
    confidence = _sure_of_the_mapper(context)
    evidence = (*token_evidence(context), *grant_evidence(context))
    lookup = "looked up: no mapper of client roles applies to the client" if facts.role_mapper_attached is False else ""
    fresh = "looked up: a token fetched now would not name it either" if context.fresh_token_suffices is False else ""
    return found(context, Cause.ROLES_NOT_IN_TOKEN, confidence, *evidence, lookup, fresh, missing=context.missing)


def _left_out_by_exchange(context: Context) -> Finding:
    """Standard token exchange with an audience leaves out the roles of all other clients; the token may be older than the grant besides."""
    audience = list_of([shown(name, 80) for name in context.caller.audiences[:4]]) or "nobody"
    remedy = (
        "Exchange it without the parameter audience, or for {container} too (scope and audience permitting), "
        "or fetch a token for client {client} with grant_type=client_credentials"
    )
    return found(
        context,
        Cause.ROLES_NOT_IN_TOKEN,
        LIKELY if context.granted_suffices else POSSIBLE,
        f"the token was exchanged (its id says so), and its aud is {audience}",
        *token_evidence(context),
        *grant_evidence(context),
        missing=context.missing,
        summary="{who} may not {operation}{where}: the token was exchanged for one for {audience}, which leaves out the roles of {container}, "
        "and Keycloak {version} reads roles from the token.",
        facts={"remedy": remedy.format_map(context.words)},
        audience=audience,
    )


def _sure_of_the_mapper(context: Context) -> Confidence:
    facts = context.facts
    if context.fresh_token_suffices is False and context.granted_suffices and context.scope_suffices:
        return CERTAIN
    if facts.role_mapper_attached is False:
        return CERTAIN if context.granted_suffices else LIKELY
    bare = not context.caller.has_roles_claims and facts.role_mapper_attached is None
    return LIKELY if bare else POSSIBLE
