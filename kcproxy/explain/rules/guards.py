"""Refusals that no role of the caller explains: escalation guards, protected built-ins, fine-grained permissions, defects."""

from typing import Any

from kcproxy.catalog import Variant
from kcproxy.explain.context import REALM_MANAGEMENT, Context, roles_to_add
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.roles import grant_evidence, permissions_could_open, token_evidence
from kcproxy.explain.text import either, list_of, shown
from kcproxy.model import Cause, RoleSet

_GUARD_VARIANTS = ("admin-role-", "administrator")
_PROTECTED_VARIANT = "protected-client"
_PROTECTED_SINCE = (26, 7)
_MAPPING_DEFECT = ((26, 4), (26, 4, 8))


def escalation_guard(context: Context) -> Finding | None:
    """The plain call would pass, but this one hands out or takes on more power than the caller has.

    A role in the body shows in the request itself; that a user is an administrator, only Keycloak knows.
    """
    if mapping_defect(context) is not None:
        return None  # that version's mistake, where the guard itself would have nothing to say
    by_body = (context.requirement.variant or "").startswith(_GUARD_VARIANTS) if context.requirement else False
    by_target = any(name.startswith(_GUARD_VARIANTS) for name in _hidden_variants(context))
    roles = admin_roles_in(context)
    contained = composites_in(context.request.body)
    if contained & {*context.catalog.roles} and _suffices(context) and context.scope_suffices is not False:
        return _contains_power(context, tuple(sorted(contained)))
    if not (by_body or by_target) or (context.scope_suffices is False and not by_body):
        return None
    if not _passes_plainly(context) or (by_body and _suffices(context)):
        return None
    evidence = f"the body names the admin role {list_of(roles)}" if roles else "the roles at hand open this call for an ordinary user"
    nobody = _NOBODY if not by_body and _may_be_nobody(context) else ""
    return found(
        context,
        Cause.ESCALATION_GUARD,
        CERTAIN if by_body and context.facts.granted is not None else LIKELY,
        evidence,
        nobody,
        f"in the table of Keycloak {context.catalog.version}, {_variant_says(context)} takes more" if by_body else "",
        *token_evidence(context),
        *grant_evidence(context),
        missing=context.missing if by_body else (),
    )


_NOBODY = "it may also be an id that is no user's: Keycloak refuses it just so to callers who may not look users up, and tells only others that there is none"
_LOOK_USERS_UP = frozenset({"query-users", "view-users", "manage-users"})


def composites_in(body: Any) -> frozenset[str]:
    """Names of admin roles that a new role is to contain: ``composites.client.realm-management`` of its representation."""
    composites = body.get("composites") if isinstance(body, dict) else None
    clients = composites.get("client") if isinstance(composites, dict) else None
    names = [roles for client, roles in clients.items() if _owns_admin_roles(client)] if isinstance(clients, dict) else []
    return frozenset(name for roles in names if isinstance(roles, list) for name in roles if isinstance(name, str))


def _owns_admin_roles(client: str) -> bool:
    return client == REALM_MANAGEMENT or client.endswith("-realm")


def _contains_power(context: Context, roles: tuple[str, ...]) -> Finding:
    """Whoever makes a role that contains admin roles hands them out as well."""
    names = list_of([shown(role, 60) for role in roles[:6]])
    remedy = f"Let somebody make this role who holds {names} himself, once; do not give the calling account more for it"
    evidence = (f"the new role is to contain {names}", *token_evidence(context), *grant_evidence(context))
    return found(context, Cause.ESCALATION_GUARD, LIKELY, *evidence, facts={"remedy": remedy})


def _may_be_nobody(context: Context) -> bool:
    """Whether Keycloak keeps from this caller that a user does not exist (UsersResource.user)."""
    return "/users/{user-id}" in context.template and not _LOOK_USERS_UP & set(_known_roles(context))


