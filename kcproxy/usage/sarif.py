"""Findings of audits as SARIF 2.1.0 (OASIS), for tools that show findings of checks.

A finding is one held role of one caller. Its place is the client at Keycloak, by an address relative to the Admin REST API: no file contains it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from kcproxy.catalog import Catalog
from kcproxy.usage.audit import Audit
from kcproxy.usage.window import Window

VERSION = "2.1.0"
SCHEMA_URL = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "KEYCLOAK_ADMIN_API"


class Rule(StrEnum):
    """What is wrong with a held role."""

    UNUSED = "unused-role"
    EXCESSIVE = "excessive-role"
    ESCALATION = "escalation"


_RULES = {
    Rule.UNUSED: ("warning", "A caller holds a role of which no call needed anything."),
    Rule.EXCESSIVE: ("warning", "A caller holds a role that contains more than its calls needed."),
    Rule.ESCALATION: ("error", "A caller holds a role with which it can become an administrator of the realm."),
}


def sarif_document(catalog: Catalog, window: Window, audits: Sequence[Audit], *, program_version: str) -> dict[str, Any]:
    """The log file with one run. ``program_version``: that of kcproxy."""
    driver = {
        "name": "kcproxy",
        "semanticVersion": program_version,
        "rules": [
            {"id": rule.value, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
            for rule, (level, text) in _RULES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {_BASE: {"description": {"text": "The address of Keycloak's Admin REST API, with /admin/ at its end."}}},
        "properties": {"keycloak": catalog.version, "window": window.says},
        "results": [result for audit in audits for result in _results(window, audit)],
    }
    return {"$schema": SCHEMA_URL, "version": VERSION, "runs": [run]}


def _results(window: Window, audit: Audit) -> Iterator[dict[str, Any]]:
    instead = ", ".join(audit.add) if audit.add else "nothing"
    for role in audit.unused:
        yield _result(audit, Rule.UNUSED, role, f"no call needed anything of it in {window.says}. Remove it.")
    for role in audit.excessive:
        yield _result(audit, Rule.EXCESSIVE, role, f"it contains more than its calls needed in {window.says}. Grant instead: {instead}.")
    for each in audit.escalations:
        needed = "Its calls need it" if each.needed else "Its calls do not need it"
        level = "note" if each.needed else None
        yield _result(audit, Rule.ESCALATION, each.role, f"it opens a way to realm-admin: {each.says}. {needed}.", level=level)


def _result(audit: Audit, rule: Rule, role: str, why: str, *, level: str | None = None) -> dict[str, Any]:
    caller, owner = audit.caller, audit.owner
    named = (owner.realm, caller.client, caller.kind.value, str(caller.injected), owner.client, role)
    address = f"realms/{quote(owner.realm, safe='')}/clients?clientId={quote(caller.client, safe='')}"
    return {
        "ruleId": rule.value,
        "level": level or _RULES[rule][0],
        "message": {"text": f"{caller.client} (realm {owner.realm}) holds {role} of {owner.client}, and {why}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": address, "uriBaseId": _BASE}},
                "logicalLocations": [{"name": role, "kind": "role", "fullyQualifiedName": f"{owner.realm}/{owner.client}/{role}"}],
            }
        ],
        "partialFingerprints": {"heldRole/v1": hashlib.sha256("\0".join((rule.value, *named)).encode("utf-8", "replace")).hexdigest()},
    }
