"""The notice on lists of roles that can be assigned: defective versions leave out admin roles that the caller may assign."""

from kcproxy.catalog import Catalog
from kcproxy.explain.context import MASTER, is_readable, version_key
from kcproxy.explain.known_defects import ADMIN_ROLES_OF_MASTER, ADMIN_ROLES_OF_REALM
from kcproxy.model import Caller, Operation

_LISTS = ("/role-mappings/clients/{client-id}/available",)


def lists_assignable_roles(operation: Operation) -> bool:
    """Whether the response is a list of roles of a client that can be assigned."""
    return operation.method == "GET" and operation.path.endswith(_LISTS)


def available_notice(caller: Caller, version: tuple[int, ...]) -> str | None:
    """That admin roles may be left out, and which versions list them."""
    if not is_readable(caller) or "admin" in caller.realm_roles:
        return None
    defect = ADMIN_ROLES_OF_MASTER if caller.realm == MASTER else ADMIN_ROLES_OF_REALM
    if defect.among(version) is None:
        return None
    return f"response may be reduced: a defect of this version leaves out admin roles that may be assigned; {' or '.join(defect.repaired)} repairs it"


def may_leave_out(catalog: Catalog) -> bool:
    """Whether some version of the line of the table has such a defect."""
    version = version_key(catalog.version)
    return any(defect.may_affect_line(version) for defect in (ADMIN_ROLES_OF_MASTER, ADMIN_ROLES_OF_REALM))