def target_needs_other_role(context: Context) -> Finding | None:
    """The roles at hand open this call for most targets, but not for those of a kind that the request does not show: a client's role by its id."""
    plain, known = context.requirement, _known_roles(context)
    if plain is None or plain.variant is not None or not _suffices(context) or context.scope_suffices is False:
        return None
    for variant in hidden(context):
        need = (variant.master if context.from_master else None) or variant.requirement
        if not need.admits or is_guard(variant) or context.catalog.satisfies(known, need.admits):
            continue
        evidence = (
            f"the roles at hand open this call for other targets; in the table of Keycloak {context.catalog.version} it takes"
            f" {either(need.any_of or need.admits)} {variant.says}"
        )
        cause = Cause.MASTER_ROLE_MISSING if context.from_master and context.request.target.realm else Cause.ROLE_MISSING
        return found(
            context,
            cause,
            LIKELY,
            evidence,
            *token_evidence(context),
            *grant_evidence(context),
            missing=roles_to_add(context.catalog, need, known),
            summary="{who} may not {operation}{where} {says}: {roles_phrase} {are} missing.",
            says=variant.says,
        )
    return None


AUTHORIZATION = "/clients/{client-uuid}/authz/"
_PERMISSIONS_CLIENT_SINCE = (26, 7)


def need_of_permissions_client(context: Context) -> RoleSet | None:
    """What the call takes if its client is admin-permissions: the realm's roles, and none for authorization or clients (measured on 26.7.4, not so on 26.4.7)."""
    facts = context.facts
    if AUTHORIZATION not in context.template or context.version < _PERMISSIONS_CLIENT_SINCE or not context.need:
        return None
    if facts.admin_permissions_enabled is False or facts.target_is_permissions is False:
        return None
    return ("view-realm",) if ("view-authorization",) in context.need else ("manage-realm",)


def permissions_client(context: Context) -> Finding | None:
    """The client that holds a realm's fine-grained permissions is no client like others: who may see or change them, the realm's roles say."""
    need, known = need_of_permissions_client(context), context.facts.target_is_permissions
    if need is None or context.catalog.satisfies(_known_roles(context), (need,)) or not (known or _suffices(context)):
        return None
    certain = known and context.facts.granted is not None
    return found(
        context,
        Cause.MASTER_ROLE_MISSING if context.from_master else Cause.ROLE_MISSING,
        CERTAIN if certain else LIKELY,
        "looked up: the client in the path is admin-permissions" if known else "the roles at hand open this call for other clients",
        *token_evidence(context),
        *grant_evidence(context),
        missing=need,
        summary="{who} may not {operation}{where}: for the client admin-permissions, which holds the realm's fine-grained permissions, "
        "it takes {roles_phrase}, and that is missing.",
    )


def _known_roles(context: Context) -> frozenset[str]:
    """What is granted, if that was looked up, else what the token names."""
    granted = context.facts.granted
    return context.held if granted is None else context.catalog.closure(granted)


def is_guard(variant: Variant) -> bool:
    """Whether the variant is about handing out or taking on power: no more of it is recommended for that."""
    return variant.id.startswith(_GUARD_VARIANTS)


def hidden(context: Context) -> tuple[Variant, ...]:
    """The variants of the operation that only the server or a look-up can tell."""
    entry = context.catalog.entry(context.request.target)
    return tuple(variant for variant in entry.variants if not variant.visible) if entry else ()


def _hidden_variants(context: Context) -> tuple[str, ...]:
    return tuple(variant.id for variant in hidden(context))


def _variant_says(context: Context) -> str:
    says = context.requirement.variant_says if context.requirement else None
    return f"the call {says}" if says else "the call"


def _suffices(context: Context) -> bool:
    return context.token_suffices if context.granted_suffices is None else context.granted_suffices


def _passes_plainly(context: Context, held: frozenset[str] | None = None) -> bool:
    """Whether the call passes but for what is special in it, by the given roles, else by those that are known best."""
    plain = context.catalog.requirement(context.request.target, master=context.from_master)
    known = context.facts.granted if context.facts.granted is not None else context.held
    roles = known if held is None else held
    return plain is not None and context.catalog.satisfies(frozenset(roles), plain.admits)


def admin_roles_in(context: Context) -> tuple[str, ...]:
    """Names of admin roles among the roles of the request's body (a list of role representations)."""
    body: Any = context.request.body
    items = body if isinstance(body, list) else []
    names = {item.get("name") for item in items if isinstance(item, dict)}
    return tuple(sorted(name for name in names if isinstance(name, str) and name in {*context.catalog.roles, "admin"}))


