"""Causes that no role of the caller resolves: escalation guards, protected objects, defects."""

from collections.abc import Mapping
from typing import Any

from kcproxy.explain.causes.spec import NOT_ALLOWED, CauseSpec, Remedy
from kcproxy.explain.context import MASTER, REALM_MANAGEMENT, Context, roles_to_add
from kcproxy.explain.evidence import admin_roles_in, grant_evidence, known_roles, token_evidence, user_may_not_exist
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.keycloak_responses import keycloak_says
from kcproxy.explain.known_defects import RESERVED_NAMES
from kcproxy.explain.permission_view import permission_outcome
from kcproxy.explain.targets import GUARD_VARIANTS, asks_for_realm_roles, hidden, is_guard, need_of, realm_role_in
from kcproxy.explain.text import either, list_of, shown
from kcproxy.model import Cause, Confidence, RoleSet
from kcproxy.permissions.decide import Outcome
from kcproxy.permissions.facts import PermissionFacts

_PROTECTED_VARIANT = "protected-client"
_PROTECTED_SINCE = (26, 7)
_MAY_BE_PROTECTED_SINCE = (26, 6, 5)
"""Some version after 26.6.4 has it as well (keycloak/keycloak pull request 49956); which one is not documented."""


def escalation_guard(context: Context) -> Finding | None:
    """The plain call would pass, but this one grants or assumes more privileges than the caller has.

    A role in the body is visible in the request. Only Keycloak knows whether a user is an administrator.
    """
    by_body = (context.requirement.variant or "").startswith(GUARD_VARIANTS) if context.requirement else False
    by_target = any(map(is_guard, hidden(context)))
    if not (by_body or by_target or context.request.body):
        return None
    roles = admin_roles_in(context)
    contained, table = composites_in(context.request.body), context.catalog.version
    if contained and contained & {*context.catalog.roles} and suffices(context) and context.scope_suffices is not False:
        return _contains_power(tuple(sorted(contained)))
    if not (by_body or by_target) or (context.scope_suffices is False and not by_body):
        return None
    by_permission, powers = is_allowed_by_permission(context), _powers_of_target(context)
    if not (passes_plainly(context) or by_permission) or (by_body and suffices(context)):
        return None
    is_known = context.facts.granted is not None and context.facts.roles_are_built_in and only_realm_admin(context) is None
    return found(
        Cause.ESCALATION_GUARD,
        CERTAIN if by_body and is_known else LIKELY,
        f"the body names the admin role {list_of(roles)}"
        if roles
        else f"{'the known roles' if passes_plainly(context) else 'permissions'} allow this call for an ordinary user",
        _held_by_target(context, powers) if powers else "" if by_body else user_may_not_exist,
        "" if not by_body or _owner_is_open(context) else f"in the table of Keycloak {table}, {_variant_says(context)} requires more",
        token_evidence,
        grant_evidence,
        missing=powers or (context.missing if by_body and not _owner_is_open(context) else ()),
        remedy=_OWNER_OPEN if by_body and _owner_is_open(context) else None,
        names=list_of(roles),
    )


def _powers_of_target(context: Context) -> RoleSet:
    """The admin roles of the user in the path that the caller does not have, for operators."""
    facts = context.facts.permissions if context.for_operator and is_allowed_by_permission(context) else None
    if not isinstance(facts, PermissionFacts):
        return ()
    roles = facts.powers.get(context.request.target.parameters.get("user-id", ""), ())
    return tuple(role for role in roles if role not in context.catalog.closure(context.facts.granted or ()))


def _held_by_target(context: Context, powers: RoleSet) -> str:
    return f"looked up: the user holds {list_of(powers)} of {shown(context.container)}, and to impersonate them takes that as well"


def is_allowed_by_permission(context: Context) -> bool:
    """Whether a permission lets the caller impersonate the user, so that only the privileges of that user are in the way.

    To callers it is not said whether the user is an administrator: the same is said of a user who does not exist.
    """
    facts, user = context.facts.permissions, context.request.target.parameters.get("user-id")
    if not isinstance(facts, PermissionFacts) or not context.template.endswith("/impersonation"):
        return False
    return (not context.for_operator or user in facts.powers) and permission_outcome(context) is Outcome.GRANTED


_OWNER_OPEN = (
    "Read which client in master owns {names}: the client with the ID in the path; let an administrator who has these roles of that"
    " client do this once, and do not give the calling account more for it"
)


