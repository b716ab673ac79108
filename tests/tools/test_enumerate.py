"""The committed lists of operations, and how they are made from what the Java program says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from devkit.realserver import RealServerError
from devkit.realserver.distribution import version_numbers
from tools.measure.enumerate import OPERATIONS, body_kind, document, main, run_program, with_bodies, write

VERSIONS = ["24.0.5", "25.0.6", "26.0.8", "26.1.4", "26.2.5", "26.3.5", "26.4.7", "26.5.6", "26.6.4", "26.7.4", "26.7.5"]
REALM = "/admin/realms/{realm}"
RESOURCE_SERVER = f"{REALM}/clients/{{client-uuid}}/authz/resource-server"


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((OPERATIONS / f"{name}.json").read_text())
    return content


def operations(version: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(version)["operations"]
    return found


def routes(version: str) -> set[tuple[str, str]]:
    return {(one["method"], one["path"]) for one in operations(version)}


def enabled_features(version: str) -> set[str]:
    return {one["name"] for one in read(f"features-{version}")["features"] if one["enabled"]}


def test_every_version_with_operations_has_its_features_and_nothing_else_lies_there() -> None:
    assert {path.stem for path in OPERATIONS.glob("*.json")} == {*VERSIONS, *(f"features-{version}" for version in VERSIONS)}


@pytest.mark.parametrize("version", VERSIONS)
class TestEachVersion:
    def test_names_itself(self, version: str) -> None:
        assert read(version)["keycloak"] == version
        assert read(f"features-{version}")["keycloak"] == version

    def test_an_operation_is_listed_once(self, version: str) -> None:
        keys = [(one["method"], one["path"], one.get("body"), one["handler"]) for one in operations(version)]
        assert len(keys) == len(set(keys))

    def test_lists_no_preflight_and_only_methods_with_a_meaning(self, version: str) -> None:
        assert {one["method"] for one in operations(version)} <= {"GET", "POST", "PUT", "DELETE", "PATCH"}

    def test_paths_are_templates_without_patterns(self, version: str) -> None:
        plain = re.compile(r"/admin(/([A-Za-z0-9._-]+|[A-Za-z.-]*\{[A-Za-z_-]+\}))*")
        assert [one["path"] for one in operations(version) if not plain.fullmatch(one["path"])] == []

    def test_handlers_are_keycloaks_own(self, version: str) -> None:
        for one in operations(version):
            assert one["class"].startswith("org.keycloak.")
            assert re.fullmatch(r"\w+#\w+", one["handler"])

    def test_no_class_with_admin_handlers_was_left_out(self, version: str) -> None:
        unreached = {note.split(": ")[1] for note in read(version)["notes"] if note.startswith("not reached")}
        dead_code = "org.keycloak.services.resources.admin.ClientStorageProviderResource"  # in 24 and 25: no other class mentions it
        assert [name for name in unreached if ".admin." in name and name != dead_code] == []

    def test_only_the_hook_for_policy_providers_without_resources_leads_nowhere(self, version: str) -> None:
        lost = [note for note in read(version)["notes"] if not note.startswith("not reached")]
        assert all("/{type}/provider " in note for note in lost)
        assert len(lost) == 2

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/admin/serverinfo"),
            ("POST", "/admin/realms"),
            ("DELETE", REALM),
            ("GET", f"{REALM}/users/{{user-id}}"),
            ("POST", f"{REALM}/users/{{user-id}}/role-mappings/realm"),
            ("PUT", f"{REALM}/users/{{user-id}}/reset-password"),
            ("POST", f"{REALM}/groups/{{group-id}}/children"),
            ("POST", f"{REALM}/clients/{{client-uuid}}/protocol-mappers/add-models"),
            ("POST", f"{REALM}/client-scopes/{{client-scope-id}}/scope-mappings/realm"),
            ("GET", f"{REALM}/roles-by-id/{{role-id}}/composites/clients/{{clientUuid}}"),
            ("GET", f"{REALM}/client-registration-policy/providers"),
            ("POST", f"{RESOURCE_SERVER}/policy/{{type}}"),
            ("PUT", f"{RESOURCE_SERVER}/policy/{{type}}/{{type}}"),
            ("GET", f"{RESOURCE_SERVER}/permission/{{type}}/associatedPolicies"),
            ("POST", f"{REALM}/clear-user-cache"),
            ("GET", f"{REALM}/ui-ext/available-roles/users/{{id}}"),
        ],
    )
    def test_has_it(self, version: str, method: str, path: str) -> None:
        assert (method, path) in routes(version)

    def test_two_bodies_are_two_entries(self, version: str) -> None:
        path = f"{REALM}/identity-provider/import-config"
        assert sorted(one.get("body", "") for one in operations(version) if one["path"] == path) == ["json", "multipart"]

    def test_some_features_are_on_and_some_are_off(self, version: str) -> None:
        features = read(f"features-{version}")["features"]
        assert enabled_features(version) >= {"ADMIN_API", "AUTHORIZATION", "IMPERSONATION", "CLIENT_POLICIES"}
        assert not enabled_features(version) & {"CLIENT_TYPES", "SCRIPTS", "ADMIN_FINE_GRAINED_AUTHZ"}
        assert {one["type"] for one in features} >= {"DEFAULT", "PREVIEW", "EXPERIMENTAL"}

    def test_the_code_asks_for_features_of_this_version_only(self, version: str) -> None:
        known = {one["name"] for one in read(f"features-{version}")["features"]}
        assert {name for one in operations(version) for name in one.get("featuresInCode", [])} <= known


@pytest.mark.parametrize(
    ("path", "first"),
    [
        (f"{REALM}/organizations", "25.0.6"),
        (f"{REALM}/organizations/{{org-id}}/groups", "26.6.4"),
        (f"{REALM}/workflows", "26.4.7"),
        ("/admin/api/{realmName}/clients/v2", "26.7.4"),
    ],
)
def test_newer_parts_begin_where_keycloak_brought_them(path: str, first: str) -> None:
    having = [version for version in VERSIONS if any(there == path for _, there in routes(version))]
    assert having == [version for version in VERSIONS if version_numbers(version) >= version_numbers(first)]


@pytest.mark.parametrize(
    ("feature", "first"),
    [("ORGANIZATION", "26.0.8"), ("ADMIN_FINE_GRAINED_AUTHZ_V2", "26.2.5"), ("DPOP", "26.4.7"), ("WORKFLOWS", "26.6.4")],
)
def test_features_are_on_by_default_from_the_version_that_finished_them(feature: str, first: str) -> None:
    having = [version for version in VERSIONS if feature in enabled_features(version)]
    assert having == [version for version in VERSIONS if version_numbers(version) >= version_numbers(first)]


@pytest.mark.parametrize(
    ("consumes", "kind"),
    [
        (["application/json"], "json"),
        (["application/x-www-form-urlencoded"], "form"),
        (["multipart/form-data"], "multipart"),
        (["text/plain"], "plain"),
        (["application/json", "application/yaml"], "json"),
        ([], ""),
    ],
)
def test_the_kind_of_body_is_that_of_the_first_media_type(consumes: list[str], kind: str) -> None:
    assert body_kind({"consumes": consumes}) == kind


def test_the_body_is_named_only_where_it_tells_handlers_apart() -> None:
    def one(path: str, handler: str, *consumes: str) -> dict[str, Any]:
        return {"method": "POST", "path": path, "handler": handler, "consumes": list(consumes)}

    form = "application/x-www-form-urlencoded"
    given = [
        one("/b", "B#form", form),
        one("/b", "B#json", "application/json"),
        one("/a", "A#one"),
        one("/a", "A#other"),
        one("/c", "C#c", form),
    ]
    assert [(line["handler"], line.get("body")) for line in with_bodies(given)] == [
        ("A#one", None),
        ("A#other", None),
        ("B#form", "form"),
        ("B#json", "json"),
        ("C#c", None),
    ]


def test_a_document_has_one_element_a_line() -> None:
    text = document({"keycloak": "1.2.3", "notes": ["é"]}, "operations", [{"a": 1}, {"a": 2}])
    assert json.loads(text) == {"keycloak": "1.2.3", "notes": ["é"], "operations": [{"a": 1}, {"a": 2}]}
    assert [line for line in text.splitlines() if '"a"' in line] == ['  {"a": 1},', '  {"a": 2}']


def test_what_the_program_says_is_sorted_into_two_files(tmp_path: Path) -> None:
    operation = {"method": "GET", "path": "/admin", "handler": "A#a"}
    write("1.2.3", [{"feature": {"name": "F"}}, {"note": "n"}, operation], tmp_path)
    assert json.loads((tmp_path / "1.2.3.json").read_text()) == {"keycloak": "1.2.3", "notes": ["n"], "operations": [operation]}
    assert json.loads((tmp_path / "features-1.2.3.json").read_text())["features"] == [{"name": "F"}]


def test_without_a_distribution_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["0.0.0"]) == 1
    assert "a real Keycloak needs Java" in capfd.readouterr().err


def test_without_a_jdk_the_reason_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RealServerError, match=r"javac is missing: .* JDK 17"):
        run_program(tmp_path)