def protected_object(context: Context) -> Finding | None:
    """From 26.7 the built-in admin clients cannot be changed, by nobody."""
    if _PROTECTED_VARIANT not in _hidden_variants(context) or context.version < _PROTECTED_SINCE:
        return None
    if not _passes_plainly(context) or context.scope_suffices is False or context.facts.target_is_built_in is False:
        return None
    known = context.facts.target_is_built_in
    return found(
        context,
        Cause.PROTECTED_OBJECT,
        CERTAIN if known else LIKELY,
        "looked up: the client in the path is realm-management" if known else "",
        *token_evidence(context),
        *grant_evidence(context),
    )


def mapping_defect(context: Context) -> Finding | None:
    """26.4.0 to 26.4.7 refuse a master administrator to map admin roles that he holds."""
    first, repaired = _MAPPING_DEFECT
    if not first <= context.version < repaired or "/role-mappings/clients" not in context.template:
        return None
    roles = admin_roles_in(context)
    if not context.from_master or not roles or not context.held.issuperset(roles) or not _passes_plainly(context, context.held):
        return None
    return found(
        context,
        Cause.KNOWN_DEFECT,
        LIKELY,
        f"the token of {context.words['who']} names {list_of(roles)} of {context.words['container']}, which the body hands out",
        f"this is Keycloak {context.words['version']}",
        defect="it refuses administrators of realm master to assign admin roles, even those they hold",
        repaired="26.4.8, 26.5.1",
    )


def broker_login_defect(context: Context) -> Finding | None:
    """26.0 answers 401 to the console's list of realms after a login through an identity provider."""
    path = context.request.target.raw_path
    if context.version[:2] != (26, 0) or not path.endswith("/ui-ext/realms/names"):
        return None
    defect = "it refuses the list of realms after a login through an identity provider"
    return found(context, Cause.KNOWN_DEFECT, LIKELY, f"this is Keycloak {context.words['version']}", defect=defect, repaired="26.0.6")


def fine_grained_permission_missing(context: Context) -> Finding | None:
    """Where fine-grained permissions are in use, one of them may be meant to open this call instead of a role."""
    if context.requirement is None or context.token_suffices or context.granted_suffices:
        return None
    enabled = context.facts.admin_permissions_enabled
    roles = context.catalog.closure(context.facts.granted) if context.facts.granted is not None else context.held
    only_queries = bool(roles) and all(role.startswith("query-") for role in roles)
    if not (permissions_could_open(context) if enabled else enabled is None and only_queries):
        return None
    evidence = (
        "looked up: fine-grained admin permissions are on in the realm" if enabled else "",
        f"{context.words['who']} has only {list_of(sorted(roles))} of {context.words['container']}, as is usual with them"
        if only_queries
        else "",
    )
    return found(context, Cause.FINE_GRAINED_PERMISSION_MISSING, LIKELY if enabled and only_queries else POSSIBLE, *evidence)


def operation_impossible(context: Context) -> Finding | None:
    """Measured: not even realm-admin of the realm may."""
    requirement = context.requirement
    if requirement is None or requirement.any_of or requirement.admits or requirement.undetermined or context.request.target.realm is None:
        return None
    if requirement.master_realm_roles:
        return None
    return found(context, Cause.OPERATION_IMPOSSIBLE, LIKELY, f"in the table of Keycloak {shown(requirement.keycloak)} no role opens it")


def _borrowed_table(context: Context) -> tuple[str, ...]:
    """Role needs differ between versions, so a neighbour's table can be wrong for this one."""
    requirement = context.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return ()
    return (
        f"the table is that of Keycloak {requirement.keycloak}, for {shown(requirement.asked_keycloak, 60)} has none of its own: it may need another role",
    )


def unexplained(context: Context) -> Finding | None:
    """Everything known speaks for the call, and it was refused: say so instead of inventing."""
    nobody = (_NOBODY,) if _may_be_nobody(context) else ()
    evidence = (*token_evidence(context), *grant_evidence(context), *_borrowed_table(context), *nobody) if context.requirement else ()
    certain = context.granted_suffices and context.scope_suffices
    return found(context, Cause.UNEXPLAINED, POSSIBLE if not certain else LIKELY, *evidence)
