"""docs/openapi/: the role table of the newest version as data: one JSON document with a schema; and an OpenAPI Overlay (1.0.0) for each version.

An overlay adds to each operation of an OpenAPI document of the Admin REST API: ``x-keycloak-roles``, ``x-keycloak-permissions``, ``security``, and the
descriptions of 401 and 403. Targets are the paths of the server's own annotations, which Keycloak's published document uses too.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.cli.roles.documents import operations_document
from kcproxy.model import Basis

FOLDER = "docs/openapi"
SCHEMA_ID = "roles.schema.json"
SCHEME = "access_token"
_SHOWN = (
    "body",
    "least",
    "full",
    "anyOf",
    "admits",
    "useful",
    "lacks",
    "reduced",
    "masterRealmRoles",
    "variants",
    "features",
    "basis",
    "undetermined",
)
_ROLES = {"type": "array", "items": {"type": "string"}}
_SETS = {"type": ["array", "null"], "items": _ROLES}


def documents() -> dict[str, str]:
    """The newest table, its schema, and the overlay of each version."""
    newest = catalog.load(catalog.default_version())
    overlays = {overlay_name(version): overlay_of(catalog.load(version)) for version in measured_versions()}
    return {
        f"{FOLDER}/roles.json": _text({"$schema": SCHEMA_ID, **operations_document(newest, newest.operations)}),
        f"{FOLDER}/{SCHEMA_ID}": _text(schema()),
        **{f"{FOLDER}/{name}": _text(each) for name, each in overlays.items()},
    }


def measured_versions() -> list[str]:
    """The versions whose roles were measured, and not read from sources."""
    return [version for version in catalog.versions() if catalog.load(version).basis is Basis.MEASURED]


def overlay_name(version: str) -> str:
    """The file of a version's overlay. That of the newest one has no version in its name, so that links to it stay."""
    return "overlay.json" if version == catalog.default_version() else f"overlay-{version}.json"


def overlay_of(table: Catalog) -> dict[str, Any]:
    """The overlay of a version."""
    return overlay(table, operations_document(table, table.operations)["operations"])


def _text(document: Mapping[str, Any]) -> str:
    """One line for each operation or action, so that a diff shows which one has changed."""
    pieces = []
    for name, value in document.items():
        if name in {"operations", "actions"}:
            lines = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in value)
            pieces.append(f"  {json.dumps(name)}: [\n{lines}\n  ]")
        else:
            pieces.append(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(pieces) + "\n}"


def overlay(table: Catalog, operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The overlay. ``operations`` are those of the table's document."""
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token of the realm, or of master."}
    general = {"target": "$", "update": {"components": {"securitySchemes": {SCHEME: scheme}}}}
    ordered = sorted(operations, key=_place)
    actions = [_action(path, method, list(entries), table.version) for (path, method), entries in groupby(ordered, key=_place)]
    title = f"Required roles of Keycloak's Admin REST API {table.version}, as measured"
    return {"overlay": "1.0.0", "info": {"title": title, "version": table.version}, "actions": [general, *actions]}


def _place(operation: Mapping[str, Any]) -> tuple[str, str]:
    return operation["path"], operation["method"].lower()


def _action(path: str, method: str, entries: list[Mapping[str, Any]], version: str) -> dict[str, Any]:
    first = entries[0]
    update: dict[str, Any] = {"x-keycloak-roles": {"client": "realm-management", "keycloak": version, **_shown(first)}}
    if len(entries) > 1:
        update["x-keycloak-roles"]["byBody"] = {each.get("body", ""): _shown(each) for each in entries}
    if "permissions" in first:
        update["x-keycloak-permissions"] = first["permissions"]
    update["security"] = [{SCHEME: []}]
    update["responses"] = {
        "401": {"description": "The access token is missing, expired or not accepted."},
        "403": {"description": says(first)},
    }
    return {"target": f"$.paths['{path}'].{method}", "update": update}


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in _SHOWN if (name in entry and entry[name] not in ([], {})) or name in {"least", "anyOf", "admits"}}


def says(entry: Mapping[str, Any]) -> str:
    """The description of a 403."""
    least, full = entry["least"], entry.get("full")
    if least is None:
        return "Not allowed: no role of realm-management is enough, or it could not be determined which one is."
    if not least:
        return "Not allowed. Every accepted token is enough, unless the realm restricts it otherwise."
    text = f"Not allowed: requires {' and '.join(least)} of realm-management"
    return f"{text}; the full response requires {' and '.join(full)}." if full else f"{text}."


def schema() -> dict[str, Any]:
    """The JSON Schema of the table."""
    need = {
        "least": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": "Least powerful set with a useful response; null if no set is enough.",
        },
        "full": {**_ROLES, "description": "Least powerful set with the full response, if that requires more."},
        "anyOf": {**_SETS, "description": "Every minimal set with the full response; null if it could not be determined."},
        "admits": {**_SETS, "description": "Every minimal set that is let in, perhaps with a reduced response."},
        "useful": {**_SETS, "description": "Every minimal set with a useful response, if that differs from anyOf."},
        "lacks": {"type": "object", "additionalProperties": _ROLES, "description": "Fields that the response lacks, by set."},
        "reduced": {"type": "object", "additionalProperties": {"type": "string"}, "description": "What a response lacks, by set."},
        "masterRealmRoles": {**_SETS, "description": "Sets of realm roles of master that are enough."},
        "refusal": {"type": "integer", "description": "The status code of a refusal, if it is not 403."},
    }
    variant = {
        "type": "object",
        "required": ["id", "when", "says"],
        "properties": {"id": {"type": "string"}, "when": {"type": "object"}, "says": {"type": "string"}, **need},
    }
    operation = {
        "type": "object",
        "required": ["method", "path", "least", "anyOf", "admits", "features", "basis"],
        "properties": {
            "method": {"enum": ["GET", "POST", "PUT", "DELETE", "PATCH"]},
            "path": {"type": "string", "pattern": "^/admin(/|$)"},
            "body": {"type": "string", "description": "Two kinds of body on one path are two entries."},
            **need,
            "features": {**_ROLES, "description": "Features of the server without which the operation does not exist."},
            "basis": {"enum": ["measured", "documented", "sources", "unknown"]},
            "variants": {"type": "array", "items": variant, "description": "Other roles for some queries or bodies."},
            "permissions": {"type": "array", "items": _ROLES, "description": "Sets of fine-grained admin permissions that open it."},
            "undetermined": {"type": "string"},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Required roles of the operations of Keycloak's Admin REST API",
        "type": "object",
        "required": ["schema", "keycloak", "basis", "operations"],
        "properties": {
            "schema": {"const": 1},
            "keycloak": {"type": "string", "description": "The version that the table was measured on."},
            "basis": {"enum": ["measured", "documented", "sources", "unknown"]},
            "operations": {"type": "array", "items": operation},
        },
    }
