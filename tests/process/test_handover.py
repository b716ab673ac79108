"""What a reload keeps: tokens of accounts whose settings stay, through a wrong secret file too, and the keys of issuers."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devkit.servers import ACCOUNT, Message, RecordingUpstream
from kcproxy.keycloak.issuer_keys import TokenUnacceptable
from kcproxy.keycloak.jwt_verifier import JwtVerifier
from kcproxy.process.handover import unchanged_accounts
from kcproxy.settings import ClientAuthMethod, ExplainSettings, InspectorSettings, Secret, Settings, UpstreamSettings
from tests.process.test_admission import USERS, ask_port
from tests.process.test_serve import Served, served
from tests.proxy.test_admission import Issuer, issuer  # noqa: F401 - a fixture

TOKEN_SECONDS = 15
UNUSABLE_SECONDS = TOKEN_SECONDS * 0.8


class Granting:
    """Tokens ``t1``, ``t2``, … for the right secret; users for a request with one of them."""

    def __init__(self, right: str = "right") -> None:
        self.right = right
        self.outcomes: Counter[bool] = Counter()

    def __call__(self, request: Message) -> bytes:
        if not request.target.endswith(b"/token"):
            known = (request.value("authorization") or b"").startswith(b"Bearer t")
            return self._respond(200 if known else 401, b"[]")
        good = f"client_secret={self.right}".encode() in request.body
        self.outcomes[good] += 1
        token = b'{"access_token":"t%d","expires_in":%d}' % (self.outcomes[True], TOKEN_SECONDS)
        return self._respond(200, token) if good else self._respond(401, b'{"error":"unauthorized_client"}')

    @staticmethod
    def _respond(status: int, body: bytes) -> bytes:
        return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def account(folder: Path, *, secret: str = "secret", more: str = "") -> str:
    return f'[[accounts]]\nrealms = ["demo"]\nclient_id = "robot"\nclient_secret_file = "{folder}/{secret}"\n{more}'


async def until(done: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await done():  # noqa: ASYNC110 - it asks another process
            await asyncio.sleep(0.1)


async def sighup(running: Served, times: int = 1) -> None:
    for _ in range(times):
        count = len(running.events("reloaded"))
        running.process.send_signal(signal.SIGHUP)
        await running.logged("reloaded", count + 1)


async def test_with_a_wrong_secret_file_reloads_cost_no_request_until_the_token_expires(
    upstream: RecordingUpstream, tmp_path: Path
) -> None:
    upstream.react = granting = Granting()
    (tmp_path / "secret").write_text("right")
    loop = asyncio.get_running_loop()
    async with served(upstream, tmp_path, tail=account(tmp_path)) as running:
        assert (await ask_port(running)).status == 200
        fetched_at = loop.time()
        await sighup(running, 3)
        assert granting.outcomes == {True: 1}
        (tmp_path / "secret").write_text("wrong")
        statuses: Counter[int] = Counter()
        for _ in range(3):
            await sighup(running)
            statuses[(await ask_port(running)).status] += 1
        while loop.time() < fetched_at + UNUSABLE_SECONDS - 1:
            statuses[(await ask_port(running)).status] += 1
            await asyncio.sleep(0.1)
        assert statuses.keys() == {200}
        assert granting.outcomes[True] == 1
        assert granting.outcomes[False] >= 1, "the new secret was not even tried"

        async def fails() -> bool:
            return (await ask_port(running)).status == 502

        await until(fails)
        (tmp_path / "secret").write_text("right")

        async def works() -> bool:
            return (await ask_port(running)).status == 200

        await until(works, 5)
        assert granting.outcomes[True] == 2


async def test_a_right_new_secret_is_taken_by_the_reload_before_the_token_expires(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = granting = Granting()
    (tmp_path / "secret").write_text("right")
    async with served(upstream, tmp_path, tail=account(tmp_path)) as running:
        assert (await ask_port(running)).status == 200
        granting.right = "rotated"
        (tmp_path / "secret").write_text("rotated")
        await sighup(running)

        async def new_token() -> bool:
            await ask_port(running)
            return upstream.requests[-1].value("authorization") == b"Bearer t2"

        await until(new_token, 5)
        assert granting.outcomes == {True: 2}


@pytest.mark.parametrize(
    ("changed", "status", "authorization"),
    [
        ({"secret": "other"}, 502, None),  # its secret is wrong, and the token that the right one got is not used any more
        ({"more": 'scopes = ["x"]\n'}, 200, b"Bearer t2"),
        ({"more": 'operations = ["GET /admin/realms/{realm}/users*"]\n'}, 200, b"Bearer t2"),
        (None, 401, b""),
    ],
)
async def test_an_account_that_is_changed_or_removed_loses_its_token_at_once(
    upstream: RecordingUpstream, tmp_path: Path, changed: dict[str, Any] | None, status: int, authorization: bytes | None
) -> None:
    upstream.react = Granting()
    (tmp_path / "secret").write_text("right")
    (tmp_path / "other").write_text("wrong")
    tail = account(tmp_path)
    async with served(upstream, tmp_path, tail=tail) as running:
        assert (await ask_port(running)).status == 200
        document = running.config.read_text()
        running.config.write_text(document.replace(tail, "" if changed is None else account(tmp_path, **changed)))
        await running.logged("reloaded")
        asked = len(upstream.requests)
        assert (await ask_port(running)).status == status
        sent = [request.value("authorization") or b"" for request in upstream.requests[asked:] if request.target == USERS.encode()]
        assert sent == ([] if authorization is None else [authorization])


OLD = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=8080), accounts=(ACCOUNT,))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"token_realm": "other"},
        {"realms": ("other",)},
        {"secret": Secret("other")},
        {"secret": Secret(path=Path("/secret"))},
        {"auth": ClientAuthMethod.CLIENT_SECRET_BASIC},
        {"key_id": "1"},
        {"algorithm": "RS256"},
        {"scopes": ("x",)},
        {"operations": ("GET /x",)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_changed_setting_of_an_account_is_a_change(changes: dict[str, Any]) -> None:
    assert unchanged_accounts(OLD, replace(OLD, accounts=(replace(ACCOUNT, **changes),))) == ()


def test_an_account_is_unchanged_unless_keycloaks_address_changes() -> None:
    same = replace(ACCOUNT, secret=Secret("s3cret"))
    others = (replace(ACCOUNT, realms=("crm",), client_id="crm"), same)
    assert unchanged_accounts(OLD, replace(OLD, accounts=others, explain=ExplainSettings(keycloak_version="24.0.5"))) == (same,)
    files = [replace(OLD, accounts=(replace(ACCOUNT, secret=Secret(path=Path("/secret"))),)) for _ in range(2)]
    assert unchanged_accounts(*files) == files[1].accounts
    for change in ({"port": 8081}, {"host": "other"}, {"scheme": "https"}, {"base_path": "/auth"}):
        assert unchanged_accounts(OLD, replace(OLD, upstream=replace(OLD.upstream, **change))) == ()


def test_a_shared_token_is_kept_only_if_all_its_accounts_stay() -> None:
    inspector = InspectorSettings(account=replace(ACCOUNT, client_id="inspector"))
    both = replace(OLD, inspector=inspector)
    assert unchanged_accounts(both, replace(both, inspector=replace(inspector, cache_seconds=1.0))) == (ACCOUNT, inspector.account)
    shared = replace(OLD, accounts=(ACCOUNT, replace(ACCOUNT, realms=("crm",))))
    assert len(unchanged_accounts(shared, shared)) == 1
    assert unchanged_accounts(shared, OLD) == ()


def test_secrets_with_the_same_source_are_equal() -> None:
    literal, file = Secret("s3cret"), Secret(path=Path("/a"))
    assert literal == Secret("s3cret")
    assert file == Secret(path=Path("/a"))
    assert len({literal, Secret("s3cret"), Secret("other"), file, Secret(path=Path("/a")), Secret(path=Path("/b"))}) == 4
    assert hash(literal) == hash(Secret("other")), "the hash depends on the secret"
    assert literal != "s3cret"


async def test_the_keys_of_an_issuer_outlive_a_reload_while_it_cannot_be_reached(issuer: Issuer) -> None:  # noqa: F811 - the fixture
    before, after, without = (JwtVerifier((issuer.url,), "kcproxy") for _ in range(3))
    await before.verify(issuer.token())
    issuer.down = True
    after.take_over(before)
    assert (await after.verify(issuer.token()))["azp"] == "shop"
    with pytest.raises(TokenUnacceptable):
        await without.verify(issuer.token())
    other = JwtVerifier((issuer.url + "/other",), "kcproxy")
    other.take_over(before)
    with pytest.raises(TokenUnacceptable, match="its issuer is not among"):
        await other.verify(issuer.token())


async def test_keys_that_were_taken_over_follow_the_new_settings(issuer: Issuer) -> None:  # noqa: F811 - the fixture
    now, fetched_by = [1000.0], list[str]()
    before = JwtVerifier((issuer.url,), "kcproxy", clock=lambda: now[0], on_fetch=lambda *_: fetched_by.append("before"))
    after = JwtVerifier((issuer.url,), "kcproxy", max_age_seconds=600, clock=lambda: now[0], on_fetch=lambda *_: fetched_by.append("after"))
    await before.verify(issuer.token())
    after.take_over(before)
    issuer.down = True
    now[0] += 601
    with pytest.raises(TokenUnacceptable, match=r"longer than inbound\.jwt_keys_max_age_seconds"):
        await after.verify(issuer.token())
    assert fetched_by == ["before", "after"]
