"""Which token a request gets, and what happens if an injected one is refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from devkit.servers import ACCOUNT, FORBIDDEN, OK, Message, RecordingUpstream, Running, running_proxy
from kcproxy.http1.headers import RequestFields
from kcproxy.keycloak.retry_budget import RetryBudget
from kcproxy.model import Target, TargetKind
from kcproxy.proxy.credentials import Accounts
from kcproxy.settings import AccountSettings

pytestmark = pytest.mark.usefixtures("way")

USERS = "/admin/realms/demo/users"
TOKEN_PATH = b"/realms/demo/protocol/openid-connect/token"


def responding(upstream: RecordingUpstream, admin: Callable[[Message], bytes]) -> None:
    """The token endpoint issues t1, t2, …; ``admin`` responds to all other requests."""
    count = iter(range(1, 10_000))

    def react(request: Message) -> bytes:
        if request.target != TOKEN_PATH:
            return admin(request)
        body = json.dumps({"access_token": f"t{next(count)}", "expires_in": 300}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    upstream.react = react


def forwarded(upstream: RecordingUpstream) -> list[tuple[bytes, bytes | None]]:
    return [(request.target, request.value("authorization")) for request in upstream.requests if request.target != TOKEN_PATH]


def fetches(upstream: RecordingUpstream) -> int:
    return sum(request.target == TOKEN_PATH for request in upstream.requests)


@pytest.fixture
async def injecting(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    responding(upstream, lambda _: OK)
    async with running_proxy(upstream.port, accounts=(ACCOUNT,)) as proxy:
        yield proxy


async def test_a_request_without_a_token_gets_the_accounts(injecting: Running, upstream: RecordingUpstream) -> None:
    assert (await injecting.get(USERS)).status == 200
    assert forwarded(upstream) == [(USERS.encode(), b"Bearer t1")]
    assert (await injecting.settled(1))[0].injected_account == "robot"


async def test_an_injected_token_goes_to_the_host_that_issued_it(upstream: RecordingUpstream) -> None:
    responding(upstream, lambda _: OK)
    async with running_proxy(upstream.port, accounts=(ACCOUNT,), preserve_host=True) as proxy:
        await proxy.get(USERS)
        await proxy.get(USERS, "Authorization: Bearer own")
    hosts = [request.value("host") for request in upstream.requests if request.target != TOKEN_PATH]
    assert hosts == [f"localhost:{upstream.port}".encode(), f"proxy.test:{proxy.port}".encode()]


@pytest.mark.parametrize("own", ["Bearer mine", "Basic eDp5", "nonsense", ""])
async def test_a_request_with_authorization_of_its_own_keeps_it(injecting: Running, upstream: RecordingUpstream, own: str) -> None:
    await injecting.get(USERS, f"Authorization: {own}")
    assert forwarded(upstream) == [(USERS.encode(), own.encode())]
    assert fetches(upstream) == 0


async def test_naming_authorization_in_connection_does_not_get_an_injected_token(injecting: Running, upstream: RecordingUpstream) -> None:
    await injecting.get(USERS, "Authorization: Bearer mine", "Connection: authorization")
    assert forwarded(upstream) == [(USERS.encode(), None)]


NEVER = {
    "another realm": ("GET", "/admin/realms/other/users", ()),
    "the realms together, which belong to master": ("GET", "/admin/realms", ()),
    "login pages": ("GET", "/realms/demo/account", ()),
    "userinfo": ("GET", "/realms/demo/protocol/openid-connect/userinfo", ()),
    "the token endpoint": ("POST", "/realms/demo/protocol/openid-connect/auth", ()),
    "the console": ("GET", "/admin/demo/console/", ()),
    "outside": ("GET", "/metrics", ()),
    "dot segments": ("GET", "/admin/realms/demo/../demo/users", ()),
    "encoded dot segments": ("GET", "/admin/realms/demo/%2e%2e/demo/users", ()),
    "twice encoded dots": ("GET", "/admin/realms/demo/%252e%252e/demo/users", ()),
    "an empty segment": ("GET", "/admin/realms/demo//users", ()),
    "two slashes first": ("GET", "//admin/realms/demo/users", ()),
    "a path parameter": ("GET", "/admin/realms/demo/users;a=b", ()),
    "a backslash": ("GET", "/admin/realms/demo/users%5c..", ()),
    "a broken escape": ("GET", "/admin/realms/demo/users/%zz", ()),
    "an escape within an escape": ("GET", "/admin/realms/%2564emo/users", ()),
    "an escaped slash before another operation": ("GET", "/admin/realms/demo/users/42%2Fgroups", ()),
    "a token in the query": ("GET", "/admin/realms/demo/users?access_token=x", ()),
    "TRACE": ("TRACE", "/admin/realms/demo/users", ()),
    "OPTIONS": ("OPTIONS", "/admin/realms/demo/users", ()),
    "an unknown method": ("PROPFIND", "/admin/realms/demo/users", ()),
    "a web page's request": ("POST", "/admin/realms/demo/users", ("Origin: https://evil.test",)),
    "a web page's own reload": ("GET", "/admin/realms/demo/users", ("Sec-Fetch-Site: cross-site",)),
    "a page that came through the proxy itself": ("GET", "/admin/realms/demo/users", ("Sec-Fetch-Site: same-origin",)),
    "a sandboxed page": ("GET", "/admin/realms/demo/users", ("Origin: null",)),
}


@pytest.mark.parametrize(("method", "target", "fields"), NEVER.values(), ids=NEVER)
async def test_never_injected(injecting: Running, upstream: RecordingUpstream, method: str, target: str, fields: tuple[str, ...]) -> None:
    await injecting.get(target, *fields, method=method)
    assert forwarded(upstream) == [(target.encode(), None)]
    assert fetches(upstream) == 0


@pytest.mark.parametrize(
    "target",
    [
        "/admin/realms/demo/users/",
        "/admin/realms/demo/users/a%2Fb",
        "/admin/realms/demo/users?search=../x;y//",
        "/admin/realms/demo/new-things",
    ],
)
async def test_plain_requests_of_the_realm_are_injected(injecting: Running, upstream: RecordingUpstream, target: str) -> None:
    await injecting.get(target)
    assert forwarded(upstream) == [(target.encode(), b"Bearer t1")]


@pytest.mark.parametrize("host", ["elsewhere.test", "proxy.test", "localhost"])
async def test_an_absolute_target_is_sent_as_its_path_and_never_injected(
    injecting: Running, upstream: RecordingUpstream, host: str
) -> None:
    """Scheme and host are removed. A token is added only to targets that are forwarded unchanged."""
    await injecting.get(f"http://{host}/admin/realms/demo/users")
    assert forwarded(upstream) == [(USERS.encode(), None)]


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/admin/realms/demo/users", True),
        ("HEAD", "/admin/realms/demo/users", True),
        ("POST", "/admin/realms/demo/users", False),
        ("GET", "/admin/realms/demo/users/count", False),
        ("GET", "/admin/realms/demo/users/42", True),
        ("DELETE", "/admin/realms/demo/users/42", True),
        ("GET", "/admin/realms/demo/not-in-the-table", False),
    ],
)
async def test_an_accounts_operations_limit_what_its_token_is_used_for(
    upstream: RecordingUpstream, method: str, target: str, allowed: bool
) -> None:
    responding(upstream, lambda _: OK)
    limited = replace(ACCOUNT, operations=("GET /admin/realms/{realm}/users", "* /admin/realms/{realm}/users/{user-id}"))
    async with running_proxy(upstream.port, accounts=(limited,)) as proxy:
        await proxy.get(target, method=method)
        assert forwarded(upstream) == [(target.encode(), b"Bearer t1" if allowed else None)]


def test_the_account_that_names_a_realm_comes_before_the_one_for_all() -> None:
    rest = AccountSettings(realms=("*",), token_realm="master", client_id="rest")
    accounts = Accounts((rest, ACCOUNT, AccountSettings(realms=("demo",), token_realm="demo", client_id="late")))

    def chosen(realm: str | None) -> str | None:
        target = Target(kind=TargetKind.ADMIN, method="GET", raw_path="/", realm=realm)
        account = accounts.account_for(target, RequestFields([], {}))
        return account.client_id if account else None

    assert [chosen("demo"), chosen("other"), chosen(None)] == ["robot", "rest", "rest"]


class TestARefusedToken:
    @pytest.mark.parametrize("body", [None, b"", b"x" * 65_536])
    async def test_a_grant_works_on_the_very_next_request(
        self, injecting: Running, upstream: RecordingUpstream, body: bytes | None
    ) -> None:
        await injecting.get(USERS)
        granted_from = 2
        self._let_in_from(upstream, granted_from)
        answer = await injecting.get(USERS, method="POST", body=body)
        assert answer.status == 200
        assert [request.body for request in upstream.requests[-1:]] == [body or b""]
        assert forwarded(upstream)[1:] == [(USERS.encode(), b"Bearer t1"), (USERS.encode(), b"Bearer t2")]
        record = (await injecting.settled(2))[1]
        assert (record.token_replaced, record.retried, record.injected_account) == (True, True, "robot")
        assert injecting.events.replaced == ["demo/robot"]

    async def test_is_repeated_with_its_chunked_body_too(self, injecting: Running, upstream: RecordingUpstream) -> None:
        await injecting.get(USERS)
        self._let_in_from(upstream, 2)
        head = f"POST {USERS} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        assert (await injecting.send(head + b"5\r\nhello\r\n0\r\n\r\n")).status == 200
        assert [request.body for request in upstream.requests if request.target == USERS.encode()][1:] == [b"hello", b"hello"]

    async def test_with_a_body_too_large_to_keep_is_not_repeated_but_the_next_request_works(
        self, injecting: Running, upstream: RecordingUpstream
    ) -> None:
        await injecting.get(USERS)
        self._let_in_from(upstream, 2)
        assert (await injecting.get(USERS, method="POST", body=b"x" * 65_537)).status == 403
        assert (await injecting.get(USERS)).status == 200

    async def test_that_was_asked_for_after_the_request_came_is_not_replaced(self, upstream: RecordingUpstream) -> None:
        responding(upstream, lambda _: FORBIDDEN)
        async with running_proxy(upstream.port, accounts=(ACCOUNT,)) as proxy:
            assert (await proxy.get(USERS)).status == 403
        assert (fetches(upstream), len(forwarded(upstream))) == (1, 1)

    async def test_a_standing_refusal_does_not_double_the_load(self, upstream: RecordingUpstream) -> None:
        responding(upstream, lambda _: FORBIDDEN)
        async with running_proxy(upstream.port, accounts=(ACCOUNT,)) as proxy:
            for _ in range(50):
                assert (await proxy.get(USERS)).status == 403
        assert len(forwarded(upstream)) <= 50 + 4
        assert fetches(upstream) <= 1 + 4

    async def test_the_first_refusal_stands_when_no_new_token_can_be_had(self, injecting: Running, upstream: RecordingUpstream) -> None:
        await injecting.get(USERS)
        upstream.react = lambda request: b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n" if request.target == TOKEN_PATH else FORBIDDEN
        answer = await injecting.get(USERS)
        assert (answer.status, answer.body) == (403, b'{"error":"HTTP 403 Forbidden"}')

    async def test_a_callers_own_refused_token_is_never_replaced(self, injecting: Running, upstream: RecordingUpstream) -> None:
        self._let_in_from(upstream, 2)
        assert (await injecting.get(USERS, "Authorization: Bearer t1")).status == 403
        assert fetches(upstream) == 0

    @staticmethod
    def _let_in_from(upstream: RecordingUpstream, first: int) -> None:
        """The token endpoint counts on. Tokens before ``first`` are refused."""
        endpoint = upstream.react

        def react(request: Message) -> object:
            if request.target == TOKEN_PATH:
                return endpoint(request)
            return OK if int((request.value("authorization") or b"")[8:]) >= first else FORBIDDEN

        upstream.react = react


def test_retries_are_few_and_refill() -> None:
    now = [100.0]
    budget = RetryBudget(lambda: now[0])
    assert [budget.use("a", "op") for _ in range(5)] == [True, True, True, False, False]
    assert budget.use("a", "other")
    now[0] += 2.0
    assert [budget.use("a", "op") for _ in range(2)] == [True, False]
    budget.reset("a", "op")
    assert [budget.use("a", "op") for _ in range(4)] == [True, True, True, False]


async def test_a_token_endpoint_that_refuses_is_a_clear_502(upstream: RecordingUpstream) -> None:
    body = b'{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}'
    refusal = b"HTTP/1.1 401 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    upstream.react = lambda request: refusal if request.target == TOKEN_PATH else OK
    async with running_proxy(upstream.port, accounts=(ACCOUNT,)) as proxy:
        answer = await proxy.get(USERS)
        said = json.loads(answer.body)
        assert (answer.status, answer.value("kcproxy-error")) == (502, b"token")
        assert said["message"] == said["errorMessage"] == said["error_description"]
        assert "robot" in said["message"]
        assert "Invalid client or Invalid client credentials" in said["message"]
        assert (await proxy.settled(1))[0].error_kind == "token"
        assert forwarded(upstream) == []


async def test_two_hundred_requests_at_once_on_a_cold_cache_fetch_one_token(injecting: Running, upstream: RecordingUpstream) -> None:
    responses = await asyncio.gather(*(injecting.get(USERS) for _ in range(200)))
    assert {answer.status for answer in responses} == {200}
    assert fetches(upstream) == 1


async def test_two_hundred_refused_requests_at_once_on_a_cold_cache_fetch_one_token_too(
    injecting: Running, upstream: RecordingUpstream
) -> None:
    granting = upstream.react
    refusal = b'HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{"error":"HTTP 403 Forbidden"}'

    async def react(request: Message) -> object:
        if request.target != TOKEN_PATH:
            return refusal
        # No request is refused before the last one has arrived, however busy the machine is.
        while injecting.events.started < 200:  # noqa: ASYNC110 - requests that begin are counted, nothing waits for them
            await asyncio.sleep(0.005)
        return granting(request)

    upstream.react = react
    responses = await asyncio.gather(*(injecting.get(USERS) for _ in range(200)))
    assert {answer.status for answer in responses} == {403}
    assert fetches(upstream) == 1
    await asyncio.sleep(0.05)  # a grant takes longer
    await injecting.get(USERS)
    assert fetches(upstream) == 2, "a caller that asks again after its refusal is not part of the burst"


async def test_a_request_that_waits_for_a_connection_gets_no_token_once_its_certificate_is_withdrawn(upstream: RecordingUpstream) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(_: Message) -> bytes:
        arrived.set()
        await go_on.wait()
        return OK

    responding(upstream, lambda _: OK)
    issue = upstream.react
    upstream.react = lambda request: issue(request) if request.target == TOKEN_PATH else held(request)
    async with running_proxy(upstream.port, accounts=(ACCOUNT,), max_connections=1) as proxy:
        first = asyncio.create_task(proxy.get("/admin/realms/demo/users", "Authorization: Bearer own"))
        await asyncio.wait_for(arrived.wait(), 5)
        second = asyncio.create_task(proxy.get("/admin/realms/demo/groups"))
        async with asyncio.timeout(5):
            while not proxy.runtime.upstream.waiting_requests:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
        for connection in proxy.server.connections:
            connection.withdraw()
        go_on.set()
        assert (await first).status == 200
        refused = await second
    assert (refused.status, refused.value("kcproxy-error")) == (401, b"certificate-withdrawn")
    assert b"/admin/realms/demo/groups" not in [request.target for request in upstream.requests]
