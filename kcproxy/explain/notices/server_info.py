"""The notice on server info that lacks what newer versions show only to some callers (ServerInfoAdminResource)."""

from kcproxy.catalog import Catalog
from kcproxy.explain.context import MASTER, REALM_MANAGEMENT, is_readable, version_key
from kcproxy.model import Caller

SERVER_INFO = "/admin/serverinfo"
_SYSTEM_DATA_SINCE = (26, 4)
_VERSION_FOR_REALMS_SINCE = (26, 5, 4)
_ADMIN_OF_MASTER_SINCE = (26, 6, 6)
"""Before, every account of master with an admin role got all. 26.6.6: changes of that version in the upgrading guide."""

FOR_MASTER_ONLY = "response may be reduced: only administrators of realm master get all of systemInfo, memoryInfo and cpuInfo"
_VERSION_BY_MANAGE_REALM = (
    "response may be reduced: systemInfo requires manage-realm of realm-management, and has only the version then;"
    " only administrators of realm master get all of systemInfo, memoryInfo and cpuInfo"
)
_BY_ADMIN = "response may be reduced: of accounts of realm master, only those with the realm role admin of master get systemInfo, memoryInfo and cpuInfo"


def lacks_fields(version: tuple[int, ...]) -> bool:
    """Whether this version leaves something out for some callers."""
    return version >= _SYSTEM_DATA_SINCE


def server_info_notice(caller: Caller, catalog: Catalog, version: tuple[int, ...]) -> str | None:
    """What the caller may not have got, and who gets it. A token that shows no roles (a lightweight one) rules nothing out."""
    if not lacks_fields(version) or not is_readable(caller) or caller.realm is None:
        return None
    if caller.realm == MASTER:
        return None if version < _ADMIN_OF_MASTER_SINCE or "admin" in caller.realm_roles else _BY_ADMIN
    held = catalog.closure(caller.client_roles.get(REALM_MANAGEMENT, ()))
    return FOR_MASTER_ONLY if version < _VERSION_FOR_REALMS_SINCE or "manage-realm" in held else _VERSION_BY_MANAGE_REALM


def version_of(catalog: Catalog, server: str | None) -> tuple[int, ...]:
    """The server's version if it is known with its patch, otherwise that of the table."""
    stated = version_key(server) if server is not None else ()
    return stated if len(stated) > 2 else version_key(catalog.version)
