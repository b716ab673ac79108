"""Entries of the table as JSON-ready documents: the format of ``kcproxy roles --json``."""

from typing import Any

from kcproxy.catalog.catalog import Catalog
from kcproxy.catalog.entry import Entry, Variant
from kcproxy.model import Requirement

SCHEMA = 1


def entry_document(entry: Entry) -> dict[str, Any]:
    """One operation: ``anyOf`` minimal sets with the full response, ``admits`` minimal sets that are allowed, each list by power.

    ``least``: the least powerful set with a useful response, null if no set is enough; ``full``: the least powerful set with the full
    response, if that needs more; ``useful`` and ``lacks``: the minimal sets with a useful response, and the fields that it lacks.
    If the roles could not be determined, ``anyOf`` and ``admits`` are null (an empty list means that no set is enough), and
    ``undetermined`` has the reason.
    """
    operation = entry.operation
    document: dict[str, Any] = {"method": operation.method, "path": operation.path}
    if operation.body:
        document["body"] = operation.body
    document |= _need(entry.requirement) | {"features": list(operation.features), "basis": entry.requirement.basis.value}
    extras = {
        "handler": operation.handler,
        "master": _need(entry.master) if entry.master else None,
        "variants": [_variant(variant) for variant in entry.variants],
        "notes": list(entry.requirement.notes),
        "undetermined": entry.requirement.undetermined,
    }
    return document | {name: value for name, value in extras.items() if value}


def _need(requirement: Requirement) -> dict[str, Any]:
    known = requirement.undetermined is None
    document: dict[str, Any] = {
        "least": list(requirement.least) if requirement.least is not None else None,
        "anyOf": [list(roles) for roles in requirement.any_of] if known else None,
        "admits": [list(roles) for roles in requirement.admits] if known else None,
    }
    extras = {
        "full": list(requirement.full) if requirement.full is not None else None,
        "useful": [list(roles) for roles in requirement.useful] if requirement.useful != requirement.any_of else None,
        "lacks": {roles: list(names) for roles, names in requirement.lacks.items()},
        "reduced": dict(requirement.reduced),
        "masterRealmRoles": [list(roles) for roles in requirement.master_realm_roles],
        "refusal": requirement.refusal_status if requirement.refusal_status != 403 else None,
    }
    return document | {name: value for name, value in extras.items() if value}


def _variant(variant: Variant) -> dict[str, Any]:
    document = {"id": variant.id, "when": dict(variant.when), "says": variant.says} | _need(variant.requirement)
    return document | ({"master": _need(variant.master)} if variant.master else {})


def table_head(catalog: Catalog) -> dict[str, Any]:
    """The head of a document about a table: its version, its source, and its number of operations."""
    return {
        "schema": SCHEMA,
        "keycloak": catalog.version,
        "basis": catalog.basis.value,
        "provenance": dict(catalog.provenance),
        "count": len(catalog.operations),
    }
