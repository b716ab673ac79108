"""A small role table, complete in its kinds of lines, so that these tests do not depend on what was measured."""

from typing import Any

import pytest

from kcproxy.catalog import Catalog, parse
from kcproxy.catalog.power import powers_of

USER = "/admin/realms/{realm}/users/{user-id}"
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "keycloak": "26.7.4",
    "basis": "measured",
    "provenance": {"date": "2026-11-23", "program": "test", "calls": 1},
    "roles": {
        "impersonation": [],
        "manage-realm": [],
        "manage-users": [],
        "query-clients": [],
        "query-groups": [],
        "query-users": [],
        "realm-admin": ["impersonation", "manage-realm", "manage-users", "query-groups", "query-users", "view-clients", "view-users"],
        "view-clients": ["query-clients"],
        "view-users": ["query-groups", "query-users"],
    },
    "operations": [
        {
            "method": "GET",
            "path": "/admin/realms/{realm}/users",
            "anyOf": [["manage-users"], ["view-users"]],
            "admits": [["manage-users"], ["query-users"]],
            "reduced": {"query-users": "no items"},
        },
        {"method": "POST", "path": "/admin/realms/{realm}/users", "anyOf": [["manage-users"]], "admits": [["manage-users"]]},
        {
            "method": "GET",
            "path": "/admin/realms/{realm}/users/count",
            "anyOf": [["manage-users"], ["query-users"]],
            "admits": [["manage-users"], ["query-users"]],
        },
        {
            "method": "GET",
            "path": USER,
            "handler": "UserResource#getUser",
            "anyOf": [["manage-users"], ["view-users"]],
            "admits": [["manage-users"], ["view-users"]],
        },
        {
            "method": "DELETE",
            "path": USER,
            "anyOf": [["manage-users"]],
            "admits": [["manage-users"]],
            "master": {"anyOf": [["manage-realm", "manage-users"]], "admits": [["manage-realm", "manage-users"]]},
        },
        {"method": "GET", "path": "/admin/realms/{realm}/group-by-path/{path}", "anyOf": [["view-users"]], "admits": [["view-users"]]},
        {
            "method": "POST",
            "path": "/admin/realms/{realm}/partial-export",
            "anyOf": [["manage-realm"]],
            "admits": [["manage-realm"]],
            "variants": [
                {
                    "id": "clients",
                    "when": {"query": {"exportClients": ["true"]}},
                    "says": "with exportClients=true",
                    "anyOf": [["manage-realm", "view-clients"]],
                    "admits": [["manage-realm", "view-clients"]],
                },
                {
                    "id": "both",
                    "when": {"query": {"exportClients": ["true"], "exportGroupsAndRoles": ["true"]}},
                    "says": "with both",
                    "anyOf": [["manage-realm", "view-clients", "view-users"]],
                    "admits": [["manage-realm", "view-clients", "view-users"]],
                },
                {
                    "id": "guarded",
                    "when": {"target": "administrator"},
                    "says": "of an administrator",
                    "anyOf": [["realm-admin"]],
                    "admits": [["realm-admin"]],
                },
            ],
        },
        {
            "method": "POST",
            "path": "/admin/realms/{realm}/users/{user-id}/role-mappings/realm",
            "anyOf": [["manage-users"]],
            "admits": [["manage-users"]],
            "variants": [
                {
                    "id": "admin-role",
                    "when": {"bodyHasAny": {"name": ["realm-admin", "manage-users"]}},
                    "says": "mapping an admin role",
                    "anyOf": [["realm-admin"]],
                    "admits": [["realm-admin"]],
                },
                {
                    "id": "with-groups",
                    "when": {"bodyPresent": ["groups"]},
                    "says": "with groups",
                    "anyOf": [["manage-realm"]],
                    "admits": [["manage-realm"]],
                },
            ],
        },
        {
            "method": "POST",
            "path": "/admin/realms/{realm}/import",
            "body": "json",
            "anyOf": [["manage-realm"]],
            "admits": [["manage-realm"]],
        },
        {
            "method": "POST",
            "path": "/admin/realms/{realm}/import",
            "body": "multipart",
            "anyOf": [["realm-admin"]],
            "admits": [["realm-admin"]],
        },
        {"method": "POST", "path": "/admin/realms", "anyOf": [], "admits": [], "masterRealmRoles": [["create-realm"]]},
        {"method": "GET", "path": "/admin/realms/{realm}/odd", "undetermined": "needs a Kerberos server"},
    ],
}


POWERS: dict[str, Any] = {
    "schema": 2,
    "ways": {
        "reset": {
            "yields": "becomes-admin",
            "ease": "usual",
            "says": "set a new password",
            "needs": "an administrator is there",
            "calls": ["PUT", "log in"],
        },
        "email": {"yields": "becomes-admin", "ease": "usual", "says": "change an address", "calls": ["PUT", "mail", "log in"]},
        "import": {"yields": "becomes-admin", "ease": "always", "says": "import a user", "calls": ["POST"]},
        "secret": {
            "yields": "becomes-admin",
            "ease": "special",
            "says": "read a secret",
            "needs": "a service account rules",
            "calls": ["GET"],
        },
        "impersonate": {"yields": "acts-as-other", "ease": "always", "says": "impersonate a user", "calls": ["POST"]},
        "lure": {
            "yields": "becomes-admin",
            "ease": "lured",
            "says": "send a link",
            "needs": "an administrator follows it",
            "calls": ["POST"],
        },
        "delete": {"yields": "destroys", "ease": "always", "says": "delete users", "calls": ["DELETE"]},
        "change": {"yields": "changes", "ease": "always", "says": "change settings", "calls": ["PUT"]},
        "read": {"yields": "reads", "ease": "always", "says": "read users", "calls": ["GET"]},
    },
    "versions": {
        "26.7.4": {
            "basis": "measured",
            "provenance": {},
            "outcomes": {
                "reset": {"works": ["manage-users"], "rest": "403 at call 1"},
                "email": {"works": ["manage-users"], "rest": "403 at call 1"},
                "import": {"works": ["manage-realm"], "rest": "403 at call 1"},
                "secret": {"works": ["view-clients"], "rest": "403 at call 1"},
                "impersonate": {"works": ["impersonation"], "rest": "403 at call 1"},
                "lure": {"works": [], "rest": "403 at call 1"},
                "delete": {"works": ["manage-users"], "rest": "403 at call 1"},
                "change": {"works": ["manage-realm"], "rest": "403 at call 1"},
                "read": {"works": ["manage-users", "query-users", "view-users"], "rest": "403 at call 1"},
            },
        }
    },
}


@pytest.fixture
def table() -> Catalog:
    """The small table."""
    return parse(DOCUMENT, powers=powers_of(POWERS, "26.7.4"))
