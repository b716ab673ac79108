"""The responses of the stand-in for Keycloak have the documented sizes."""

import json
from pathlib import Path

import pytest

from bench.load import _whole
from bench.scenarios import LIST_BYTES, USER_BYTES, USER_ID, access_token, user_json, users_json
from bench.upstream import nginx_upstream
from kcproxy.explain.claims import read_caller


def test_a_user_is_893_bytes_of_json_with_the_id_that_was_asked_for() -> None:
    user_id = USER_ID % 12
    document = user_json(user_id)
    assert (len(document.encode()), json.loads(document)["id"]) == (USER_BYTES, user_id)


def test_the_list_is_a_megabyte_of_users() -> None:
    users = json.loads(users_json())
    assert len(users_json().encode()) == LIST_BYTES
    assert len({user["id"] for user in users}) == len(users) > 1000


def test_the_token_reads_as_a_service_accounts() -> None:
    caller = read_caller("Bearer " + access_token(expires_at=2_000_000_000))
    assert caller.client_id == "bench-backend"
    assert "view-users" in caller.client_roles["realm-management"]


def test_nginx_puts_the_asked_id_into_the_user(tmp_path: Path) -> None:
    nginx_upstream(tmp_path, 1)
    assert '"id":"$user_id"' in (tmp_path / "upstream.conf").read_text()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 3", b"HTTP/1.1 200 OK\r\nX: 1\r\ncontent-length:3\r\nY: 2"])
def test_the_caller_knows_where_a_response_ends(head: bytes) -> None:
    assert _whole(head + b"\r\n\r\nabc") == len(head) + 7
