"""A table for the simulator that does not depend on what was measured: few operations, of each kind one."""

import pytest

from kcproxy import catalog
from kcproxy.catalog import Catalog

_USERS = "/admin/realms/{realm}/users"
_ALL = ["manage-users", "view-users", "query-users", "query-groups", "manage-realm", "view-realm", "impersonation"]


@pytest.fixture
def table() -> Catalog:
    return catalog.parse(
        {
            "schema": 1,
            "keycloak": "26.7.4",
            "basis": "measured",
            "roles": {role: [] for role in _ALL} | {"view-users": ["query-groups", "query-users"], "realm-admin": _ALL},
            "operations": [
                _row("GET", _USERS, [["manage-users"], ["view-users"]], admits=[["manage-users"], ["query-users"]], reduced="no items"),
                _row("POST", _USERS, [["manage-users"]]),
                _row("GET", f"{_USERS}/{{user-id}}", [["manage-users"], ["view-users"]]),
                _row("PUT", f"{_USERS}/{{user-id}}/send-verify-email", [["manage-users"]]),
                _row("GET", "/admin/realms/{realm}", [["view-realm"]], admits=[["query-users"]], reduced="without fields: id, enabled"),
                _row("PUT", "/admin/realms/{realm}", [["manage-realm"]], admits=[["view-realm"]], reduced="a part"),
                _row("GET", "/admin/realms/{realm}/roles", [["view-realm"]], admits=[["query-users"]], reduced="something else"),
                {**_row("POST", "/admin/realms", []), "masterRealmRoles": [["create-realm"]]},
            ],
        }
    )


def _row(method: str, path: str, any_of: list[list[str]], *, admits: list[list[str]] | None = None, reduced: str = "") -> dict[str, object]:
    row: dict[str, object] = {"method": method, "path": path, "anyOf": any_of, "admits": admits or any_of}
    if admits:
        row["reduced"] = {"+".join(admits[-1]): reduced}
    return row
