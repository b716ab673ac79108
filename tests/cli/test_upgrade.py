"""``kcproxy upgrade``: the forecast for the callers of a record, with an exit code for CI."""

import json
from pathlib import Path

import pytest

from kcproxy.cli.exit_codes import Exit
from tests.cli.running import run
from tests.cli.test_audit import recorded
from tests.usage.test_forecast import DIFFERING


def logged(tmp_path: Path, operation: str) -> str:
    method, _, template = operation.partition(" ")
    path = template.partition(" (")[0].replace("{realm}", "shop")
    file = tmp_path / "log"
    line = {"method": method, "path": path, "status": 200, "client": "sync", "token_realm": "shop", "account": "sync"}
    file.write_text(json.dumps(line), encoding="utf-8")
    return str(file)


def test_no_change_ends_with_0(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    result = run("upgrade", "--from", "26.6.4", "--to", "26.7.5", "--history", str(path))
    assert result.exit_code == Exit.OK, result.output
    assert "From Keycloak 26.6.4 to 26.7.5 (measured). Window: 30 days, of which the proxy saw 1." in result.stdout
    assert "No change for 1 operations." in result.stdout
    assert "Since 26.7 Keycloak checks the current grants" in result.stdout


def test_a_call_that_will_be_refused_ends_with_5_and_the_grant_to_make_before(tmp_path: Path) -> None:
    operation, held = next((key, roles) for key, roles in DIFFERING if key.startswith("GET"))
    words = ["upgrade", "--from", "26.6.4", "--to", "26.7.5", "--log", logged(tmp_path, operation), "--client", "sync"]
    words += [word for role in held for word in ("--held", role)]
    result = run(*words, "--json")
    assert result.exit_code == Exit.FOUND, result.output
    (caller,) = json.loads(result.stdout)["callers"]
    assert [(change["operation"], change["fate"]) for change in caller["changes"]] == [(operation, "refused")]
    assert caller["grant"] or caller["grantAfter"]
    if caller["grant"]:
        assert "kcadm.sh add-roles" in caller["commands"][0]["kcadm"][0]
    assert operation in run(*words).stdout


def test_a_version_that_is_only_documented_says_so_and_names_the_audience(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    result = run("upgrade", "--from", "26.7.5", "--to", "26.8.2", "--history", str(path), "--json")
    document = json.loads(result.stdout)
    notes = " ".join(document["notes"])
    assert document["basis"] != "measured"
    assert "is documented, not measured" in notes
    assert "add the client scope kc-admin-api to client sync" in notes


MAPPERS = "POST /admin/realms/{realm}/clients/{client-uuid}/protocol-mappers/models"


def test_protocol_mappers_need_another_role_from_26_8_and_its_power_is_named(tmp_path: Path) -> None:
    words = [
        "upgrade",
        "--from",
        "26.7.5",
        "--to",
        "26.8.2",
        "--log",
        logged(tmp_path, MAPPERS),
        "--client",
        "sync",
        "--held",
        "manage-clients",
    ]
    result = run(*words, "--json")
    assert result.exit_code == Exit.FOUND, result.output
    (caller,) = json.loads(result.stdout)["callers"]
    assert [(change["operation"], change["fate"]) for change in caller["changes"]] == [(MAPPERS, "refused")]
    assert caller["grant"] == ["manage-realm"]
    assert {power["role"] for power in caller["powers"]} == {"manage-realm"}
    shown = run(*words).stdout
    assert "Grant before the upgrade: manage-realm" in shown
    assert "Warning: manage-realm" in shown


@pytest.mark.parametrize(
    "words", [("--to", "26.7.5"), ("--from", "x", "--to", "26.7.5"), ("--from", "26.6.4", "--to", "26.7.5", "--held", "a")]
)
def test_contradictory_questions_end_with_2(words: tuple[str, ...]) -> None:
    assert run("upgrade", *words).exit_code == Exit.USAGE
