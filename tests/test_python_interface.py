"""The public Python interface: what docs/python.md shows works, and importing the package is cheap."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kcproxy
from devkit.explain.stage import NOW, caller_of, claims_of, jwt_of
from kcproxy import explain, explanation_document, load_catalog
from kcproxy.model import Cause, Confidence, Explanation

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"
URL = "https://login.example.com/auth/admin/realms/shop/users/42"
TOKEN = jwt_of(claims_of(client="shop", realm="shop", base="https://login.example.com/auth"))


def refused(**more: Any) -> Explanation:
    asked: dict[str, Any] = {
        "status": 403,
        "body": {"error": "HTTP 403 Forbidden"},
        "authorization": f"Bearer {TOKEN}",
        "now_epoch_seconds": NOW,
    } | more
    explanation = explain("get", URL, catalog=load_catalog("26.7.4"), **asked)
    assert explanation is not None
    return explanation


def test_a_refusal_is_explained_with_its_fix() -> None:
    explanation = refused()

    assert explanation.summary == (
        "service-account-shop is missing the role view-users (client realm-management) for GET /admin/realms/{realm}/users/{user-id} in realm shop."
    )
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.LIKELY)
    assert explanation.fixes[0].roles == ("view-users",)
    assert explanation.fixes[0].console_url is not None
    assert explanation.fixes[0].console_url.startswith("https://login.example.com/auth/admin/")


@pytest.mark.parametrize("body", [{"error": "HTTP 403 Forbidden"}, '{"error": "HTTP 403 Forbidden"}', b'{"error": "HTTP 403 Forbidden"}'])
def test_the_body_is_a_mapping_text_or_bytes(body: object) -> None:
    assert refused(body=body).verdict.cause is Cause.ROLE_MISSING


@pytest.mark.parametrize("body", ["<html>Denied</html>", b"\xff\xfe", "[]", None])
def test_a_body_that_is_not_a_json_object_is_not_keycloaks(body: object) -> None:
    assert refused(body=body, response_headers={"Server": "gate"}).verdict.cause is Cause.NOT_KEYCLOAK


def test_the_request_body_selects_the_required_roles() -> None:
    path = "/admin/realms/shop/users/42/role-mappings/clients/c1"
    token = jwt_of(claims_of(client="shop", realm="shop", roles={"realm-management": ["manage-users"]}))
    explanation = explain(
        "POST",
        path,
        status=403,
        body={"error": "HTTP 403 Forbidden"},
        authorization=f"Bearer {token}",
        request_body=[{"name": "realm-admin"}],
        catalog=load_catalog("26.7.4"),
        now_epoch_seconds=NOW,
    )
    assert explanation is not None
    assert explanation.verdict.cause is Cause.ESCALATION_GUARD


def test_a_success_is_not_explained() -> None:
    assert explain("GET", URL, status=200, catalog=load_catalog("26.7.4")) is None


def test_a_url_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        explain("GET", "http://[::1/admin/realms/shop", status=403, catalog=load_catalog("26.7.4"))


def test_the_document_is_that_of_the_proxy_and_is_json() -> None:
    document = explanation_document(refused())

    assert json.loads(json.dumps(document))["cause"] == "role-missing"
    assert document["required"]["least"] == ["view-users"]


def test_the_nearest_table_is_used_for_a_version_without_one() -> None:
    assert load_catalog("26.7.99").version.startswith("26.7.")
    assert load_catalog().version == load_catalog(None).version


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(compile(block.replace("eyJ…", TOKEN), str(PAGE), "exec"), {})

    printed = capsys.readouterr().out
    assert "service-account-shop" in printed
    assert "kcadm.sh add-roles -r shop" in printed
    assert printed.endswith("('view-users',)\n")
    assert len(blocks) == 2


def test_the_page_names_every_public_function() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert all(f"`{name}(" in text for name in kcproxy.__all__ if name != "__version__")


@pytest.mark.parametrize("first", ["kcproxy", "kcproxy.explain.render", "kcproxy.explain.engine"])
def test_the_function_keeps_its_name_in_any_order_of_imports(first: str) -> None:
    script = f"import {first}\nimport kcproxy.explain.claims\nfrom kcproxy import explain\nassert callable(explain), explain"

    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_importing_the_package_loads_nothing_else() -> None:
    script = (
        "import sys, kcproxy; print(sorted(name for name in sys.modules if name.startswith(('kcproxy', 'aiohttp', 'jwt', 'dataclasses'))))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # coverage loads modules of its own
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60, env=environ).stdout

    assert printed.strip() == "['kcproxy', 'kcproxy.explain']"


def test_a_caller_without_a_token_is_explained() -> None:
    explanation = refused(status=401, body={"error": "HTTP 401 Unauthorized"}, authorization=None)

    assert explanation.verdict.cause is Cause.TOKEN_MISSING
    assert caller_of().kind is not explanation.caller.kind
