"""The role table as data: it follows its schema, and the overlay makes a valid OpenAPI document that names the roles."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from kcproxy import catalog
from tools.docs import openapi

DOCS = Path(__file__).resolve().parents[2] / openapi.FOLDER
TARGET = re.compile(r"\$(?:\.paths\['([^']+)'\]\.([a-z]+))?")


def read(name: str) -> Any:
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


def document(version: str) -> dict[str, Any]:
    """An OpenAPI document with every operation of a version's table, as Keycloak's own has them."""
    paths: dict[str, Any] = {}
    for entry in catalog.load(version).operations:
        operation = entry.operation
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in dict.fromkeys(re.findall(r"{([^}]+)}", operation.path))
        ]
        item = paths.setdefault(operation.path, {"parameters": parameters} if parameters else {})
        item[operation.method.lower()] = {"responses": {"200": {"description": "OK"}, "403": {"description": "Forbidden"}}}
    return {"openapi": "3.0.3", "info": {"title": "Keycloak Admin REST API", "version": "1.0"}, "paths": paths}


def merged(target: Any, update: Any) -> Any:
    """Overlay 1.0.0, section 4.4.3: objects are merged, arrays joined, other values replaced."""
    if isinstance(target, dict) and isinstance(update, dict):
        return {**target, **{name: merged(target[name], value) if name in target else value for name, value in update.items()}}
    return target + update if isinstance(target, list) and isinstance(update, list) else update


def applied(overlay: dict[str, Any], to: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(to)
    for action in overlay["actions"]:
        found = TARGET.fullmatch(action["target"])
        assert found is not None, action["target"]
        path, method = found.groups()
        if path is None:
            result = merged(result, action["update"])
        elif method in result["paths"].get(path, {}):
            result["paths"][path][method] = merged(result["paths"][path][method], action["update"])
    return result


@pytest.fixture(scope="module", params=openapi.measured_versions())
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def result(version: str) -> dict[str, Any]:
    return applied(read(openapi.overlay_name(version)), document(version))


def test_the_document_is_valid_after_the_overlay(result: dict[str, Any]) -> None:
    validate(result)


def test_every_operation_has_roles_and_a_403_that_names_them(result: dict[str, Any]) -> None:
    operations = [item[method] for item in result["paths"].values() for method in item if method != "parameters"]

    assert all("x-keycloak-roles" in operation and operation["security"] == [{"access_token": []}] for operation in operations)
    users = result["paths"]["/admin/realms/{realm}/users"]["get"]
    assert users["x-keycloak-roles"]["least"] == ["view-users"]
    assert users["responses"]["403"]["description"] == "Not allowed: requires view-users of realm-management."
    assert users["responses"]["200"] == {"description": "OK"}


def test_each_target_is_one_operation() -> None:
    targets = [action["target"] for action in read("overlay.json")["actions"]]

    assert len(targets) == len(set(targets))
    assert all(TARGET.fullmatch(target) for target in targets)


def test_an_operation_that_a_document_does_not_have_is_left_out() -> None:
    small = {"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {}}

    assert applied(read("overlay.json"), small)["paths"] == {}


def test_the_table_follows_its_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(read("roles.schema.json"))
    jsonschema.validate(read("roles.json"), read("roles.schema.json"))


def test_a_table_that_breaks_the_schema_is_refused() -> None:
    broken = read("roles.json")
    del broken["operations"][0]["least"]

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, read("roles.schema.json"))


def test_the_page_links_to_every_overlay() -> None:
    page = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [version for version in openapi.measured_versions() if f"]({openapi.overlay_name(version)})" not in page] == []
