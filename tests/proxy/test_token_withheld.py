"""If the proxy adds no token of an account, the explanation of the 401 says why, and how to change it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from devkit.servers import ACCOUNT, Events, RecordingUpstream, running_proxy
from kcproxy.catalog import default_version, load
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import AccountSettings, ExplainSettings

LIMITED = replace(ACCOUNT, operations=("GET /admin/realms/{realm}/users",))
USER = "/admin/realms/demo/users/42"


async def explained(
    upstream: RecordingUpstream, method: str, target: str, *fields: str, limited: bool = True, account: AccountSettings | None = None
) -> dict[str, Any]:
    """The explanation of a request that reaches Keycloak without a token, through a proxy with an account for realm demo."""
    body = b'{"error":"HTTP 401 Unauthorized"}'
    upstream.react = lambda _: (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: load(default_version()), version=lambda: None)
    async with running_proxy(upstream.port, accounts=(account or (LIMITED if limited else ACCOUNT),), explainer=explainer) as proxy:
        answer = await proxy.get(target, *fields, method=method)
    assert answer.status == 401
    found: dict[str, Any] = json.loads(answer.body)["explanation"]
    return found


async def test_a_call_outside_the_accounts_limit_names_the_setting_and_the_line_to_add(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "DELETE", USER)

    assert (explanation["cause"], explanation["confidence"]) == ("token-withheld", "certain")
    assert "the setting operations of its account for this realm does not include this operation" in explanation["summary"]
    fix = explanation["fixes"][0]
    assert 'Add "DELETE /admin/realms/{realm}/users/{user-id}" to its list operations' in fix["console"]
    assert any("[[accounts]]" in step and 'accounts[0] (realm "demo")' in step for step in fix["console"])


@pytest.mark.parametrize(
    ("target", "fields", "says"),
    [
        ("/admin/realms/demo/users", ("Origin: http://localhost:3000",), "a page in a browser"),
        ("/admin/realms/demo/users;x=1", (), "can be read in two ways"),
    ],
)
async def test_what_never_gets_a_token_says_why(upstream: RecordingUpstream, target: str, fields: tuple[str, ...], says: str) -> None:
    explanation = await explained(upstream, "GET", target, *fields, limited=False)

    assert explanation["cause"] == "token-withheld"
    assert says in explanation["summary"]
    assert explanation["fixes"][0]["summary"].startswith("Send your own access token")


async def test_a_realm_without_an_account_is_a_missing_token_and_says_that_none_serves_it(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "GET", "/admin/realms/other/users")

    assert explanation["cause"] == "token-missing"
    assert "the proxy adds tokens to requests of some realms, and has no account for realm other" in explanation["evidence"]
    assert explanation["summary"].startswith("The request has no access token, and kcproxy has no account for realm other")
    assert 'realm = "other"' in explanation["fixes"][0]["summary"]


async def test_an_entry_for_all_realms_is_named_as_written(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "DELETE", USER, account=replace(LIMITED, realms=("*",)))

    assert any('accounts[0] (realm "*")' in step for step in explanation["fixes"][0]["console"])


async def test_a_token_in_the_query_differs_from_no_token(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "GET", "/admin/realms/demo/users?access_token=a.b.c")

    assert explanation["cause"] == "token-missing"
    assert "access_token is in the query, where Keycloak does not look for it" in explanation["evidence"]
    assert "a.b.c" not in json.dumps(explanation)


async def test_the_fix_does_not_name_the_proxys_own_client(upstream: RecordingUpstream) -> None:
    explanation = await explained(upstream, "DELETE", USER)

    assert ACCOUNT.client_id not in json.dumps(explanation)
