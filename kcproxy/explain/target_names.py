"""Names in the path that decide about a refusal: those of Keycloak's own roles. Every other name in a path plays no part."""

from kcproxy.explain.known_defects import RESERVED_NAMES
from kcproxy.model import Target

REALM_ROLE = "/admin/realms/{realm}/roles/{role-name}"


def realm_role_in(target: Target) -> str | None:
    """The name of the realm role that the path is about."""
    operation = target.operation
    if operation is None or not operation.path.startswith(REALM_ROLE):
        return None
    return target.parameters.get("role-name")


def is_named_specially(target: Target) -> bool:
    """Whether the diagnosis may depend on a name in the path."""
    return realm_role_in(target) in RESERVED_NAMES
