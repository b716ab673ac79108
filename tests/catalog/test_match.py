import pytest

from kcproxy.catalog import Catalog, load
from kcproxy.model import TargetKind

BASE = "/admin/realms/demo"


@pytest.mark.parametrize(
    ("method", "raw", "template", "parameters"),
    [
        ("GET", f"{BASE}/users/42", "/admin/realms/{realm}/users/{user-id}", {"realm": "demo", "user-id": "42"}),
        ("GET", f"{BASE}/users/42?x=/a/b", "/admin/realms/{realm}/users/{user-id}", {"realm": "demo", "user-id": "42"}),
        ("GET", f"{BASE}/users/", "/admin/realms/{realm}/users", {"realm": "demo"}),
        ("HEAD", f"{BASE}/users", "/admin/realms/{realm}/users", {"realm": "demo"}),
        ("GET", f"{BASE}/users/count", "/admin/realms/{realm}/users/count", {"realm": "demo"}),
        ("DELETE", f"{BASE}/users/count", "/admin/realms/{realm}/users/{user-id}", {"realm": "demo", "user-id": "count"}),
        ("GET", "/admin/realms/a%2Fb%20c/users/%C3%A9", "/admin/realms/{realm}/users/{user-id}", {"realm": "a/b c", "user-id": "é"}),
        ("GET", f"{BASE}/group-by-path/a/b/c", "/admin/realms/{realm}/group-by-path/{path}", {"realm": "demo", "path": "a/b/c"}),
    ],
)
def test_a_raw_path_finds_its_operation(table: Catalog, method: str, raw: str, template: str, parameters: dict[str, str]) -> None:
    target = table.target(method, raw)
    assert target.kind is TargetKind.ADMIN
    assert target.operation is not None
    assert target.operation.path == template
    assert target.parameters == parameters
    assert target.realm == parameters["realm"]


@pytest.mark.parametrize(
    ("method", "raw", "kind", "realm"),
    [
        ("GET", f"{BASE}/nothing-like-it", TargetKind.ADMIN_UNKNOWN, "demo"),
        ("PATCH", f"{BASE}/users", TargetKind.ADMIN_UNKNOWN, "demo"),
        ("GET", f"{BASE}/users/", TargetKind.ADMIN, "demo"),
        ("GET", "/admin/serverinfo/x", TargetKind.ADMIN_UNKNOWN, None),
        ("GET", "/admin/master/console/", TargetKind.OTHER, None),
        ("GET", "/admin", TargetKind.OTHER, None),
        ("GET", "/admin/", TargetKind.OTHER, None),
        ("GET", "/admin/index.html", TargetKind.OTHER, None),
        ("GET", "/admin/master/console/whoami", TargetKind.ADMIN_UNKNOWN, None),
        ("GET", "/admin/api/demo/clients/v2/unheard/of", TargetKind.ADMIN_UNKNOWN, "demo"),
        ("POST", "/realms/demo/protocol/openid-connect/token", TargetKind.TOKEN, "demo"),
        ("GET", "/realms/demo/account", TargetKind.OTHER, "demo"),
        ("GET", "/resources/x.css", TargetKind.OTHER, None),
        ("OPTIONS", "*", TargetKind.OTHER, None),
    ],
)
def test_what_is_no_known_operation_is_never_guessed(table: Catalog, method: str, raw: str, kind: TargetKind, realm: str | None) -> None:
    target = table.target(method, raw)
    assert (target.kind, target.realm) == (kind, realm)
    assert (target.operation is None) == (kind is not TargetKind.ADMIN)


def test_a_base_path_is_taken_off_first(table: Catalog) -> None:
    assert table.target("GET", "/auth/admin/realms/demo/users", base_path="/auth").kind is TargetKind.ADMIN
    assert table.target("GET", "/admin/realms/demo/users", base_path="/auth").kind is TargetKind.OTHER


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(None, "json"), ("application/json", "json"), ("multipart/form-data; boundary=x", "multipart"), ("text/csv", "json")],
)
def test_two_bodies_on_one_path_are_distinguished_by_content_type(table: Catalog, content_type: str | None, body: str) -> None:
    target = table.target("POST", f"{BASE}/import", content_type=content_type)
    assert target.operation is not None
    assert target.operation.body == body


def test_an_ambiguous_path_says_so_even_where_it_matches(table: Catalog) -> None:
    target = table.target("GET", "/admin/realms/demo;x/users")
    assert target.ambiguous == "a path parameter (;)"


@pytest.mark.parametrize("version", ["24.0.5", "26.4.7"])
def test_a_name_that_a_path_has_twice_is_numbered(version: str) -> None:
    target = load(version).target("GET", "/admin/realms/demo/clients/one/roles/r/composites/clients/two")

    assert target.parameters == {"realm": "demo", "client-uuid": "one", "role-name": "r", "client-uuid#2": "two"}
