"""What is sent: Keycloak's own members stay, fields are safe, and each detail level shows no more than it promises."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.explain.cases import CASES, HTML
from devkit.explain.stage import BARE_403, OLD_403, USER_ID, ask, caller_of, refused
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.model import Caller, CallerKind, Detail

USER = f"/admin/realms/demo/users/{USER_ID}"


def test_the_scenarios_refusal_names_account_role_and_owning_client() -> None:
    realm, client = "403-forbidden-fix", "403-forbidden-fix-client"
    explanation = refused("GET", f"/admin/realms/{realm}/users/{USER_ID}", caller=caller_of(client=client, realm=realm))
    document = render.document(explanation)
    headers = dict(render.headers(explanation))

    assert all(name in explanation.summary for name in (f"service-account-{client}", "view-users", "realm-management"))
    assert document["required"]["least"] == document["missing"] == ["view-users"]
    assert headers["Kcproxy-Required-Role"] == "view-users"
    assert document["fixes"][0]["kcadm"] == [
        "kcadm.sh add-roles -r 403-forbidden-fix --uusername service-account-403-forbidden-fix-client --cclientid realm-management --rolename view-users"
    ]


@pytest.mark.parametrize("original", [BARE_403, OLD_403, {"error": "x", "errorMessage": "Keycloak's own", "params": ["a"]}, {}, None])
def test_every_member_of_keycloaks_body_stays_and_boilerplate_is_replaced(original: dict[str, object] | None) -> None:
    body = render.body(refused("GET", USER), original)

    for name, value in (original or {}).items():
        assert body[name] == value or name == "error_description"
    assert body["message"].startswith("service-account-app is missing the role view-users (client realm-management) for GET ")
    assert "consult the server log" not in json.dumps(body)


def test_keycloaks_own_words_are_kept() -> None:
    body = render.body(refused("GET", USER), {"error": "x", "errorMessage": "No", "error_description": "Because"})

    assert (body["errorMessage"], body["error_description"]) == ("No", "Because")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_explanation_is_json_and_its_headers_are_printable_ascii(case: object) -> None:
    explanation = refused(case.method, case.path, **{**case.ask, "facts": case.facts})  # type: ignore[attr-defined]

    json.dumps(render.body(explanation, explanation.answer.json))
    json.dumps(render.problem(explanation, explanation.answer.json))
    for detail in Detail:
        for name, value in render.headers(explanation, detail):
            assert re.fullmatch(r"[A-Za-z-]+", name)
            assert re.fullmatch(r"[ -~]{0,1200}", value)


def test_reference_shows_nothing_but_the_id() -> None:
    explanation = refused("GET", USER)
    body = render.body(explanation, BARE_403, Detail.REFERENCE)

    assert body["explanation"] == {"id": "denial-1"}
    assert "view-users" not in json.dumps(body)
    assert render.headers(explanation, Detail.REFERENCE) == [("Kcproxy-Denial-Id", "denial-1")]


def test_role_shows_the_role_and_neither_evidence_nor_account() -> None:
    document = render.document(refused("GET", USER), Detail.ROLE)

    assert document["missing"] == ["view-users"]
    assert not {"caller", "evidence", "fixes", "alternatives", "hints"} & document.keys()


def test_problem_details_have_the_members_of_rfc_9457() -> None:
    explanation = refused("GET", USER, docs_url="https://docs.example/causes/")
    problem = render.problem(explanation, BARE_403)

    assert (problem["type"], problem["title"], problem["status"]) == ("https://docs.example/causes/role-missing", "Forbidden", 403)
    assert problem["detail"] == explanation.summary
    assert problem["error"] == "HTTP 403 Forbidden"


@pytest.mark.parametrize(
    ("status", "method", "path", "answer", "rewritten"),
    [
        (403, "GET", USER, {}, True),
        (401, "GET", USER, {}, True),
        (403, "HEAD", USER, {}, False),
        (403, "GET", USER, {"text": HTML}, False),
        (404, "GET", "/auth/admin/realms/demo/users", {"body": {"error": "Unable to find matching target resource method"}}, False),
        (400, "POST", "/realms/demo/protocol/openid-connect/token", {"body": {"error": "invalid_scope"}}, False),
        (401, "POST", "/realms/demo/protocol/openid-connect/token", {"body": {"error": "invalid_client"}}, True),
    ],
)
def test_only_refusals_in_json_get_a_new_body(status: int, method: str, path: str, answer: dict[str, object], rewritten: bool) -> None:
    assert render.rewrites(refused(method, path, status=status, **answer)) is rewritten


def test_the_challenge_is_for_the_admin_api_only() -> None:
    admin = dict(render.headers(refused("GET", USER)))
    token = dict(
        render.headers(refused("POST", "/realms/demo/protocol/openid-connect/token", status=401, body={"error": "invalid_client"}))
    )

    assert admin["WWW-Authenticate"].startswith('Bearer error="insufficient_scope", error_description="')
    assert "WWW-Authenticate" not in token


@pytest.mark.parametrize("field", [None, "", "Bearer ", "Basic YXBwOnMzY3JldA=="])
@pytest.mark.parametrize(("path", "realm"), [(USER, "demo"), ("/admin/realms", "master"), ("/admin/realms/a%22b%5C/users", "a'b/")])
def test_a_request_without_a_token_gets_a_challenge_without_error(field: str | None, path: str, realm: str) -> None:
    headers = dict(render.headers(refused("GET", path, status=401, caller=read_caller(field))))

    assert headers["WWW-Authenticate"] == f'Bearer realm="{realm}"'


@pytest.mark.parametrize("field", ["Bearer undefined", "bearer x.y.z", "eyJx.eyJx.x"])
def test_an_invalid_token_is_an_error_in_the_challenge(field: str) -> None:
    headers = dict(render.headers(refused("GET", USER, status=401, caller=read_caller(field))))

    assert headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", error_description="')


_NOT_ABOUT_ROLES = {
    "a gateway's JSON": {"body": {"message": "Forbidden"}},
    "a gateway's page": {"text": "<html>no</html>"},
    "a gateway's 401": {"status": 401, "body": {"message": "no"}},
    "an origin": {"body": {"error": "Invalid origin"}},
    "plain HTTP": {"body": {"error": "invalid_request", "error_description": "HTTPS required"}},
}


@pytest.mark.parametrize("answer", _NOT_ABOUT_ROLES.values(), ids=_NOT_ABOUT_ROLES)
def test_headers_name_no_role_if_the_refusal_is_not_about_roles(answer: dict[str, Any]) -> None:
    headers = dict(render.headers(refused("GET", USER, **answer)))

    assert not headers.keys() & {"Kcproxy-Required-Role", "Kcproxy-Accepted-Roles", "WWW-Authenticate"}


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_hostile_names_break_neither_headers_nor_json(username: str, client: str) -> None:
    caller = Caller(kind=CallerKind.USER, username=username, client_id=client, realm="demo", has_roles_claims=True)
    explanation = ask("GET", USER, caller=caller)
    assert explanation is not None

    challenge = dict(render.headers(explanation))["WWW-Authenticate"]
    assert re.fullmatch(r'Bearer error="insufficient_scope", error_description="[ !#-\[\]-~]*"', challenge)
    json.loads(json.dumps(render.body(explanation, BARE_403)))


def test_a_success_is_never_explained() -> None:
    assert ask("GET", USER, status=200) is None


def test_an_unknown_id_is_never_explained() -> None:
    assert ask("GET", USER, status=404, body={"error": "User not found"}) is None
