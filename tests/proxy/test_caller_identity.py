"""Who made a call: accounts of the settings, and callers whose token Keycloak has accepted. Invented names are recorded nowhere."""

import json
from typing import Any

import jwt
import pytest

from devkit.servers import ACCOUNT, Message, RecordingUpstream, running_proxy
from kcproxy.explain.claims import read_caller
from kcproxy.model import CallerKind
from kcproxy.proxy import caller_identity
from kcproxy.proxy.caller_identity import admin_roles
from kcproxy.usage.model import UseCaller
from kcproxy.usage.tally import UseTally

pytestmark = pytest.mark.usefixtures("way")

ISSUER = "http://localhost:8080/realms/"
USERS = "/admin/realms/demo/users"


def token(client: str = "sync", realm: str = "demo", *, username: str | None = "service-account-sync", **claims: Any) -> str:
    named = {} if username is None else {"preferred_username": username}
    return jwt.encode({"iss": ISSUER + realm, "azp": client, **named, **claims}, "k" * 32, algorithm="HS256")


def answering(status: int) -> Any:
    async def react(_: Message) -> bytes:
        return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()

    return react


async def called(upstream: RecordingUpstream, *calls: tuple[int, str | None], path: str = USERS) -> tuple[list[UseCaller | None], UseTally]:
    """The callers of these calls, each with a status code and a token, one after the other."""
    tally = UseTally()
    async with running_proxy(upstream.port, uses=tally) as proxy:
        for number, (status, bearer) in enumerate(calls, start=1):
            upstream.react = answering(status)
            await proxy.get(path, *([] if bearer is None else [f"Authorization: Bearer {bearer}"]))
            await proxy.settled(number)
        records = await proxy.settled(len(calls))
    return [None if record.used_by is None else record.used_by.caller for record in records], tally


SYNC = UseCaller(client="sync", token_realm="demo", kind=CallerKind.SERVICE_ACCOUNT)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
async def test_a_token_that_keycloak_never_accepted_names_nobody(upstream: RecordingUpstream, status: int) -> None:
    callers, tally = await called(upstream, (status, token()))
    assert callers == [None]
    assert not tally.take()


async def test_a_token_is_verified_by_its_first_success_and_stays_so(upstream: RecordingUpstream) -> None:
    own = token()
    callers, _ = await called(upstream, (403, own), (200, own), (403, own), (409, own), (403, token(jti="another")))
    assert callers == [None, SYNC, SYNC, SYNC, None]


async def test_two_tokens_of_one_caller_are_one_caller(upstream: RecordingUpstream) -> None:
    callers, tally = await called(upstream, (200, token(jti="a")), (200, token(jti="b")))
    assert callers == [SYNC, SYNC]
    assert list(tally.take().roles) == [SYNC]


@pytest.mark.parametrize(
    ("bearer", "caller"),
    [
        (token("console", "master", username="alice"), UseCaller(client="console", token_realm="master", kind=CallerKind.USER)),
        (token(username=None), UseCaller(client="sync", token_realm="demo", kind=CallerKind.UNKNOWN)),
        ("opaque", None),
        (None, None),
    ],
)
async def test_a_caller_is_the_client_the_realm_of_the_token_and_the_kind(
    upstream: RecordingUpstream, bearer: str | None, caller: UseCaller | None
) -> None:
    callers, _ = await called(upstream, (200, bearer), (200, bearer))
    assert callers == [caller, caller]


async def test_calls_outside_the_admin_rest_api_have_no_caller(upstream: RecordingUpstream) -> None:
    callers, _ = await called(upstream, (200, token()), path="/realms/demo/protocol/openid-connect/userinfo")
    assert callers == [None]


async def test_an_injected_token_belongs_to_the_account_of_the_settings(upstream: RecordingUpstream) -> None:
    injected = token("robot", resource_access={"realm-management": {"roles": ["view-users"]}})

    async def react(message: Message) -> bytes:
        body = (
            json.dumps({"access_token": injected, "expires_in": 300}).encode() if b"/token" in message.raw.partition(b"\r\n")[0] else b"{}"
        )
        status = 200 if body != b"{}" else 403
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    upstream.react = react
    tally = UseTally()
    async with running_proxy(upstream.port, accounts=(ACCOUNT,), uses=tally) as proxy:
        await proxy.get(USERS)
        (record,) = await proxy.settled(1)
    assert record.used_by is not None
    robot = UseCaller(client="robot", token_realm="demo", kind=CallerKind.SERVICE_ACCOUNT, injected=True)
    assert record.used_by.caller == robot
    assert tally.take().roles == {robot: {"realm-management": ("view-users",)}}


@pytest.mark.parametrize(
    ("realm", "roles"),
    [
        ("demo", {"realm-management": ("view-users",)}),
        ("master", {"demo-realm": ("view-users",), "": ("admin",)}),
    ],
)
def test_only_roles_that_allow_admin_calls_are_recorded(realm: str, roles: dict[str, tuple[str, ...]]) -> None:
    access = {"realm-management": {"roles": ["view-users"]}, "demo-realm": {"roles": ["view-users"]}, "app": {"roles": ["x"]}}
    bearer = token(realm=realm, resource_access=access, realm_access={"roles": ["admin", "offline_access"]})
    assert admin_roles(read_caller(f"Bearer {bearer}")) == roles


async def test_the_cache_of_tokens_is_bounded(upstream: RecordingUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_identity, "MAX_TOKENS", 3)
    tally = UseTally()
    async with running_proxy(upstream.port, uses=tally) as proxy:
        for number in range(10):
            upstream.react = answering(200)
            await proxy.get(USERS, f"Authorization: Bearer {token(jti=str(number))}")
        records = await proxy.settled(10)
        identities = proxy.service._recorder._identities
        assert identities is not None
        assert len(identities._young) + len(identities._old) <= 6
    assert {record.used_by.caller for record in records if record.used_by is not None} == {SYNC}


async def test_the_variant_of_a_request_is_what_its_body_and_query_show(upstream: RecordingUpstream) -> None:
    roles = "/admin/realms/demo/users/4/role-mappings/clients/7"
    body = json.dumps([{"name": "view-realm"}, {"name": "realm-admin"}, {"name": "of-an-application"}]).encode()
    upstream.react = answering(200)
    async with running_proxy(upstream.port, uses=UseTally()) as proxy:
        field = f"Authorization: Bearer {token()}"
        await proxy.get(roles, field, "Content-Type: application/json", method="POST", body=body)
        await proxy.get("/admin/realms?briefRepresentation=true", field)
        await proxy.get("/admin/realms", field)
        records = await proxy.settled(3)
    assert [record.variant for record in records] == ["admin-role-realm-admin+admin-role-view-realm", "briefrepresentation-true", ""]
