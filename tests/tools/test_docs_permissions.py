"""The pages of permissions say in words what the tables hold."""

from typing import Any

import pytest

from kcproxy.catalog.permissions import ObjectPlace, PermissionTable, parse_permissions
from tools.docs.permissions import counts, index, page, where

R = "/admin/realms/{realm}"
USER = {"type": "Users", "path": "user-id"}
GROUP = {"type": "Groups", "path": "groupId"}


def table(*rows: dict[str, Any]) -> PermissionTable:
    return parse_permissions(
        {
            "schema": 1,
            "keycloak": "26.7.5",
            "provenance": {"date": "2026-11-30", "attempts": 1234},
            "types": {"Users": ["view"], "Groups": ["manage-membership", "view"]},
            "throughGroups": {"Users.view": ["Groups.view-members"]},
            "queryRoles": ["query-users"],
            "operations": list(rows),
        }
    )


LIST: dict[str, Any] = {
    "method": "GET",
    "path": f"{R}/users",
    "objects": {"user": {"type": "Users", "listed": "users"}},
    "anyOf": [["Users.view"]],
    "shows": [["Users.view"], ["Users.view@user", "query-users"]],
    "admits": [["Users.view"], ["query-users"]],
    "reduced": {"query-users": "no items"},
}
JOIN: dict[str, Any] = {
    "method": "PUT",
    "path": f"{R}/users/{{user-id}}/groups/{{groupId}}",
    "objects": {"user": USER, "group": GROUP},
    "anyOf": [["Groups.manage-membership@group", "Users.view@user"]],
    "admits": [["Groups.manage-membership@group", "Users.view@user"]],
    "withQueryRole": {"anyOf": [["Groups.view@group"]], "admits": [["Groups.view@group"]]},
    "refusals": [403, 404],
    "variants": [{"id": "x", "when": {"target": "x"}, "says": "when it is an administrators' group", "closed": True}],
}
CLOSED = {"method": "GET", "path": f"{R}/events", "closed": True}
UNKNOWN = {"method": "GET", "path": f"{R}/workflows", "undetermined": "not measured: behind a feature"}
TABLE = table(LIST, JOIN, CLOSED, UNKNOWN)


@pytest.mark.parametrize(
    "line",
    [
        "4 operations, measured on 2026-11-30 with 1,234 attempts: 2 are allowed by",
        "permissions, 1 are not, 1 were not measured. [All versions, and how to read this](index.md).",
        "| Groups | `manage-membership`, `view` |",
        "| `Users.view` | `Groups.view-members` |",
        "| GET | `/admin/realms/{realm}/users` | `Users.view` on all users | `Users.view` on each listed user + role `query-users` | role `query-users` |  | less: no items |",
        "| PUT | `/admin/realms/{realm}/users/{user-id}/groups/{groupId}` | `Groups.manage-membership` on the group `{groupId}` + `Users.view` on the user `{user-id}` |  |  | `Groups.view` on the group `{groupId}` | refused with 403 or 404 |",
        "| PUT | `/admin/realms/{realm}/users/{user-id}/groups/{groupId}` | when it is an administrators' group | no permission |",
        "- Events: `GET …/events`",
        "- behind a feature: `GET …/workflows`",
    ],
)  # fmt: skip
def test_a_page_has_this_line(line: str) -> None:
    assert line in list(page(TABLE))


def test_the_index_counts_each_version() -> None:
    lines = list(index([TABLE]))

    assert counts(TABLE) == (4, 2, 1, 1)
    assert "| [Keycloak 26.7.5](26.7.5.md) | 4 | 2 | 1 | 1 | 2026-11-30 |" in lines
    assert "| Users | `view` | all |" in lines


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (ObjectPlace(type="Users", path="user-id"), "the user `{user-id}`"),
        (ObjectPlace(type="Clients", query="clientId"), "the client of the parameter `clientId`"),
        (ObjectPlace(type="Roles", body="[].id"), "the role in the body (`[].id`)"),
        (ObjectPlace(type="Users", body=""), "the user in the body"),
        (ObjectPlace(type="Clients", owner_of="client-role"), "the client that the role belongs to"),
        (ObjectPlace(type="Groups", parent_of="child"), "its parent group"),
        (ObjectPlace(type="Organizations", organization_of="member"), "the organization of the member"),
        (ObjectPlace(type="Groups", related="user+group"), "the group (group)"),
    ],
)
def test_an_object_is_described_by_its_place_in_the_request(place: ObjectPlace, words: str) -> None:
    assert where(place, "group") == words
