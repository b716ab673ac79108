"""The second opinion knows how to call what it is asked about, and its comparison is right in both directions."""

import json
from typing import Any, cast

import pytest

from tools.crosscheck.__main__ import Cell, Check, cells_of
from tools.crosscheck.calls import body_of, path_of
from tools.crosscheck.server import Keycloak, Reply
from tools.crosscheck.things import MAKERS, Realm, Things

VERSIONS = ("24.0.5", "25.0.6", "26.4.7", "26.7.4")


class Names:
    """Stands for the objects of a realm: every kind is named by itself."""

    number = 1

    def __call__(self, kind: str) -> str:
        assert kind in MAKERS, kind
        return kind

    def found(self, path: str) -> Any:
        return {"of": path}

    @property
    def realm(self) -> Realm:
        return Realm(server=Keycloak(base_url="http://localhost:1"), name="realm", organizations=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_without_a_feature_can_be_called(version: str) -> None:
    for cell in cells_of(version, behind_features=False):
        path = path_of(cell.row["method"], cell.row["path"], cast("Things", Names()))
        assert "{" not in path, cell.name
        body_of(cell.operation, cast("Things", Names()))


@pytest.mark.parametrize(
    ("method", "path", "filled"),
    [
        ("GET", "/admin/realms/{realm}/users/{user-id}/groups", "/admin/realms/realm/users/user/groups"),
        ("PUT", "/admin/realms/{realm}/clients/{client-uuid}/roles/{role-name}", "/admin/realms/realm/clients/client/roles/client-role-name"),
        ("GET", "/admin/realms/{realm}/clients/{c}/authz/resource-server/policy/{type}", "/admin/realms/realm/clients/client/authz/resource-server/policy/user"),
        ("GET", "/admin/{realm}/console/messages.json", "/admin/realm/console/messages.json"),
    ],
)  # fmt: skip
def test_paths_are_filled_by_what_they_name(method: str, path: str, filled: str) -> None:
    assert path_of(method, path, cast("Things", Names())).replace("authz-client", "client") == filled


def test_roles_to_map_belong_to_the_client_that_the_path_names() -> None:
    path = "/admin/realms/{realm}/users/{user-id}/role-mappings/clients/{client-id}"
    body = body_of(
        {"path": path, "bodyType": "List<org.keycloak.RoleRepresentation>", "consumes": ["application/json"]}, cast("Things", Names())
    )
    assert body is not None
    assert json.loads(body[0]) == [{"id": "client-role", "name": "client-role-name"}]


class Answering(Keycloak):
    """A server that gives the same status to everything but the making of accounts."""

    def send(self, method: str, path: str, *, token: str = "", data: bytes | None = None, media_type: str = "application/json") -> Reply:
        return Reply(status=int(self.base_url))


@pytest.mark.parametrize(("status", "role", "differs"), [(403, "", 0), (200, "", 1), (403, "view-users", 1), (404, "view-users", 0)])
def test_a_difference_is_seen_in_both_directions(status: int, role: str, differs: int) -> None:
    row = {"method": "GET", "path": "/admin/realms", "admits": [["view-users"]]}
    realm = Realm(server=Answering(base_url=str(status)), name="r", organizations=False)
    check = Check(realm=realm, contains={})
    check._tokens = {("r", role): "token"}
    check.run([Cell(row=row, operation={"path": "/admin/realms"}, role=role)])
    assert check.counts["different"] == differs
