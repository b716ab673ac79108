"""Which account's token is added, and the reason if none is. The two never contradict each other."""

import pytest

from kcproxy.catalog import default_version, load
from kcproxy.http1.headers import RequestFields
from kcproxy.model import TargetKind, Withheld
from kcproxy.proxy.credentials import Accounts
from kcproxy.settings import AccountSettings

CATALOG = load(default_version())
USERS = "/admin/realms/demo/users"
WHOLE = AccountSettings(realms=("demo",), token_realm="demo", client_id="whole")
READER = AccountSettings(realms=("shop",), token_realm="shop", client_id="reader", operations=("GET *",))
SERVER = AccountSettings(realms=("master",), token_realm="master", client_id="server")
REST = AccountSettings(realms=("*",), token_realm="master", client_id="rest")

ORIGIN = {b"origin": b"https://evil.test"}
OWN = {b"authorization": b"Bearer own"}

Case = tuple[tuple[AccountSettings, ...], str, str, dict[bytes, bytes], str | None]

CASES: dict[str, list[Case]] = {
    "any method of the API": [((WHOLE,), method, USERS, {}, "whole") for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")],
    "what belongs to no realm is master's": [((WHOLE, SERVER), "GET", "/admin/realms", {}, "server")],
    "an account for all realms": [((REST,), "GET", USERS, {}, "rest"), ((REST,), "GET", "/admin/serverinfo", {}, "rest")],
    "what the table does not know": [((WHOLE,), "GET", "/admin/realms/demo/new-things", {}, "whole")],
    "credentials of one's own": [((WHOLE, REST), method, USERS, OWN, None) for method in ("GET", "TRACE")],
    "no API": [((REST,), "GET", path, {}, None) for path in ("/realms/demo/account", "/admin/demo/console/", "/", "/metrics")],
    "no account at all": [((), "GET", USERS, {}, None)],
    "another realm": [((accounts,), "GET", "/admin/realms/other/users", {}, Withheld.NO_ACCOUNT) for accounts in (WHOLE, SERVER)],
    "no account for the server": [((WHOLE,), "GET", "/admin/realms", {}, Withheld.NO_ACCOUNT)],
    "two readings": [((accounts,), "GET", USERS + "/%2e%2e/x", {}, Withheld.AMBIGUOUS) for accounts in (WHOLE, REST)],
    "no method of the API": [((accounts,), "TRACE", USERS, {}, Withheld.METHOD) for accounts in (WHOLE, REST)],
    "a page": [((WHOLE,), "GET", USERS, page, Withheld.BROWSER) for page in (ORIGIN, {b"sec-fetch-site": b"same-origin"})],
    "an address that somebody typed": [((WHOLE,), "GET", USERS, {b"sec-fetch-site": b"none"}, "whole")],
    "outside the limit": [
        ((READER,), "POST", "/admin/realms/shop/users", {}, Withheld.OPERATIONS),
        ((READER, REST), "POST", "/admin/realms/shop/users", {}, Withheld.OPERATIONS),
        ((READER,), "GET", "/admin/realms/shop/new-things", {}, Withheld.OPERATIONS),
        ((READER,), "GET", "/admin/realms/shop/users", {}, "reader"),
    ],
}


@pytest.mark.parametrize("says", CASES)
def test_a_request_gets_an_accounts_token_or_the_reason_why_not(says: str) -> None:
    for accounts, method, path, fields, expected in CASES[says]:
        looked_up, target, head = Accounts(accounts), CATALOG.target(method, path), RequestFields([], dict(fields))
        account = looked_up.account_for(target, head)
        found = (account.client_id if account else None, looked_up.withheld(target, head))
        assert found == ((None, expected) if isinstance(expected, Withheld) else (expected, None)), (method, path)


def test_the_cases_are_of_the_kinds_that_they_name() -> None:
    kinds = {path: CATALOG.target("GET", path).kind for path in ("/realms/demo/account", "/admin/demo/console/", "/", "/metrics")}
    assert not {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN} & set(kinds.values())
    assert CATALOG.target("GET", "/admin/realms/demo/new-things").kind is TargetKind.ADMIN_UNKNOWN
    assert CATALOG.target("GET", "/admin/realms").realm is None