def _owner_is_open(context: Context) -> bool:
    """In master, roles with these names belong to the clients of all realms, and only the ID in the path says to which."""
    return context.request.target.realm == MASTER and not context.facts.roles_are_built_in


_ROLE_LISTS: Mapping[str, tuple[int, ...]] = {
    "/users/{user-id}/role-mappings/clients/{client-id}": (26, 3),
    "/groups/{group-id}/role-mappings/clients/{client-id}": (26, 3),
    "/roles/{role-name}/composites": (26, 7),
    "/roles-by-id/{role-id}/composites": (26, 7),
}
"""Calls that assign the roles in their body: by the end of their path, the version since which their DELETE is guarded like their POST."""
_ONLY_ADMINS_SINCE = (26, 3)


def only_realm_admin(context: Context) -> Finding | None:
    """In a realm with fine-grained admin permissions, only realm-admin assigns roles of realm-management, regardless of other roles.

    Measured with the switch on and off on 26.2.5, 26.3.5, 26.4.7, 26.5.6, 26.6.4 and 26.7.5. Not so on 26.2.5.
    """
    names = [name for name in admin_roles_in(context) if name in context.catalog.roles]
    if not names or not _assigns_roles(context) or context.facts.roles_are_built_in is False:
        return None
    if context.facts.admin_permissions_enabled is False or _is_administrator(context):
        return None
    is_on = context.facts.admin_permissions_enabled is True
    is_known = context.facts.granted is not None and context.facts.roles_are_built_in and context.line_known and not context.from_master
    return found(
        Cause.ESCALATION_GUARD,
        CERTAIN if is_on and is_known else LIKELY if is_on else POSSIBLE,
        "looked up: fine-grained admin permissions are on in the realm" if is_on else "",
        f"the body names the admin role {list_of(names)}",
        token_evidence,
        grant_evidence,
        reason=_ONLY_ADMINS if is_on else _IF_ADMINS,
        remedy=_BY_REALM_ADMIN,
    )


def _is_administrator(context: Context) -> bool:
    realm_roles = {*context.caller.realm_roles, *(context.facts.realm_roles_granted or ())} if context.from_master else set[str]()
    return "realm-admin" in known_roles(context) or "admin" in realm_roles


def _assigns_roles(context: Context) -> bool:
    deleted_since = next((since for end, since in _ROLE_LISTS.items() if context.template.endswith(end)), None)
    if deleted_since is None or context.method not in {"POST", "DELETE"}:
        return False
    return context.version >= (_ONLY_ADMINS_SINCE if context.method == "POST" else deleted_since)


_ONLY_ADMINS = "Realm {realm} uses fine-grained admin permissions, and there only realm-admin can assign or remove roles of {container}"
_IF_ADMINS = "If realm {realm} uses fine-grained admin permissions, only realm-admin can assign or remove roles of {container}"
_BY_REALM_ADMIN = "Let an administrator who has realm-admin do this once; do not give the calling account more for it"


def composites_in(body: Any) -> frozenset[str]:
    """Names of admin roles that a new role is to contain: ``composites.client.realm-management`` of its representation."""
    composites = body.get("composites") if isinstance(body, dict) else None
    clients = composites.get("client") if isinstance(composites, dict) else None
    names = [roles for client, roles in clients.items() if _owns_admin_roles(client)] if isinstance(clients, dict) else []
    return frozenset(name for roles in names if isinstance(roles, list) for name in roles if isinstance(name, str))


def _owns_admin_roles(client: str) -> bool:
    return client == REALM_MANAGEMENT or client.endswith("-realm")


def _contains_power(roles: tuple[str, ...]) -> Finding:
    """Creating a role that contains admin roles is a way to grant them."""
    names = list_of([shown(role, 60) for role in roles[:6]])
    remedy = "Let an administrator who has {names} create this role once; do not give the calling account more for it"
    evidence = (f"the new role is to contain {names}", token_evidence, grant_evidence)
    return found(Cause.ESCALATION_GUARD, LIKELY, *evidence, remedy=remedy, names=names)


