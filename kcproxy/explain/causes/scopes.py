"""Causes for roles that are granted but do not count: the scope of the client, and the mappers that write roles into the token."""

from kcproxy.explain.causes.realms import master_realm_role_not_in_token, master_realm_role_out_of_scope
from kcproxy.explain.causes.spec import NOT_ALLOWED, REFUSED, CauseSpec, Remedy
from kcproxy.explain.context import BUILT_IN_ADMIN_CLIENTS, LIVE_FOR_LIGHTWEIGHT_SINCE, Context, is_exchanged, roles_to_add
from kcproxy.explain.evidence import grant_evidence, scope_is_suspect, token_evidence
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.fixes.build import grant, let_through
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause, Confidence, RoleSet


def scope_mapping_is_no_grant(context: Context) -> Finding | None:
    """The role is in the scope of the client and is not granted: the scope was mistaken for a grant."""
    facts = context.facts
    if facts.full_scope is None and facts.granted is None and context.missing and scope_is_suspect(context):
        return found(Cause.SCOPE_MAPPING_IS_NO_GRANT, POSSIBLE, missing=context.missing)
    if facts.full_scope is not False or not facts.in_scope or context.granted_suffices is not False:
        return None
    if not context.catalog.satisfies(facts.in_scope, context.need):
        return None
    return found(Cause.SCOPE_MAPPING_IS_NO_GRANT, CERTAIN, grant_evidence, missing=context.missing)


SCOPE_MAPPING_IS_NO_GRANT = CauseSpec(
    cause=Cause.SCOPE_MAPPING_IS_NO_GRANT,
    meaning="The scope of a client (its dedicated scope, tab Scope) says which roles *may pass* into its tokens if the account has them. It does not grant a role. "
    "Here the role is in the scope, and the account does not have it.",
    reason="{Who} is missing {roles_phrase}, which {are} only in the scope of client {client}, and a scope does not grant roles",
    effect=REFUSED,
    check="Compare the tab Scope of the client (what may pass) with its tab Service accounts roles (what is granted).",
    rules=(scope_mapping_is_no_grant,),
    fixer=grant,
)


def scope_excludes_role(context: Context) -> Finding | None:
    """Full scope is off and the role is not in the scope mappings: the grant does not count, neither live nor in the token."""
    if context.scope_suffices is True or context.token_is_unread or not _scope_can_matter(context):
        return None
    missing = _roles_to_let_through(context)
    if not missing:
        return None
    if context.scope_suffices is False and context.granted_suffices is not None:
        if not context.granted_suffices:
            return None  # the grant is missing first; its fix adds both
        return found(Cause.SCOPE_EXCLUDES_ROLE, CERTAIN, grant_evidence, missing=missing)
    if context.granted_suffices is False:
        return None
    bare = scope_is_suspect(context)
    return found(
        Cause.SCOPE_EXCLUDES_ROLE,
        LIKELY if bare or context.granted_suffices else POSSIBLE,
        token_evidence,
        "a token of a client with full scope contains at least the default roles of the realm" if bare else "",
        grant_evidence,
        missing=missing,
    )


def _scope_can_matter(context: Context) -> bool:
    if context.token_suffices and not context.grants_live:
        return False  # the role is in the token, so the scope has let it through, and the token counts
    if context.caller.client_id in BUILT_IN_ADMIN_CLIENTS and context.version < LIVE_FOR_LIGHTWEIGHT_SINCE:
        return False  # those versions check the account itself
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


SCOPE_EXCLUDES_ROLE = CauseSpec(
    cause=Cause.SCOPE_EXCLUDES_ROLE,
    meaning="With *Full scope allowed* off, a client acts only with roles that its scope contains as well. The account has the role, the scope does not contain it. "
    "Keeping full scope off is good practice: add this one role and leave the switch as it is.",
    reason="Client {client} has full scope off, and its scope does not contain {roles_phrase}",
    effect=NOT_ALLOWED,
    check="Open Clients, {client}, tab Client scopes, {client}-dedicated, tab Scope. Is Full scope allowed off, and {roles} missing in the list below it?",
    rules=(scope_excludes_role, master_realm_role_out_of_scope),
    fixer=let_through,
)


def roles_not_in_token(context: Context) -> Finding | None:
    """For versions that read the token: a mapper writes roles into it, by default that of the client scope ``roles``."""
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
    lookup = "looked up: no mapper of client roles applies to the client" if context.facts.role_mapper_attached is False else ""
    fresh = "looked up: a new token would not contain it either" if context.fresh_token_suffices is False else ""
    confidence = _confidence_in_mapper(context)
    return found(Cause.ROLES_NOT_IN_TOKEN, confidence, token_evidence, grant_evidence, lookup, fresh, missing=context.missing)


def _left_out_by_exchange(context: Context) -> Finding:
    """Standard token exchange with an audience leaves out the roles of all other clients. The token may also be older than the grant."""
    audience = list_of([shown(name, 80) for name in context.caller.audiences[:4]]) or "no client"
    return found(
        Cause.ROLES_NOT_IN_TOKEN,
        LIKELY if context.granted_suffices else POSSIBLE,
        f"the ID of the token says that it was exchanged, and its aud is {audience}",
        token_evidence,
        grant_evidence,
        missing=context.missing,
        reason="The token was exchanged for one with the audience {audience}, which leaves out the roles of {container}, and Keycloak {version} reads roles from the token",
        remedy="Exchange it without the parameter audience, or for {container} too (if scope and audience allow it), "
        "or fetch a token for client {client} with grant_type=client_credentials",
        audience=audience,
    )


def _confidence_in_mapper(context: Context) -> Confidence:
    facts = context.facts
    if context.fresh_token_suffices is False and context.granted_suffices and context.scope_suffices:
        return CERTAIN
    if facts.role_mapper_attached is False:
        return CERTAIN if context.granted_suffices else LIKELY
    bare = not context.caller.has_roles_claims and facts.role_mapper_attached is None
    return LIKELY if bare else POSSIBLE


ROLES_NOT_IN_TOKEN = CauseSpec(
    cause=Cause.ROLES_NOT_IN_TOKEN,
    meaning="Versions up to 26.6 read the roles of the caller from the token (except for lightweight tokens). The client scope `roles` with its mapper *client roles* writes them there. Without it "
    "the token has no `resource_access`, and grants do not count. Since 26.7 this makes no difference, and kcproxy never reports it as the cause there.",
    reason="Tokens of client {client} do not contain {roles_phrase} because no mapper adds it, and Keycloak {version} reads roles from the token",
    effect=NOT_ALLOWED,
    check="Open Clients, {client}, tab Client scopes, Evaluate. Does the generated access token have resource_access with {container}? If not: is the client scope roles assigned, "
    "and does it have the mapper client roles, for the access token and for all clients?",
    rules=(roles_not_in_token, master_realm_role_not_in_token),
    remedies=(
        Remedy(
            summary="Assign the client scope roles to client {client} again as a default scope, and fetch a new token",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, tab Client scopes, Add client scope",
                "Tick roles, Add, Default",
                "If roles is already assigned: Client scopes, roles, tab Mappers: add the predefined mapper client roles",
                "Fetch a new token",
            ),
        ),
    ),
)

SPECS = (SCOPE_MAPPING_IS_NO_GRANT, SCOPE_EXCLUDES_ROLE, ROLES_NOT_IN_TOKEN)
