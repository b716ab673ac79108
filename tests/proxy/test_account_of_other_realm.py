"""If the proxy adds a token that cannot be let in, the explanation says what is wrong in the proxy's settings, not in the request."""

import json
from dataclasses import replace
from typing import Any

import pytest

from devkit.explain.stage import claims_of, jwt_of
from devkit.servers import ACCOUNT, Events, Message, RecordingUpstream, running_proxy
from kcproxy.catalog import default_version, load
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings

EVERYWHERE = replace(ACCOUNT, realms=("*",), token_realm="shop", client_id="robot")
SECOND = replace(ACCOUNT, realms=("stock",), token_realm="stock")


async def explained(upstream: RecordingUpstream, target: str, *fields: str) -> dict[str, Any]:
    """The explanation of a 403 through a proxy whose second account serves every realm with a client of realm shop."""
    token = jwt_of(claims_of(realm="shop", client="robot", roles={"realm-management": ["realm-admin"]}))

    def react(request: Message) -> bytes:
        is_token = request.target.endswith(b"/protocol/openid-connect/token")
        body = json.dumps({"access_token": token, "expires_in": 300} if is_token else {"error": "HTTP 403 Forbidden"}).encode()
        status = b"200 OK" if is_token else b"403 Forbidden"
        return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)

    upstream.react = react
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: load(default_version()), version=lambda: None)
    async with running_proxy(upstream.port, accounts=(SECOND, EVERYWHERE), explainer=explainer) as proxy:
        answer = await proxy.get(target, *fields)
    assert answer.status == 403
    found: dict[str, Any] = json.loads(answer.body)["explanation"]
    return found


async def test_a_token_of_another_realm_that_the_proxy_added_is_its_own_mistake(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "/admin/realms/blog/users")

    assert (explanation["cause"], explanation["confidence"]) == ("token-of-other-realm", "certain")
    assert explanation["summary"].startswith(
        'kcproxy added the token of its account robot of realm shop, because its settings say so in accounts[1] (realm "*"), and only tokens of realm blog'
    )
    assert any("the request had no token" in line for line in explanation["evidence"])


async def test_the_fix_changes_the_entry_as_written(upstream: RecordingUpstream) -> None:
    fix = (await explained(upstream, "/admin/realms/blog/users"))["fixes"][0]

    assert fix["summary"].startswith("In the settings of kcproxy, add an account of realm blog")
    assert any('accounts[1], replace "*"' in step and 'realm = "shop"' in step for step in fix["console"])
    assert any('[[accounts]] with realm = "blog"' in step for step in fix["console"])
    assert any("Grant " in step and "of realm-management" in step for step in fix["console"])
    assert not any("program" in step for step in fix["console"])


async def test_a_server_wide_call_with_an_account_of_a_realm_is_the_proxys_mistake(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "/admin/realms/master/users")

    assert explanation["summary"].startswith("kcproxy added the token of its account robot of realm shop")
    assert any('[[accounts]] with realm = "master"' in step for step in explanation["fixes"][0]["console"])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_foreign_token_that_the_caller_sent_is_the_callers(upstream: RecordingUpstream, scheme: str) -> None:
    token = jwt_of(claims_of(realm="shop", client="own"))

    explanation = await explained(upstream, "/admin/realms/blog/users", f"Authorization: {scheme} {token}")

    assert explanation["summary"].startswith("The token belongs to realm shop")
    assert "kcproxy" not in explanation["summary"]
    assert "accounts[" not in json.dumps(explanation)