ESCALATION_GUARD = CauseSpec(
    cause=Cause.ESCALATION_GUARD,
    meaning="Keycloak does not let administrators grant or assume more privileges than they have. Assigning an admin role requires that role (or a stronger one) in addition to `manage-users`, and "
    "acting as an administrator requires more than `impersonation`. The response has the same bare body as for a missing role.",
    reason="Keycloak does not allow callers to grant or assume more privileges than they have",
    effect=NOT_ALLOWED,
    check="Repeat the call for an ordinary user or an ordinary role. If that passes, it was the guard.",
    rules=(only_realm_admin, escalation_guard),
    remedies=(
        Remedy(
            summary="Let an administrator who has {roles} of {container}, and everything that it contains, do this once; do not give the calling account more for it",
            steps=("Sign in to the Admin console as a server administrator", "Make this one assignment there"),
        ),
    ),
)


def target_needs_other_role(context: Context) -> Finding | None:
    """The known roles allow this call for most targets, but not for a kind that the request does not show: a client's role by its ID."""
    plain, known = context.requirement, known_roles(context)
    if plain is None or plain.variant is not None or not suffices(context) or context.scope_suffices is False:
        return None
    for variant in hidden(context):
        need = need_of(variant, context)
        if not need.admits or is_guard(variant) or context.catalog.satisfies(known, need.admits):
            continue
        evidence = (
            f"the known roles allow this call for other targets; in the table of Keycloak {context.catalog.version} it requires"
            f" {either(need.any_of or need.admits)} {variant.says}"
        )
        return found(
            Cause.MASTER_ROLE_MISSING if context.from_master and context.request.target.realm else Cause.ROLE_MISSING,
            LIKELY,
            evidence,
            token_evidence,
            grant_evidence,
            missing=roles_to_add(context.catalog, need, known),
            effect=" for {operation}{where} ({says}).",
            says=variant.says,
        )
    return None


def need_of_permissions_client(context: Context) -> RoleSet | None:
    """What the call requires if its client is admin-permissions: roles for the realm, none for authorization or clients."""
    if not asks_for_realm_roles(context) or not context.need:
        return None
    if context.facts.admin_permissions_enabled is False or _is_permissions_client(context) is False:
        return None
    return ("view-realm",) if ("view-authorization",) in context.need else ("manage-realm",)


def _is_permissions_client(context: Context) -> bool | None:
    """Whether the client in the path is admin-permissions; None if that is not known to the reader."""
    found = context.facts.permissions
    if context.facts.target_is_permissions is None and context.for_operator and isinstance(found, PermissionFacts):
        return context.request.target.parameters.get("client-uuid") == found.client_uuid
    return context.facts.target_is_permissions


def permissions_client(context: Context) -> Finding | None:
    """The client that holds the fine-grained permissions of a realm is special: roles for the realm decide who may read or change it."""
    need, known = need_of_permissions_client(context), _is_permissions_client(context)
    if need is None or context.catalog.satisfies(known_roles(context), (need,)) or not (known or suffices(context)):
        return None
    certain = known and context.facts.granted is not None
    return found(
        Cause.MASTER_ROLE_MISSING if context.from_master else Cause.ROLE_MISSING,
        CERTAIN if certain else LIKELY,
        "looked up: the client in the path is admin-permissions" if known else "the known roles allow this call for other clients",
        token_evidence,
        grant_evidence,
        missing=need,
        effect=" for {operation}{where}, because the client admin-permissions holds the fine-grained permissions of the realm.",
    )


def _hidden_variants(context: Context) -> tuple[str, ...]:
    return tuple([variant.id for variant in hidden(context)])


def _variant_says(context: Context) -> str:
    says = context.requirement.variant_says if context.requirement else None
    return f"the call {says}" if says else "the call"


def suffices(context: Context) -> bool:
    """Whether the known roles are enough: the granted ones if they were looked up, otherwise those in the token."""
    return context.token_suffices if context.granted_suffices is None else context.granted_suffices


def passes_plainly(context: Context, held: frozenset[str] | None = None) -> bool:
    """Whether the call would pass without its special part, with the given roles, otherwise with the best known ones."""
    plain = context.catalog.requirement(context.request.target, master=context.from_master)
    known = context.facts.granted if context.facts.granted is not None else context.held
    roles = known if held is None else held
    return plain is not None and context.catalog.satisfies(frozenset(roles), plain.admits)


