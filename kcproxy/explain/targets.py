"""What a request is about, beyond its operation: names of Keycloak's own roles in its path, and variants that only the server or a look-up can tell."""

from kcproxy.catalog import Catalog, Variant
from kcproxy.explain.context import Context, as_looked_up
from kcproxy.explain.known_defects import RESERVED_NAMES
from kcproxy.explain.visible_facts import CLIENT_ROLE
from kcproxy.model import Requirement, Target

GUARD_VARIANTS = ("admin-role-", "administrator")
AUTHORIZATION = "/clients/{client-uuid}/authz/"
_PERMISSIONS_CLIENT_SINCE = (26, 7)


def is_guard(variant: Variant) -> bool:
    """Whether the variant is about granting or assuming privileges: kcproxy never recommends more of them for that."""
    return variant.id.startswith(GUARD_VARIANTS)


def asks_for_realm_roles(context: Context) -> bool:
    """Whether the call requires roles for the realm instead, and no permission opens it, if its client is admin-permissions.

    Measured on 26.7.4; not so on 26.4.7.
    """
    return AUTHORIZATION in context.template and context.version >= _PERMISSIONS_CLIENT_SINCE


def hidden(context: Context) -> tuple[Variant, ...]:
    """The variants of the operation that nobody has looked up."""
    entry = context.catalog.entry(context.request.target)
    variants = (*entry.hidden, *open_in_body(context)) if entry else ()
    if context.facts.target_role_is_client is None:
        return variants
    return tuple(variant for variant in variants if variant.id != CLIENT_ROLE)


def open_in_body(context: Context) -> tuple[Variant, ...]:
    """The variants about roles of clients (or of the realm) in the body, if it does not say whose roles they are and nobody looked it up."""
    entry, body = context.catalog.entry(context.request.target), as_looked_up(context.request, context.facts)
    variants = tuple(variant for variant in entry.variants if set(variant.when.get("bodyHasAny", ())) == _ABOUT_OWNER) if entry else ()
    if not variants or not isinstance(body, list):
        return ()
    is_open = any(isinstance(item, dict) and not isinstance(item.get("clientRole"), bool) for item in body)
    return tuple(variant for variant in variants if not variant.applies({}, body)) if is_open else ()


_ABOUT_OWNER = {"clientRole"}


def need_of(variant: Variant, context: Context) -> Requirement:
    """What the variant requires of this caller."""
    return (variant.master if context.from_master else None) or variant.requirement


REALM_ROLE = "/admin/realms/{realm}/roles/{role-name}"
"""Here a name in the path decides about a refusal. The only others are those of variants with ``parameterIs``."""


def realm_role_in(target: Target) -> str | None:
    """The name of the realm role that the path is about."""
    operation = target.operation
    if operation is None or not operation.path.startswith(REALM_ROLE):
        return None
    return target.parameters.get("role-name")


def is_named_specially(target: Target, catalog: Catalog) -> bool:
    """Whether the diagnosis may depend on a name in the path."""
    entry = catalog.entry(target)
    return (entry is not None and entry.depends_on_path) or realm_role_in(target) in RESERVED_NAMES
