"""``kcproxy explain``: a call judged offline."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from kcproxy.cli.exit_codes import Exit
from tests.cli.running import process, run, run_json

CALL = ("explain", "GET", "/admin/realms/shop/users/5a1f1d5e-5d6f-4b53-9a43-0d7c2f7a1f10")
KEY = "0123456789abcdef0123456789abcdef"


def token(*roles: str, client: str = "realm-management", realm: str = "shop", lifetime_seconds: int = 300, **claims: Any) -> str:
    now = int(time.time())
    plain = {
        "iss": f"http://localhost:8080/realms/{realm}",
        "azp": "shop-backend",
        "sub": "0b6c6dd0-0000-4000-8000-000000000001",
        "typ": "Bearer",
        "preferred_username": "service-account-shop-backend",
        "iat": now - 10,
        "exp": now + lifetime_seconds,
        "realm_access": {"roles": ["default-roles-shop"]},
        "resource_access": {client: {"roles": list(roles)}} if roles else {},
    }
    return jwt.encode(plain | claims, KEY, algorithm="HS256")


def judged(written: str, *words: str, code: int = 0, call: tuple[str, ...] = CALL) -> Any:
    return run_json(*call, "--token-file", "-", *words, typed=written, code=code)


def test_without_a_token_it_tells_what_the_call_needs() -> None:
    document = run_json(*CALL)
    assert (document["outcome"], document["operation"]["least"], document["explanation"]) == ("needs", ["view-users"], None)
    assert "view-users" in run(*CALL).stdout


def test_a_token_without_the_role_is_denied_with_3_and_the_role_to_grant() -> None:
    document = judged(token("query-groups"), code=Exit.DENIED)
    assert (document["outcome"], document["status"]) == ("denied", 403)
    assert document["explanation"]["missing"] == ["view-users"]
    assert "service-account-shop-backend" in document["explanation"]["summary"]


@pytest.mark.parametrize(
    ("roles", "call", "outcome"),
    [
        (["view-users"], CALL, "let-in"),
        (["manage-users"], CALL, "let-in"),
        (["realm-admin"], CALL, "let-in"),
        (["query-users"], ("explain", "GET", "/admin/realms/shop/users"), "reduced"),
    ],
)
def test_a_token_with_the_role_is_let_in(roles: list[str], call: tuple[str, ...], outcome: str) -> None:
    assert judged(token(*roles), call=call)["outcome"] == outcome


def test_alternatives_do_not_repeat_who_may_not_do_what() -> None:
    printed = run(*CALL, "--token-file", "-", typed=token("query-groups")).stdout
    _, alternatives = printed.split("Other possible causes")

    assert printed.count("GET /admin/realms/{realm}/users/{user-id}") == 1
    assert "  - possible: " in alternatives
    assert " Check: " in alternatives


def test_a_reduced_response_has_the_fix_for_the_full_one() -> None:
    call = ("explain", "GET", "/admin/realms/shop/users")
    document = judged(token("query-users"), call=call)
    explanation = document["explanation"]
    assert (document["status"], explanation["cause"], explanation["missing"]) == (200, "answer-reduced", ["view-users"])
    assert explanation["summary"] == (
        "The response to GET /admin/realms/{realm}/users in realm shop may be reduced for service-account-shop-backend: no items."
    )
    (command,) = explanation["fixes"][0]["kcadm"]
    assert command.startswith("kcadm.sh add-roles -r shop --uusername service-account-shop-backend")
    printed = run(*call, "--token-file", "-", typed=token("query-users")).stdout
    assert "reduced response" in printed
    assert command in printed


def test_an_administrator_of_master_is_judged_by_the_roles_of_that_realm_s_client() -> None:
    assert judged(token("view-users", realm="master", client="shop-realm"))["outcome"] == "let-in"
    assert judged(token("view-users", realm="master", client="crm-realm"), code=Exit.DENIED)["outcome"] == "denied"


def test_a_token_of_another_realm_is_denied() -> None:
    document = judged(token("view-users", realm="crm"), code=Exit.DENIED)
    assert document["explanation"]["cause"] == "token-of-other-realm"


def test_an_expired_token_is_a_401() -> None:
    document = judged(token("view-users", lifetime_seconds=-120), code=Exit.DENIED)
    assert (document["status"], document["explanation"]["cause"]) == (401, "token-expired")


def test_an_unreadable_token_is_a_401_without_advice_about_roles() -> None:
    result = run(*CALL, "--token-file", "-", typed="garbage")
    assert result.exit_code == Exit.DENIED
    assert result.stdout.startswith("401 token-malformed")
    assert "full scope" not in result.stdout


def test_an_unreadable_token_is_denied_without_repeating_it() -> None:
    result = run(*CALL, "--token-file", "-", "--status", "401", typed="s3cr3t-garbage")
    assert result.exit_code == Exit.DENIED
    assert "s3cr3t-garbage" not in result.output


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer  "])
def test_the_token_may_come_with_the_word_bearer_and_is_never_shown(tmp_path: Path, prefix: str) -> None:
    written = token("view-clients")
    file = tmp_path / "token"
    file.write_text(f"{prefix}{written}\n", encoding="utf-8")
    result = run(*CALL, "--token-file", str(file))
    assert result.exit_code == Exit.DENIED
    assert "manage-users" in result.stdout or "view-users" in result.stdout
    assert "not verified" in result.stderr
    for part in written.split("."):
        assert part not in result.output


def test_a_whole_url_with_a_base_path_is_understood() -> None:
    place = "https://login.example.com/auth/admin/realms/shop/users/5a1f1d5e-5d6f-4b53-9a43-0d7c2f7a1f10"
    document = judged(token("query-groups"), code=Exit.DENIED, call=("explain", "GET", place))
    assert document["operation"]["path"] == "/admin/realms/{realm}/users/{user-id}"
    urls = [fix["consoleUrl"] for fix in document["explanation"]["fixes"] if fix["consoleUrl"]]
    assert all(url.startswith("https://login.example.com/auth/") for url in urls)


@pytest.mark.parametrize("path", ["/admin/realms/shop/no-such-thing", "/realms/shop/account"])
def test_an_operation_that_is_not_in_the_table_ends_with_4(path: str) -> None:
    result = process("explain", "GET", path)
    assert result.returncode == Exit.UNKNOWN
    assert result.stdout.startswith(f"GET {path} is n")


@pytest.mark.parametrize("written", ["", "\n"])
def test_an_empty_token_is_a_usage_error(written: str) -> None:
    assert run(*CALL, "--token-file", "-", typed=written).exit_code == Exit.USAGE


def test_a_token_file_that_is_not_there_is_a_usage_error() -> None:
    result = run(*CALL, "--token-file", "/no/such/file")
    assert result.exit_code == Exit.USAGE
    assert "cannot be read" in result.stderr


EXPORT = ("explain", "POST", "/admin/realms/shop/partial-export")
MAPPING = ("explain", "POST", "/admin/realms/shop/users/5a1f1d5e-5d6f-4b53-9a43-0d7c2f7a1f10/role-mappings/clients/1")


def test_query_and_body_change_what_a_call_needs(tmp_path: Path) -> None:
    plain = run_json(*EXPORT)["least"]
    more = run_json(*EXPORT[:2], f"{EXPORT[2]}?exportClients=true")["least"]
    assert plain != more
    file = tmp_path / "body.json"
    file.write_text('[{"id": "1", "name": "manage-realm"}]', encoding="utf-8")
    harmless, guarded = run_json(*MAPPING)["least"], run_json(*MAPPING, "--body", str(file))["least"]
    assert harmless != guarded
    assert "manage-realm" in guarded
    assert "This call (" in run(*MAPPING, "--body", str(file)).stdout


@pytest.mark.parametrize("words", [("--body", "-"), ("--body", "/no/such/file"), ("--body", "-", "--token-file", "-")])
def test_a_body_that_cannot_be_read_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert run(*MAPPING, *words, typed="no json").exit_code == Exit.USAGE


def test_a_misspelt_path_gets_the_one_that_was_probably_meant() -> None:
    done = run("explain", "GET", "/admin/realms/shop/usres/42")
    assert done.exit_code == 4
    assert "Did you mean /admin/realms/shop/users/42?" in done.stdout


def test_what_has_to_be_given_is_named_as_in_the_help() -> None:
    assert "explain [OPTIONS] METHOD PATH" in run("explain", "--help").stdout
    done = run("explain", "FETCH", "/admin/realms/shop/users")
    assert done.exit_code == 2
    assert "'METHOD': 'FETCH' is not one of" in done.stderr