def protected_role(context: Context) -> Finding | None:
    """Since 26.7 nobody can change the realm roles of master that open the whole server, nor the roles of the built-in admin clients.

    That holds regardless of the roles of the caller: a grant would not help.
    """
    if context.version < _MAY_BE_PROTECTED_SINCE or context.method == "GET":
        return None
    name, looked_up = realm_role_in(context.request.target), context.facts.target_is_built_in and _ROLE_BY_ID in context.template
    if not looked_up and not (name in RESERVED_NAMES and context.request.target.realm == MASTER):
        return None
    return found(
        Cause.PROTECTED_OBJECT,
        _how_protected(context),
        "looked up: the role with this ID belongs to a built-in client" if looked_up else f"the path names the role {name} of realm master",
        token_evidence,
        grant_evidence,
        reason=None if looked_up else "Keycloak {version} does not let any administrator change the role " + str(name) + " of realm master",
    )


def _how_protected(context: Context) -> Confidence:
    if context.version < _PROTECTED_SINCE:
        return POSSIBLE
    return CERTAIN if context.facts.granted is not None and context.line_known else LIKELY


_ROLE_BY_ID = "/roles-by-id/{role-id}"


def protected_object(context: Context) -> Finding | None:
    """Since 26.7 nobody can change the built-in admin clients."""
    if context.version < _PROTECTED_SINCE or _PROTECTED_VARIANT not in _hidden_variants(context):
        return None
    if not passes_plainly(context) or context.scope_suffices is False or context.facts.target_is_built_in is False:
        return None
    known = context.facts.target_is_built_in
    return found(
        Cause.PROTECTED_OBJECT,
        CERTAIN if known else LIKELY,
        "looked up: the client in the path is realm-management" if known else "",
        token_evidence,
        grant_evidence,
    )


PROTECTED_OBJECT = CauseSpec(
    cause=Cause.PROTECTED_OBJECT,
    meaning="Since 26.7 the built-in client `realm-management` and its roles cannot be changed, not even by `realm-admin`. The same holds for the roles `admin` and `create-realm` of realm `master`. The refusal looks like a missing role, but it is not.",
    reason="Built-in objects such as the client realm-management cannot be changed by any administrator",
    effect=NOT_ALLOWED,
    check="Is the ID in the path that of a client that Keycloak created itself (realm-management, or {realm}-realm in master), or of one of its roles?",
    rules=(protected_object, protected_role),
    remedies=(
        Remedy(
            summary="Leave the built-in object as it is; use a client or role of your own instead, or fine-grained permissions",
        ),
    ),
)


def operation_impossible(context: Context) -> Finding | None:
    """Measured: not even realm-admin of the realm may make this call."""
    requirement = context.requirement
    if requirement is None or requirement.any_of or requirement.admits or requirement.undetermined or context.request.target.realm is None:
        return None
    if requirement.master_realm_roles:
        return None
    return found(Cause.OPERATION_IMPOSSIBLE, LIKELY, f"in the table of Keycloak {shown(requirement.keycloak)} no role allows it")


OPERATION_IMPOSSIBLE = CauseSpec(
    cause=Cause.OPERATION_IMPOSSIBLE,
    meaning="On this version no role of the realm allows the operation; it was measured with `realm-admin`, too. An account of `master` remains.",
    reason="On Keycloak {version} not even realm-admin allows this operation",
    effect=NOT_ALLOWED,
    check="Try a token of a server administrator of realm master.",
    rules=(operation_impossible,),
    remedies=(Remedy(summary="Use a service account of realm master for this operation; within realm {realm} no role allows it"),),
)


def unknown_operation(context: Context) -> Finding:
    """The operation is not in the table, or its roles could not be measured."""
    undetermined = context.requirement.undetermined if context.requirement else None
    gap = f"could not be determined: {shown(undetermined)}" if undetermined else "is not in the table"
    path = shown(context.request.target.raw_path)
    return found(Cause.OPERATION_UNKNOWN, POSSIBLE, f"{context.method} {path} {gap}", keycloak_says)


OPERATION_UNKNOWN = CauseSpec(
    cause=Cause.OPERATION_UNKNOWN,
    meaning="The path is below `/admin/realms`, but not in the measured table of this version: an endpoint of an extension, of a newer version, or one that could not be measured. kcproxy does not guess.",
    reason="The roles that this operation requires are not in the table of Keycloak {version}",
    effect="; Keycloak refused {operation}{where} for {who}.",
    check="Is the path right? An extension of the server may define it; then the documentation of the extension says what it requires.",
    rules=(unknown_operation,),
    remedies=(Remedy(summary="Compare the path with the documentation of the server, or of the extension that defines it"),),
    states_confidence=False,
)


SPECS = (*(ESCALATION_GUARD, PROTECTED_OBJECT, OPERATION_IMPOSSIBLE, OPERATION_UNKNOWN),)
