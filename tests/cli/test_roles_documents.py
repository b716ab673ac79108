"""Plans for lists of calls, on a small table."""

import json

import pytest

from kcproxy.catalog import Catalog, load, parse
from kcproxy.catalog.calls import read_calls
from kcproxy.catalog.power import powers_of
from kcproxy.cli.roles.call_plan import Plan, plan, plan_document
from kcproxy.cli.roles.text import plan_text
from tests.catalog.conftest import DOCUMENT, POWERS

WARNING = "manage-users can be turned into realm-admin: set a new password (if an administrator is there)"


@pytest.fixture
def small() -> Catalog:
    return parse(DOCUMENT, powers=powers_of(POWERS, "26.7.4"))


def planned(table: Catalog, *calls: str) -> Plan:
    return plan(table, read_calls("\n".join(calls)))


def test_what_the_least_roles_can_do_beyond_their_names_stands_in_the_plan(small: Catalog) -> None:
    found = planned(small, "POST /admin/realms/a/users")
    assert plan_document(small, found)["powers"] == [{"role": "manage-users", "power": "becomes-admin", "says": WARNING}]
    assert f"  warning: {WARNING}" in plan_text(small, found)
    assert plan_document(small, planned(small, "GET /admin/realms/a/users/4"))["powers"] == []


def test_a_query_decides_what_a_call_needs(small: Catalog) -> None:
    export = "POST /admin/realms/a/partial-export"
    assert planned(small, export).least == ("manage-realm",)
    assert planned(small, f"{export}?exportClients=true").least == ("manage-realm", "view-clients")


def test_calls_that_no_role_opens_and_calls_that_are_not_determined_stand_apart(small: Catalog) -> None:
    found = planned(
        small, "POST /admin/realms", "GET /admin/realms/a/odd", "GET /admin/realms/a/users", "GET /admin/realms/a/none", "GET /metrics"
    )
    document = plan_document(small, found)
    assert document["least"] == ["view-users"]
    assert [call["path"] for call in document["impossible"]] == ["/admin/realms"]
    assert [call["path"] for call in document["unknown"]] == ["/admin/realms/a/odd", "/admin/realms/a/none"]
    assert [call["path"] for call in document["elsewhere"]] == ["/metrics"]


def test_nothing_known_needs_nothing(small: Catalog) -> None:
    document = plan_document(small, planned(small, "GET /admin/realms/a/none"))
    assert (document["least"], document["count"]) == ([], 0)


MIXED = (
    '10.0.0.1 - a [30/Nov/2026:10:00:00 +0000] "GET /admin/realms/shop/users HTTP/1.1" 200 31',
    '10.0.0.2 - b [30/Nov/2026:10:00:00 +0000] "PUT /admin/realms/shop HTTP/1.1" 403 31',
    '10.0.0.3 - c [30/Nov/2026:10:00:00 +0000] "POST /admin/realms/shop/users HTTP/1.1" 409 31',
)


def test_refused_and_failed_calls_do_not_count_as_use() -> None:
    table = load("26.7.5")
    found = planned(table, *MIXED)
    document = plan_document(table, found)
    assert [(caller["client"], caller["least"]) for caller in document["callers"]] == [("a", ["view-users"])]
    assert document["least"] == ["view-users"]
    assert [(call["client"], call["status"], call["least"]) for call in document["refused"]] == [("b", 403, ["manage-realm"])]
    assert [(call["client"], call["status"], call["least"]) for call in document["failed"]] == [("c", 409, ["manage-users"])]
    text = "\n".join(plan_text(table, found))
    assert "Least combination: view-users" in text
    assert "Refused calls, which do not count (1)" in text
    assert "Failed calls, which do not count (1)" in text


def test_calls_that_all_failed_need_nothing_and_the_text_says_so() -> None:
    found = planned(load("26.7.5"), *MIXED[1:])
    assert (found.callers, found.least) == ((), ())
    assert "No call counts: all were refused or failed." in plan_text(load("26.7.5"), found)


def logged(path: str, client: str, *, method: str = "GET", realm: str = "shop", **more: object) -> str:
    line = {"event": "request", "method": method, "path": path, "status": 200, "client": client, "token_realm": realm, **more}
    return json.dumps(line)


def test_callers_are_kept_apart_by_client_and_by_realm_of_the_token() -> None:
    users = "/admin/realms/shop/users"
    found = planned(
        load("26.7.5"),
        logged(users, "sync"),
        logged(users, "sync", method="POST", status=201),
        logged(users, "report"),
        logged(users, "report", realm="master"),
    )
    assert [(caller.name, caller.least) for caller in found.callers] == [
        ("sync (realm shop)", ("manage-users",)),
        ("report (realm shop)", ("view-users",)),
        ("report (realm master)", ("view-users",)),
    ]
    assert found.least is None


@pytest.mark.parametrize(
    ("reduced", "least", "full"),
    [(True, ("query-users",), ("view-users",)), (False, ("view-users",), ("view-users",)), (None, ("view-users",), ("view-users",))],
)
def test_a_reduced_response_stays_reduced(reduced: bool | None, least: tuple[str, ...], full: tuple[str, ...]) -> None:
    line = json.loads(logged("/admin/realms/shop/users", "sync")) | {"reduced": reduced}
    (caller,) = planned(load("26.7.5"), json.dumps(line)).callers
    assert (caller.least, caller.full) == (least, full)
