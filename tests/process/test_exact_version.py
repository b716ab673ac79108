"""The patch of the server's version is learnt from server info that someone may see, and from nothing else."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import jwt
import pytest

from devkit.servers import ACCOUNT, Events, Message, RecordingUpstream, Running, running_proxy
from kcproxy.process.version_watch import settle_now
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings
from tests.process.test_version_watch import answer_as

_ACCOUNT = replace(ACCOUNT, token_realm="master")
USERS = "/admin/realms/demo/users"
SERVER_INFO = "/admin/serverinfo"
TOKEN = b'{"access_token":"t","expires_in":300}'
FORBIDDEN = b'{"error":"HTTP 403 Forbidden"}'
_ROLES = {"realm_access": {"roles": ["default-roles-demo"]}, "resource_access": {"account": {"roles": ["view-profile"]}}}
_CLAIMS = {"iss": "http://localhost:8080/realms/demo", "azp": "robot", "sub": "s", "exp": 9_999_999_999, **_ROLES}
AUTHORIZATION = "Authorization: Bearer " + jwt.encode(_CLAIMS, "a key that is long enough for a test of tokens")


def _json(status: int, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def server_info(version: str | None, *, padding: int = 100_000) -> bytes:
    """As Keycloak writes it: ``systemInfo`` first, and only for those who may see it."""
    system = {} if version is None else {"systemInfo": {"version": version, "serverTime": "now"}}
    return json.dumps({**system, "themes": {"login": [{"name": "x" * padding}]}}).encode()


def keycloak(upstream: RecordingUpstream, documents_of: str, info: Callable[[], bytes]) -> None:
    """Public documents of one version, a token for everyone, server info, and a refusal of everything else."""
    answer_as(upstream, documents_of)
    public: Callable[[Message], Any] = upstream.react

    def react(request: Message) -> Any:
        target = request.target.decode()
        if target == SERVER_INFO:
            return info()
        if request.method == b"POST":
            return _json(200, TOKEN)
        return _json(403, FORBIDDEN) if target == USERS else public(request)

    upstream.react = react


@asynccontextmanager
async def explaining(upstream: RecordingUpstream, **options: Any) -> AsyncIterator[Running]:
    """A proxy that explains by the table and the version of its runtime."""
    held: list[Running] = []
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: held[0].runtime.catalog, version=lambda: held[0].runtime.version)
    async with running_proxy(upstream.port, explainer=explainer, **options) as proxy:
        held.append(proxy)
        yield proxy


async def explained(proxy: Running) -> dict[str, Any]:
    response = await proxy.get(USERS, AUTHORIZATION)
    assert response.status == 403
    return dict(json.loads(response.body)["explanation"])


async def test_public_documents_give_the_line_and_the_table_is_named(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(403, FORBIDDEN))
    async with explaining(upstream) as proxy:
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.7"
        explanation = await explained(proxy)

    table = proxy.runtime.catalog.version
    required = explanation["required"]
    assert (required["keycloak"], required["askedKeycloak"], required["basis"]) == (table, "26.7", "documented")
    assert any(f"26.7 (table of {table})" in line for line in explanation["evidence"])
    assert any("only 26.7 is known" in hint for hint in explanation["hints"])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("version", ["26.7.3", "26.7.5"])
async def test_server_info_that_passes_to_a_caller_shows_the_patch(upstream: RecordingUpstream, version: str) -> None:
    body = server_info(version)
    keycloak(upstream, "26.7.4", lambda: _json(200, body))
    async with explaining(upstream) as proxy:
        assert await settle_now(proxy.runtime)
        assert (await proxy.get(SERVER_INFO, AUTHORIZATION)).body == body
        assert proxy.runtime.version == version
        required = (await explained(proxy))["required"]

    measured = required["keycloak"] == version
    assert required.get("askedKeycloak") == (None if measured else version)
    assert required["basis"] == ("measured" if measured else "documented")


@pytest.mark.parametrize(
    "answer",
    [
        _json(200, server_info(None)),
        _json(403, server_info("26.7.3")),
        _json(200, server_info("nightly")),
        _json(200, server_info("26.7.3"), "Content-Encoding: br"),
        _json(200, b'{"themes":{"x":{"version":"26.7.3"}}}'),
        _json(200, b'{"systemInfo":{"nested":{}},"version":"26.7.3"}'),
    ],
    ids=["no system info", "refused", "no number", "encoded", "of a theme", "elsewhere"],
)
async def test_what_does_not_show_the_servers_version_teaches_nothing(upstream: RecordingUpstream, answer: bytes) -> None:
    keycloak(upstream, "26.7.4", lambda: answer)
    async with explaining(upstream) as proxy:
        assert await settle_now(proxy.runtime)
        await proxy.get(SERVER_INFO, AUTHORIZATION)
        assert proxy.runtime.version == "26.7"


async def test_a_version_in_the_settings_is_not_replaced(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(200, server_info("26.7.3")))
    async with explaining(upstream) as proxy:
        runtime = proxy.runtime
        runtime.settings = replace(runtime.settings, explain=ExplainSettings(keycloak_version="26.4.7"))
        runtime.version = "26.4.7"
        assert await settle_now(runtime)
        await proxy.get(SERVER_INFO, AUTHORIZATION)
        assert proxy.runtime.version == "26.4.7"


async def test_an_account_that_may_see_the_patch_is_asked(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(200, server_info("26.7.3")))
    async with explaining(upstream, accounts=(_ACCOUNT,)) as proxy:
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.7.3"


async def test_an_account_that_may_not_see_it_leaves_the_line(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(200, server_info(None)))
    async with explaining(upstream, accounts=(_ACCOUNT,)) as proxy:
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.7"


async def test_another_line_in_the_public_documents_ends_what_was_learnt(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(200, server_info("26.7.3")))
    async with explaining(upstream) as proxy:
        assert await settle_now(proxy.runtime)
        await proxy.get(SERVER_INFO, AUTHORIZATION)
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.7.3"
        keycloak(upstream, "26.4.7", lambda: _json(403, FORBIDDEN))
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.4"
        assert proxy.runtime.catalog.version == "26.4.7"


async def test_a_server_that_was_down_may_have_another_patch(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.4", lambda: _json(200, server_info("26.7.3")))
    async with explaining(upstream) as proxy:
        assert await settle_now(proxy.runtime)
        await proxy.get(SERVER_INFO, AUTHORIZATION)
        upstream.react = lambda _: b"noise\r\n\r\n"
        assert not await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.7"


async def test_a_newer_line_than_all_recorded_ones_is_believed(upstream: RecordingUpstream) -> None:
    keycloak(upstream, "26.7.5", lambda: _json(200, server_info("26.8.1")))
    async with explaining(upstream, accounts=(_ACCOUNT,)) as proxy:
        assert await settle_now(proxy.runtime)
        assert proxy.runtime.version == "26.8.1"
