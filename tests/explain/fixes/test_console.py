"""The steps in the Admin console: in the words of each version, and a link to the page that they name."""

import pytest
from msgspec.structs import replace

from kcproxy.explain.fixes.console import console_grant, console_permission, console_scope, console_scope_url, console_url
from kcproxy.explain.fixes.console_labels import labels
from tests.explain.fixes.stage import APP, JANE, NEW, OLD, OWNER

BASE = "https://login.example.com/auth"
CONSOLE = f"{BASE}/admin/master/console/#/demo"


@pytest.mark.parametrize(
    ("version", "tab", "first"),
    [
        (OLD, "Service accounts roles", "Assign role: change Filter by realm roles to Filter by clients"),
        ((26, 2, 5), "Service accounts roles", "Assign role: change Filter by realm roles to Filter by clients"),
        ((26, 3), "Service accounts roles", "Assign role, Client roles"),
        ((26, 4, 99), "Service accounts roles", "Assign role, Client roles"),
        ((26, 5, 0), "Service account roles", "Assign role, Client roles"),
        (NEW, "Service account roles", "Assign role, Client roles"),
        ((27,), "Service account roles", "Assign role, Client roles"),
    ],
)
def test_the_words_are_those_of_the_version(version: tuple[int, ...], tab: str, first: str) -> None:
    assert console_grant(APP, OWNER, ("view-users",), version=version) == (
        "Choose the realm demo",
        f"Clients, app, tab {tab}",
        first,
        "Search for view-users and tick it in the row of the client realm-management",
        "Assign",
    )


@pytest.mark.parametrize(("version", "first"), [(OLD, "Assign role"), (NEW, "Assign role, Realm roles")])
def test_the_list_of_a_realm_role_is_the_one_that_is_shown_first_in_old_versions(version: tuple[int, ...], first: str) -> None:
    steps = console_grant(JANE, None, ("create-realm",), version=version)
    assert steps[1:4] == ("Users, jane, tab Role mapping", first, "Search for create-realm and tick it")


def test_each_role_is_searched_for_because_the_list_has_pages() -> None:
    steps = console_scope(APP, OWNER, ("view-clients", "view-users"), version=NEW)
    assert steps[1] == "Clients, app, tab Client scopes, app-dedicated, tab Scope"
    assert [step for step in steps if step.startswith("Search for")] == [
        "Search for view-clients and tick it in the row of the client realm-management",
        "Search for view-users and tick it in the row of the client realm-management",
    ]


def test_a_permission_needs_a_name_a_resource_and_a_click_on_save() -> None:
    steps = console_permission("demo", "jane", version=NEW)
    assert [step.partition(":")[0] for step in steps[2:7]] == ["Name", "Authorization scopes", "Enforce access to", "Policies", "Save"]
    assert "tab Permissions" in console_permission("demo", "jane", version=OLD)[1]


KNOWN = replace(APP, client_uuid="c-1", user_id="u-1")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (console_url(BASE, KNOWN, version=NEW), "/clients/c-1/serviceAccount"),
        (console_url(BASE, replace(KNOWN, client_uuid=None), version=NEW), "/clients"),
        (console_url(BASE, replace(JANE, user_id="u-1"), version=NEW), "/users/u-1/role-mapping"),
        (console_url(BASE, JANE, version=NEW), "/users"),
        (console_scope_url(BASE, KNOWN), "/clients/c-1/clientScopes/dedicated/scope"),
        (console_scope_url(BASE, APP), "/clients"),
    ],
)
def test_the_link_opens_the_page_that_the_steps_name(url: str, location: str) -> None:
    assert url == CONSOLE + location


@pytest.mark.parametrize("version", [(), (1,), (24,), (26, 99, 1), (99,)])
def test_every_version_has_words(version: tuple[int, ...]) -> None:
    assert labels(version)["assign"] == "Assign"
