"""What the Admin console of a distribution calls its links, tabs and buttons: from the jar that holds it."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEYS = (
    *("clients", "users", "clientScopes", "scope", "dedicatedScopeName", "serviceAccount", "roleMapping"),
    *("assignRole", "clientRoles", "realmRoles", "filterByRoles", "filterByClients", "assign"),
    *("permissions", "permissionsEnabled", "createPermission", "name", "authorizationScopes", "enforceAccessTo", "policies"),
    *("createNewPolicy", "assignExistingPolicies", "save"),
)
MESSAGES = "theme/keycloak.v2/admin/messages/messages_en.properties"
_PROGRAM = re.compile(r"theme/keycloak\.v2/admin/resources/assets/.*\.js\Z")
_TAB = re.compile(r'\{id:"([A-Za-z-]+)","data-testid":"serviceAccountTab"')
_MENU = "add-role-mapping-button"
"""The button *Assign role* with a menu has this test id; before 26.3 there is none."""


def read(distribution: Path) -> dict[str, Any]:
    """The texts, the address of the tab for service accounts, and whether *Assign role* opens a menu.

    ValueError if the console is built in a way that this does not know.
    """
    (jar,) = distribution.glob("lib/lib/main/org.keycloak.keycloak-admin-ui-*.jar")
    with zipfile.ZipFile(jar) as content:
        messages = texts_of(content.read(MESSAGES).decode("utf-8"))
        programs = [content.read(name).decode("utf-8") for name in content.namelist() if _PROGRAM.match(name)]
    tabs = {found for program in programs for found in _TAB.findall(program)}
    if len(tabs) != 1:
        raise ValueError(f"{jar.name}: the tab for service accounts has the addresses {sorted(tabs)}")
    texts = {key: messages[key] for key in KEYS if key in messages}
    return {"texts": texts, "serviceAccountTab": tabs.pop(), "assignOpensMenu": any(_MENU in program for program in programs)}


def texts_of(properties: str) -> dict[str, str]:
    """The entries of a Java properties file whose values stand on one line, as those that are wanted do."""
    lines = (line.partition("=") for line in properties.splitlines() if "=" in line and not line.startswith(("#", "!")))
    return {key.strip(): value.strip().replace("''", "'") for key, _, value in lines}


def document(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The data file: what all versions share once, and each version's own."""
    versions = list(found.values())
    shared = {key: text for key, text in versions[0]["texts"].items() if all(one["texts"].get(key) == text for one in versions)}
    return {
        "schema": 1,
        "source": MESSAGES,
        "texts": shared,
        "versions": {
            version: {**one, "texts": {key: text for key, text in one["texts"].items() if key not in shared}}
            for version, one in found.items()
        },
    }
