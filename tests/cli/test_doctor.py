"""``kcproxy doctor``: the inspector's view of one client, and the commands that make an inspector."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from devkit.explain.stage import OLD_TABLE, TABLE
from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.cli.doctor import report as examination
from kcproxy.cli.doctor.inspector_setup import LEAST_ROLES, setup_commands
from kcproxy.cli.doctor.report import Patient, Verdict, examine
from kcproxy.cli.exit_codes import Exit
from kcproxy.explain.offline import asked
from kcproxy.keycloak import inspector
from kcproxy.model import Facts
from kcproxy.permissions import Identity, Permission, PermissionSet, Policy
from kcproxy.permissions.facts import PermissionFacts
from kcproxy.permissions.model import RegexCondition, Required, RoleCondition
from kcproxy.settings import Settings, UpstreamSettings
from tests.cli.running import run, run_json

HEALTHY: dict[str, Any] = {
    "client_known": True,
    "client_enabled": True,
    "service_accounts_enabled": True,
    "full_scope": True,
    "role_mapper_attached": True,
}


def test_the_inspectors_commands_give_it_its_least_roles_and_nothing_else() -> None:
    setup = run_json("doctor", "--create-inspector", "--realm", "shop")

    granted = setup["commands"][1]
    assert [word for word in granted.split() if word.startswith(("view-", "manage-", "realm-", "query-"))] == [
        "realm-management",
        *LEAST_ROLES,
    ]
    assert tomllib.loads(setup["config"])["inspector"]["realm"] == "shop"
    assert "secrets" in setup["warning"]


def test_the_setup_and_the_look_ups_agree_on_the_least_roles() -> None:
    assert LEAST_ROLES == inspector.LEAST_ROLES


def test_a_realm_of_a_strange_name_is_quoted_for_shell_and_toml() -> None:
    setup = setup_commands('my "realm"')

    assert "-r my%20%22realm%22" in setup.commands[0]
    assert tomllib.loads(setup.config)["inspector"]["realm"] == 'my "realm"'


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--realm", "shop"), "--client"),
        (("--realm", "shop", "--client", "app", "GET"), "together"),
        (("--client", "app"), "--realm"),
        (("--realm", "shop", "--client", "app", "--upstream", "http://localhost:1"), "[inspector]"),
    ],
)
def test_what_is_not_given_is_asked_for(words: tuple[str, ...], says: str) -> None:
    result = run("doctor", *words)

    assert result.exit_code == Exit.USAGE
    assert says in result.output


def _examined(monkeypatch: pytest.MonkeyPatch, facts: Facts | None, *, table: Catalog = TABLE) -> "examination.Examination | None":
    async def look(settings: Settings, patient: Patient) -> Facts | None:
        return facts

    monkeypatch.setattr(examination, "look", look)
    settings = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=1))
    patient = Patient(realm="demo", client_id="app", call=asked(table, "GET", "/admin/realms/demo/users"))
    return examine(settings, table, patient, version=None, asked=True, now=0)


@pytest.mark.parametrize(
    ("facts", "verdict", "obstacle"),
    [
        ({"granted": ("view-users",)}, Verdict.YES, ""),
        ({"granted": ("query-users",)}, Verdict.REDUCED, ""),
        ({"granted": ()}, Verdict.NO, "has no admin role"),
        ({"granted": ("view-users",), "full_scope": False, "in_scope": ()}, Verdict.NO, "not in the scope of app: view-users"),
        ({"granted": ("view-users",), "client_enabled": False}, Verdict.NO, "is disabled"),
        ({"granted": (), "service_accounts_enabled": False}, Verdict.NO, "no service account"),
        ({"client_known": False, "granted": None, "service_accounts_enabled": None}, Verdict.NO, "no client app"),
    ],
)
def test_what_is_in_the_way_is_named(monkeypatch: pytest.MonkeyPatch, facts: dict[str, object], verdict: Verdict, obstacle: str) -> None:
    found = _examined(monkeypatch, Facts(**{**HEALTHY, **facts}))

    assert found is not None
    assert found.verdict is verdict
    assert obstacle in " ".join(found.obstacles)


def test_on_versions_that_read_the_token_a_missing_mapper_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(**{**HEALTHY, "granted": ("view-users",), "role_mapper_attached": False})

    old, new = _examined(monkeypatch, facts, table=OLD_TABLE), _examined(monkeypatch, facts)
    assert old is not None
    assert new is not None
    assert (old.verdict, new.verdict) == (Verdict.NO, Verdict.YES)


def test_an_inspector_that_sees_nothing_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _examined(monkeypatch, None) is None


@pytest.mark.parametrize(
    ("granted", "scope", "verdict"),
    [
        (("create-realm",), {"full_scope": True}, Verdict.YES),
        (("create-realm",), {"full_scope": False, "realm_roles_in_scope": ()}, Verdict.NO),
        (("default-roles-master",), {"full_scope": True}, Verdict.NO),
    ],
)
def test_a_server_wide_call_is_judged_by_the_realm_role_that_opens_it(
    monkeypatch: pytest.MonkeyPatch, granted: tuple[str, ...], scope: dict[str, Any], verdict: Verdict
) -> None:
    facts = Facts(**{**HEALTHY, **scope}, granted=(), realm_roles_granted=granted)

    async def look(settings: Settings, patient: Patient) -> Facts | None:
        return facts

    monkeypatch.setattr(examination, "look", look)
    settings = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=1))
    patient = Patient(realm="master", client_id="app", call=asked(TABLE, "POST", "/admin/realms"))
    found = examine(settings, TABLE, patient, version=None, asked=True, now=0)

    assert found is not None
    assert found.verdict is verdict


def test_where_the_token_decides_a_mapper_that_writes_less_than_is_granted_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(**HEALTHY, granted=("view-users",), fresh_token_roles=())

    found = _examined(monkeypatch, facts, table=OLD_TABLE)

    assert found is not None
    assert (found.verdict, found.counting) == (Verdict.NO, ())
    assert any("would not contain view-users" in line for line in found.obstacles)


@pytest.mark.parametrize(
    ("facts", "words", "outcome"),
    [
        ({"client_known": False}, (), ("Realm shop has no client nosuch. Client ids are case-sensitive", Exit.FAILED)),
        ({"client_known": False}, ("GET", "/admin/realms/shop/users"), ("No.", Exit.DENIED)),
        ({**HEALTHY, "service_accounts_enabled": False}, (), ("Client nosuch has no service account", Exit.OK)),
    ],
)
def test_a_service_account_that_does_not_exist_is_not_described(
    facts: dict[str, Any], words: tuple[str, ...], outcome: tuple[str, Exit], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def look(settings: Settings, patient: Patient) -> Facts | None:
        return Facts(**facts)

    monkeypatch.setattr(examination, "look", look)
    config = tmp_path / "kcproxy.toml"
    secret = tmp_path / "secret"
    secret.write_text("s", encoding="utf-8")
    secret.chmod(0o600)
    config.write_text(f'[inspector]\nrealm = "shop"\nclient_id = "look"\nclient_secret_file = "{secret}"\n', encoding="utf-8")
    result = run("doctor", "--config", str(config), "--upstream", "http://localhost:1", "--realm", "shop", "--client", "nosuch", *words)

    first, code = outcome
    assert result.stdout.startswith(first)
    assert "The service account of" not in result.stdout
    assert "operations of Keycloak" not in result.stdout
    if not facts["client_known"]:
        assert "has no client nosuch" in result.stdout
    assert result.exit_code == code


def _with_permission(policy: Policy, identity: Identity) -> Facts:
    """A permission by this policy for viewing all users, which Keycloak's own evaluation refuses."""
    viewing = Permission(id="p", name="Viewing", type="Users", scopes=frozenset({"view"}), policies=("policy",))
    found = PermissionFacts(
        client_uuid="permissions",
        permissions=PermissionSet(permissions=(viewing,), policies={"policy": policy}),
        identity=identity,
        server={("Users", "", "view"): False},
    )
    return Facts(**HEALTHY, granted=(), admin_permissions_enabled=True, permissions=found)


def test_a_claim_that_only_a_token_shows_leaves_it_open_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(id="policy", name="Host", condition=RegexCondition(claim="clientHost", pattern=".*"))
    found = _examined(monkeypatch, _with_permission(policy, Identity(account_id="a", client_id="c")), table=catalogs.load("26.7.5"))

    assert found is not None
    assert found.verdict is Verdict.UNKNOWN
    assert "clientHost" in " ".join(found.open_because)


def test_a_role_that_is_not_in_the_scope_of_the_client_does_not_count_for_a_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(id="policy", name="Has r1", condition=RoleCondition(roles=(Required(id="r1"),)))
    identity = Identity(account_id="a", client_id="c", held=frozenset({"r1"}), full_scope=False, in_scope=frozenset(), in_token=frozenset())
    found = _examined(monkeypatch, _with_permission(policy, identity), table=catalogs.load("26.7.5"))

    assert found is not None
    assert found.verdict is Verdict.NO
