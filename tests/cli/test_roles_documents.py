"""Plans for lists of calls, on a small table."""

import pytest

from kcproxy.catalog import Catalog, parse
from kcproxy.catalog.calls import read_calls
from kcproxy.catalog.power import powers_of
from kcproxy.cli.roles_documents import Plan, plan, plan_document
from kcproxy.cli.roles_text import plan_text
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
