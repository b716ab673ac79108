"""The fine-grained admin permissions beside the roles of an operation."""

from typing import Any

from kcproxy.catalog import Entry
from kcproxy.catalog.permissions import PermissionNeed, permission_entry
from kcproxy.explain.context import version_key


def permissions_of(entry: Entry) -> PermissionNeed | None:
    """What permissions open the operation, by the nearest table; None if none do."""
    operation = entry.operation
    found = permission_entry(version_key(entry.requirement.keycloak)[:3], operation.method, operation.path, operation.body)
    return found.need if found is not None and found.need.opening else None


def permissions_document(entry: Entry) -> dict[str, Any]:
    """``permissions``: every minimal set of terms, as in docs/permissions-format.md, that gets more than an empty list."""
    need = permissions_of(entry)
    return {"permissions": [[str(term) for term in terms] for terms in need.opening]} if need else {}
