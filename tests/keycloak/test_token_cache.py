"""The token cache: one fetch for all, reuse while valid, replacement after a refusal, and failures cached for a moment only."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from devkit.servers import ACCOUNT, SERVER_CLOSES, Events, Message, RecordingUpstream, recording_upstream
from kcproxy.errors import TokenFetchError
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.settings import AccountSettings, Secret, UpstreamSettings
from kcproxy.upstream.pool import side_upstream

NOT_HTTP = b"not http at all\r\n\r\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    source: TokenSource
    endpoint: RecordingUpstream
    clock: Clock
    events: Events

    def form(self, request: int) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.endpoint.requests[request].body.decode()).items()}


def json_response_bytes(status: int, document: object) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def granting(endpoint: RecordingUpstream, *, lifetime: float = 300) -> None:
    """Each request gets a new token: t1, t2, …"""
    endpoint.react = lambda _: json_response_bytes(200, {"access_token": f"t{len(endpoint.requests)}", "expires_in": lifetime})


@asynccontextmanager
async def _bench() -> AsyncIterator[Bench]:
    async with recording_upstream() as endpoint:
        granting(endpoint)
        settings = UpstreamSettings(scheme="http", host="127.0.0.1", port=endpoint.port, base_path="/auth", response_timeout_seconds=2)
        upstream, events, clock = side_upstream(settings), Events(), Clock()
        source = TokenSource(settings, upstream, events, injected=[ACCOUNT], clock=clock, now=lambda: 1_700_000_000.0, jitter=lambda: 0.0)
        try:
            yield Bench(source, endpoint, clock, events)
        finally:
            await source.close()
            await upstream.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with _bench() as running:
        yield running


async def test_a_grant_is_asked_for_as_keycloak_wants_it(bench: Bench) -> None:
    account = replace(ACCOUNT, token_realm="a realm/ü", scopes=("one", "two"))
    assert await bench.source.token(account) == "t1"
    request = bench.endpoint.requests[0]
    assert request.start == b"POST /auth/realms/a%20realm%2F%C3%BC/protocol/openid-connect/token HTTP/1.1"
    assert request.value("host") == f"127.0.0.1:{bench.endpoint.port}".encode()
    assert bench.form(0) == {"grant_type": "client_credentials", "client_id": "robot", "client_secret": "s3cret", "scope": "one two"}


async def test_two_hundred_requests_at_once_cost_one_fetch(bench: Bench) -> None:
    tokens = await asyncio.gather(*(bench.source.token(ACCOUNT) for _ in range(200)))
    assert set(tokens) == {"t1"}
    assert len(bench.endpoint.requests) == 1
    assert bench.events.fetches == [("demo/robot", "ok")]


async def test_a_waiter_that_leaves_ends_nobodys_fetch(bench: Bench) -> None:
    waiters = [asyncio.create_task(bench.source.token(ACCOUNT)) for _ in range(3)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    assert await asyncio.gather(*waiters[1:]) == ["t1", "t1"]
    assert waiters[0].cancelled()
    assert len(bench.endpoint.requests) == 1


async def test_roles_are_reported_of_injected_accounts_not_of_the_inspectors(bench: Bench) -> None:
    for account in (ACCOUNT, replace(ACCOUNT, client_id="inspector")):
        await bench.source.token(account)
    assert bench.events.told_roles == ["demo/robot"]


async def test_accounts_do_not_share_tokens(bench: Bench) -> None:
    others = [ACCOUNT, replace(ACCOUNT, client_id="other"), replace(ACCOUNT, token_realm="master"), replace(ACCOUNT, scopes=("x",))]
    assert [await bench.source.token(account) for account in others] == ["t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(
    ("lifetime", "age", "expected", "fetches"),
    [
        (300, 200, "t1", 1),  # good
        (300, 226, "t1", 2),  # past its best: still used, and a new one is fetched meanwhile
        (300, 291, "t2", 2),  # within the margin before expiry: not used any longer
        (5, 3.9, "t1", 2),
        (5, 4.1, "t2", 2),  # a short life has a shorter margin
        (1, 0.7, "t1", 1),
    ],
)
async def test_a_token_is_used_until_shortly_before_it_expires(
    bench: Bench, lifetime: float, age: float, expected: str, fetches: int
) -> None:
    granting(bench.endpoint, lifetime=lifetime)
    await bench.source.token(ACCOUNT)
    bench.clock.now += age
    assert await bench.source.token(ACCOUNT) == expected
    await asyncio.sleep(0.05)
    assert len(bench.endpoint.requests) == fetches


async def test_a_refresh_in_the_background_takes_effect_when_it_is_there(bench: Bench) -> None:
    await bench.source.token(ACCOUNT)
    bench.clock.now += 250
    assert await bench.source.token(ACCOUNT) == "t1"
    await asyncio.sleep(0.05)
    assert await bench.source.token(ACCOUNT) == "t2"


async def test_a_refresh_that_fails_leaves_the_old_token_in_use(bench: Bench) -> None:
    await bench.source.token(ACCOUNT)
    bench.endpoint.react = lambda _: json_response_bytes(503, {})
    bench.clock.now += 250
    for _ in range(3):
        assert await bench.source.token(ACCOUNT) == "t1"
        await asyncio.sleep(0.02)
    assert bench.events.fetches == [("demo/robot", "ok"), ("demo/robot", "unreadable")]


async def test_a_failure_is_remembered_for_a_moment_and_then_tried_again(bench: Bench) -> None:
    bench.endpoint.react = lambda _: json_response_bytes(
        401, {"error": "unauthorized_client", "error_description": "Invalid client credentials"}
    )
    for _ in range(5):
        with pytest.raises(TokenFetchError, match="robot of realm demo no token: 401 unauthorized_client") as caught:
            await bench.source.token(ACCOUNT)
    assert (caught.value.error, caught.value.description, caught.value.status) == ("unauthorized_client", "Invalid client credentials", 401)
    assert len(bench.endpoint.requests) == 1
    granting(bench.endpoint)
    bench.clock.now += 1.1
    assert await bench.source.token(ACCOUNT) == "t2"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html", "unreadable"),
        (json_response_bytes(200, {"access_token": ""}), "unreadable"),
        (json_response_bytes(200, {"access_token": "a\r\nX-Evil: 1"}), "unreadable"),
        (json_response_bytes(200, ["access_token"]), "unreadable"),
        (json_response_bytes(404, {"error": "Realm does not exist"}), "Realm does not exist"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "unreadable"),
        (NOT_HTTP, "broken"),
        (SERVER_CLOSES, "broken"),
    ],
)
async def test_every_response_of_the_token_endpoint_ends_in_a_clear_error(bench: Bench, answer: object, error: str) -> None:
    bench.endpoint.react = lambda _: answer
    with pytest.raises(TokenFetchError) as caught:
        await bench.source.token(ACCOUNT)
    assert caught.value.error == error
    assert bench.events.fetches == [("demo/robot", error)]
    assert re.search(r"Error\b", str(caught.value)) is None, "the name of an exception tells nobody anything"
    assert ("upstream.url" in str(caught.value)) == (error == "unreadable" or answer == NOT_HTTP), "only what may be another server's"


async def test_a_silent_token_endpoint_ends_in_a_clear_error(bench: Bench) -> None:
    async def never(_: Message) -> object:
        await asyncio.sleep(5)
        return SERVER_CLOSES

    bench.endpoint.react = never
    with pytest.raises(TokenFetchError) as caught:
        await asyncio.wait_for(bench.source.token(ACCOUNT), 4)
    assert caught.value.error == "timeout"


async def test_no_lifetime_in_the_response_is_taken_for_a_short_one(bench: Bench) -> None:
    bench.endpoint.react = lambda _: json_response_bytes(200, {"access_token": "t"})
    await bench.source.token(ACCOUNT)
    bench.clock.now += 61
    await bench.source.token(ACCOUNT)
    assert len(bench.endpoint.requests) == 2


class TestReplacing:
    async def test_a_refused_token_is_replaced_by_a_new_one(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        assert await bench.source.replace(ACCOUNT, old) == "t2"
        assert await bench.source.token(ACCOUNT) == "t2"

    async def test_many_refusals_at_once_cost_one_fetch(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        assert set(await asyncio.gather(*(bench.source.replace(ACCOUNT, old) for _ in range(50)))) == {"t2"}
        assert len(bench.endpoint.requests) == 2

    async def test_a_request_refused_with_an_older_token_gets_the_latest(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        await bench.source.replace(ACCOUNT, old)
        assert await bench.source.replace(ACCOUNT, old) == "t2"
        assert len(bench.endpoint.requests) == 2

    async def test_a_token_asked_for_before_the_request_came_does_not_do(self, bench: Bench) -> None:
        """It may be older than the grant that this request needs."""
        old = await bench.source.token(ACCOUNT)
        await bench.source.replace(ACCOUNT, old)
        bench.clock.now += 5
        assert await bench.source.replace(ACCOUNT, old, since=bench.clock.now - 1) == "t3"

    async def test_none_when_no_token_can_be_had(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        bench.endpoint.react = lambda _: json_response_bytes(500, {})
        assert await bench.source.replace(ACCOUNT, old) is None

    async def test_none_when_the_endpoint_gives_the_same_token_again(self, bench: Bench) -> None:
        bench.endpoint.react = lambda _: json_response_bytes(200, {"access_token": "same", "expires_in": 300})
        assert await bench.source.replace(ACCOUNT, await bench.source.token(ACCOUNT)) is None

    async def test_a_forgotten_token_is_fetched_again_and_only_that_one(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        bench.source.forget(ACCOUNT, "another")
        assert await bench.source.token(ACCOUNT) == old
        bench.source.forget(ACCOUNT, old)
        assert await bench.source.token(ACCOUNT) == "t2"


class TestTakingOver:
    """A reload: another cache takes over the tokens."""

    @asynccontextmanager
    async def after(self, bench: Bench, *accounts: AccountSettings) -> AsyncIterator[TokenSource]:
        settings = UpstreamSettings(scheme="http", host="127.0.0.1", port=bench.endpoint.port)
        upstream = side_upstream(settings)
        source = TokenSource(settings, upstream, bench.events, clock=bench.clock, jitter=lambda: 0.0)
        source.take_over(bench.source, accounts)
        try:
            yield source
        finally:
            await source.close()
            await upstream.close()

    async def test_a_token_is_kept_with_its_age_and_no_other_is_fetched(self, bench: Bench) -> None:
        held = await bench.source.get(ACCOUNT)
        bench.clock.now += 200
        async with self.after(bench, ACCOUNT) as source:
            assert await source.get(ACCOUNT) is held
            assert source.fresh(ACCOUNT, bench.clock.now) is held
            bench.clock.now += 91
            assert await source.token(ACCOUNT) == "t2"
        assert len(bench.endpoint.requests) == 2

    async def test_of_accounts_that_are_not_named_and_of_expired_tokens_nothing_is_kept(self, bench: Bench) -> None:
        other = replace(ACCOUNT, client_id="other")
        for account in (ACCOUNT, other):
            await bench.source.token(account)
        async with self.after(bench, ACCOUNT) as source:
            assert [await source.token(account) for account in (ACCOUNT, other)] == ["t1", "t3"]
        bench.clock.now += 291
        async with self.after(bench, ACCOUNT) as source:
            assert source.cached(ACCOUNT) is None

    async def test_with_another_secret_in_the_file_a_new_token_is_fetched_beside_it(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("old")
        account = replace(ACCOUNT, secret=Secret(path=file))
        await bench.source.token(account)
        async with self.after(bench, account):
            await asyncio.sleep(0.05)
        assert len(bench.endpoint.requests) == 1
        file.write_text("new")
        async with self.after(bench, account) as source:
            assert await source.token(account) == "t1"
            await asyncio.sleep(0.05)
            assert await source.token(account) == "t2"
        assert bench.form(1)["client_secret"] == "new"

    async def test_a_new_secret_that_is_wrong_leaves_the_token_in_use_until_it_expires(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("right")
        account = replace(ACCOUNT, secret=Secret(path=file))
        await bench.source.token(account)
        file.write_text("wrong")
        bench.endpoint.react = lambda _: json_response_bytes(401, {"error": "unauthorized_client"})
        async with self.after(bench, account) as source:
            for _ in range(5):
                assert await source.token(account) == "t1"
                await asyncio.sleep(0.02)
            bench.clock.now += 289
            assert await source.token(account) == "t1"
            await asyncio.sleep(0.05)
            bench.clock.now += 2
            with pytest.raises(TokenFetchError):
                await source.token(account)
        assert bench.events.fetches == [("demo/robot", "ok"), *[("demo/robot", "unauthorized_client")] * 3]

    async def test_a_token_that_is_refused_is_replaced_as_any(self, bench: Bench) -> None:
        old = await bench.source.token(ACCOUNT)
        async with self.after(bench, ACCOUNT) as source:
            assert await source.replace(ACCOUNT, old) == "t2"
            assert await source.token(ACCOUNT) == "t2"


class TestSecretFiles:
    async def test_a_rotated_secret_is_used_at_the_next_fetch(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("old\n")
        account = replace(ACCOUNT, secret=Secret(path=file))
        await bench.source.token(account)
        file.write_text("new\n")
        await bench.source.replace(account, "t1")
        assert [bench.form(number)["client_secret"] for number in (0, 1)] == ["old", "new"]

    async def test_a_secret_swapped_during_the_fetch_is_read_once_more(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("old")

        def react(request: Message) -> bytes:
            file.write_text("new")
            good = b"client_secret=new" in request.body
            return json_response_bytes(200, {"access_token": "t"}) if good else json_response_bytes(401, {"error": "unauthorized_client"})

        bench.endpoint.react = react
        assert await bench.source.token(replace(ACCOUNT, secret=Secret(path=file))) == "t"

    async def test_a_secret_file_that_cannot_be_read_is_a_clear_error(self, bench: Bench, tmp_path: Path) -> None:
        with pytest.raises(TokenFetchError, match="cannot be read: FileNotFoundError"):
            await bench.source.token(replace(ACCOUNT, secret=Secret(path=tmp_path / "none")))
        assert bench.endpoint.requests == []


async def test_no_secret_and_no_token_is_ever_printed(bench: Bench) -> None:
    held = await bench.source.get(ACCOUNT)
    assert "t1" not in repr(held)
    bench.endpoint.react = lambda _: json_response_bytes(401, {"error": "x"})
    with pytest.raises(TokenFetchError) as caught:
        await bench.source.token(replace(ACCOUNT, client_id="b"))
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
