"""Reduced responses: what completes them, and nothing if nothing is missing."""

import pytest

from devkit.explain.cases import held, master
from devkit.explain.stage import NOW, USER_ID
from kcproxy import catalog as catalogs
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.reduced import explain_reduced
from kcproxy.model import Answer, Caller, Cause, Explanation, RequestFacts


def asked(path: str, caller: Caller, version: str = "26.7.4") -> Explanation | None:
    table = catalogs.load(version)
    request = RequestFacts(target=table.target("GET", path), base_path="", query={}, body=None, public_url=None)
    inputs = Inputs(
        request=request, caller=caller, answer=Answer(status=200), catalog=table, now_epoch_seconds=NOW, keycloak_version=version
    )
    return explain_reduced("x", inputs)


@pytest.mark.parametrize(
    ("path", "caller", "missing"),
    [
        ("/admin/realms/demo/users", held("query-users"), ("view-users",)),
        (f"/admin/realms/demo/users/{USER_ID}/role-mappings", held("view-users"), ("view-clients", "view-realm")),
        (f"/admin/realms/demo/ui-ext/available-roles/clients/{USER_ID}", held(), ("manage-clients",)),
        ("/admin/realms/demo/users", master("query-users"), ("view-users",)),
    ],
    ids=["let in by a query role", "one role of three", "let in without any role", "a token of master"],
)
def test_the_missing_roles_come_with_their_commands(path: str, caller: Caller, missing: tuple[str, ...]) -> None:
    found = asked(path, caller)
    assert found is not None
    assert found.verdict.cause is Cause.RESPONSE_REDUCED
    assert found.summary.startswith("The response to GET ")
    (fix,) = found.fixes
    assert set(missing) <= set(fix.roles)
    assert all(f"--rolename {role}" in fix.kcadm[0] for role in missing)


def test_older_versions_also_need_a_new_token() -> None:
    found = asked("/admin/realms/demo/users", held("query-users"), "24.0.5")
    assert found is not None
    assert "fetch a new token" in found.fixes[0].summary


@pytest.mark.parametrize(
    ("path", "roles"),
    [("/admin/realms/demo/users", ("view-users",)), ("/admin/realms/demo/nothing/of/that/kind", ())],
    ids=["nothing is missing", "no such operation"],
)
def test_nothing_is_said_if_no_role_adds_anything(path: str, roles: tuple[str, ...]) -> None:
    assert asked(path, held(*roles)) is None
