"""Results of ``kcproxy roles`` as JSON-ready documents."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.documents import entry_document, table_head
from kcproxy.catalog.queries import Change, Differences, Reach
from kcproxy.cli.permissions import permissions_document
from kcproxy.model import Basis, RoleSet


def operations_document(catalog: Catalog, entries: Sequence[Entry]) -> dict[str, Any]:
    """Operations of the table. ``count`` is their number, ``total`` the number of operations in the table.

    ``counts`` has the numbers of measured, documented and undetermined operations. ``undetermined`` lists the last, each with its reason.
    """
    head = table_head(catalog) | {"count": len(entries), "total": len(catalog.operations)}
    bases = Counter(entry.requirement.basis for entry in entries)
    counts = {"measured": bases[Basis.MEASURED], "documented": bases[Basis.DOCUMENTED], "undetermined": bases[Basis.UNKNOWN]}
    undetermined = [_undetermined(entry) for entry in entries if entry.requirement.undetermined is not None]
    return head | {
        "counts": counts,
        "undetermined": undetermined,
        "operations": [entry_document(entry) | permissions_document(entry) for entry in entries],
    }


def _undetermined(entry: Entry) -> dict[str, str | None]:
    operation = entry.operation
    return {"method": operation.method, "path": operation.path, "reason": entry.requirement.undetermined}


def reach_document(catalog: Catalog, roles: RoleSet, reach: Reach) -> dict[str, Any]:
    """What roles allow: each operation with ``answer`` full, reduced or together, the last with the roles to add (``with``)."""
    operations = [
        *(entry_document(entry) | {"answer": "full"} for entry in reach.full),
        *(entry_document(entry) | {"answer": "reduced"} for entry in reach.reduced),
        *(entry_document(entry) | {"answer": "together", "with": list(more)} for entry, more in reach.together),
    ]
    head = table_head(catalog) | {"count": len(operations), "total": len(catalog.operations)}
    contains = sorted(catalog.closure(roles) - set(roles))
    counts = {"full": len(reach.full), "reduced": len(reach.reduced), "together": len(reach.together)}
    return head | {
        "roles": list(roles),
        "contains": contains,
        "powers": powers_documents(catalog, roles),
        "counts": counts,
        "operations": operations,
    }


def powers_documents(catalog: Catalog, roles: RoleSet) -> list[dict[str, str]]:
    """What these roles can do beyond their names."""
    return [{"role": role, "power": power.power, "says": power.says} for role in roles for power in catalog.powers(role)]


def differences_document(old: Catalog, new: Catalog, found: Differences) -> dict[str, Any]:
    """What was added, removed and changed between two tables."""
    return {
        "schema": table_head(new)["schema"],
        "from": old.version,
        "to": new.version,
        "counts": {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)},
        "newRoles": list(found.new_roles),
        "goneRoles": list(found.gone_roles),
        "added": _entries(found.added),
        "removed": _entries(found.removed),
        "changed": [_change(change) for change in found.changed],
    }


def _entries(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [entry_document(change.entry) for change in changes]


def _change(change: Change) -> dict[str, Any]:
    operation = change.entry.operation
    sides = {"from": change.old, "to": change.new}
    body = {"body": operation.body} if operation.body else {}
    documents = {name: entry_document(entry) for name, entry in sides.items() if entry is not None}
    return {"method": operation.method, "path": operation.path} | body | documents
