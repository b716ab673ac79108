"""The overlay on Keycloak's OpenAPI document, which is generated from the annotated classes of the distribution."""

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from devkit.openapi import openapi_document
from devkit.realserver import fetch_distribution
from tests.tools.test_docs_openapi import applied, read
from tools.docs.openapi import measured_versions, overlay_name

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(600), pytest.mark.usefixtures("needs_real_keycloak")]

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def errors(document: dict[str, Any]) -> list[str]:
    """Keycloak's own document has errors already, such as the default "100" of an integer."""
    return sorted({error.message for error in OpenAPIV31SpecValidator(document).iter_errors()})


@pytest.mark.parametrize("version", measured_versions())
def test_every_operation_of_keycloaks_document_gets_its_roles_and_no_error(tmp_path: Path, version: str) -> None:
    document = openapi_document(fetch_distribution(version), tmp_path)
    result = applied(read(overlay_name(version)), document)
    broken = applied({"actions": [{"target": "$", "update": {"info": {"title": 1}}}]}, document)

    assert errors(result) == errors(document)
    assert errors(broken) != errors(document)
    assert len(operations(document)) > 300  # 317 in 24.0.5, and more in each later version
    assert [name for name, operation in operations(result).items() if "x-keycloak-roles" not in operation] == []
    users = operations(result)["GET /admin/realms/{realm}/users"]
    assert users["responses"]["403"]["description"] == "Not allowed: requires view-users of realm-management."
    assert users["summary"] == operations(document)["GET /admin/realms/{realm}/users"]["summary"]
