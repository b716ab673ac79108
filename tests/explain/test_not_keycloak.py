"""Who responded: Keycloak in JSON, Keycloak in HTML for a browser, or a layer in between."""

import pytest

from devkit.explain.cases import HTML, held
from devkit.explain.stage import USER_ID, ask, causes, refused
from kcproxy.model import Cause, Confidence

USER = f"/admin/realms/demo/users/{USER_ID}"
OWN_PAGE = '<!DOCTYPE html><html class="login-pf"><head><link href="/resources/x/login/style.css"></head><div id="kc-content"></div></html>'
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*"}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "own", [{"text": OWN_PAGE, "headers": BROWSER}, {"body": {"error": "HTTP 403 Forbidden"}}, {"body": {"error": "unknown_error"}}]
)
def test_keycloaks_own_refusals_are_not_blamed_on_another_layer(status: int, own: dict[str, object]) -> None:
    assert "not-keycloak" not in causes(refused("GET", USER, status=status, **own))


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        ({"text": HTML}, Confidence.CERTAIN),
        ({"text": OWN_PAGE}, Confidence.CERTAIN),  # Keycloak shows pages only to callers who accept them
        ({"text": HTML, "headers": BROWSER}, Confidence.LIKELY),  # it could be an unknown theme
        ({"text": "RBAC: access denied"}, Confidence.CERTAIN),
        ({"text": " "}, Confidence.CERTAIN),
        ({"body": {"message": "Forbidden"}}, Confidence.CERTAIN),
        ({"body": {"error": {"code": 403, "message": "denied"}}}, Confidence.CERTAIN),
        ({"body": {"timestamp": "x", "status": 403, "error": "Forbidden", "path": "/"}}, Confidence.LIKELY),
    ],
)
def test_another_layers_refusal_is_recognised(answer: dict[str, object], confidence: Confidence) -> None:
    verdict = refused("GET", USER, **answer).verdict

    assert (verdict.cause.value, verdict.confidence) == ("not-keycloak", confidence)


def test_the_fields_of_the_other_layer_are_evidence() -> None:
    explanation = refused("GET", USER, text=HTML, answer_headers={"server": "cloudflare"})

    assert "the response has the field server: cloudflare" in explanation.verdict.evidence


@pytest.mark.parametrize("path", ["/admin/realms/demo/users", "/realms/demo/protocol/openid-connect/token"])
@pytest.mark.parametrize(("port", "causes_found"), [(9000, ["not-keycloak"]), (8080, ["base-path-wrong", "not-keycloak"])])
def test_the_page_for_unknown_paths_suggests_a_base_path_or_the_management_port(port: int, causes_found: list[str], path: str) -> None:
    page = "<html><body><h1>Resource not found</h1></body></html>"

    explanation = refused("GET", path, status=404, text=page, public_url=f"http://localhost:{port}")

    assert causes(explanation) == causes_found
    assert "main port" in explanation.fixes[0].summary if port == 9000 else "upstream.url" in explanation.fixes[0].summary
    assert ("management port" in explanation.summary) == (port == 9000)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"message": "no Route matched with those values"}, Cause.NOT_KEYCLOAK),
        ({"error": "User not found"}, None),
        ({"errors": [{"field": "email"}], "message": "x"}, None),
        ({"things": []}, None),
    ],
)
def test_a_404_of_a_router_does_not_come_from_keycloak(body: dict[str, object], cause: Cause | None) -> None:
    explanation = ask("GET", f"/admin/realms/demo/users/{USER_ID}", status=404, body=body, caller=held("view-users"))

    assert (explanation.verdict.cause if explanation else None) is cause


@pytest.mark.parametrize("path", ["/admin/realms/demo/users", "/realms/demo/protocol/openid-connect/token"])
def test_a_path_without_the_base_path_of_the_server_is_recognised(path: str) -> None:
    page = "<html><body><h1>Resource not found</h1></body></html>"

    explanation = refused("GET", path, status=404, text=page, base_path="/auth")

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.BASE_PATH_WRONG, Confidence.LIKELY)
    assert "all paths of this server begin with /auth, as its address in kcproxy says, and this one does not" in explanation.summary
    assert explanation.fixes[0].summary.startswith("Put /auth before the path")


@pytest.mark.parametrize("path", ["/auth/admin/realms/demo/users/42", "/authors/list"])
def test_a_path_below_the_base_path_does_not_have_a_wrong_base_path(path: str) -> None:
    explanation = ask("GET", path, status=404, body={"error": "User not found"}, base_path="/auth")

    assert explanation is None or explanation.verdict.cause is not Cause.BASE_PATH_WRONG
