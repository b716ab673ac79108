"""``kcproxy audit``: from records and logs to the least roles, with exit codes for CI."""

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from devkit.sarif import violations
from kcproxy.cli.exit_codes import Exit
from kcproxy.model import CallerKind
from kcproxy.observe.use_history import UseHistory
from kcproxy.observe.use_places import DAY_SECONDS
from kcproxy.settings.load import load
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import UseTally
from tests.cli.running import run, run_json

USERS = "GET /admin/realms/{realm}/users"
VERSION = "26.7.5"
SYNC = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
CONSOLE = UseCaller(client="console", token_realm="shop", kind=CallerKind.USER)


def recorded(path: Path, *, days_ago: int = 0, callers: tuple[UseCaller, ...] = (SYNC,), roles: tuple[str, ...] = ("realm-admin",)) -> Path:
    """A record with one read by each caller, who holds these roles."""
    tally = UseTally()
    history = UseHistory(path, tally, keep_days=90, max_rows=1000, now=lambda: time.time() - days_ago * DAY_SECONDS)
    for caller in callers:
        known = tally.know(caller)
        assert known is not None
        tally.count(known, "shop", USERS, "", Outcome.FULL)
        tally.name_roles(caller, {"realm-management": roles})
    history.close()
    return path


def audit(path: Path, *words: str, code: int = Exit.OK) -> Any:
    return run_json("audit", "--history", str(path), "--keycloak", VERSION, *words, code=code)


def test_the_text_has_the_window_the_sets_the_commands_and_the_way_back(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    result = run("audit", "--history", str(path), "--keycloak", VERSION, environ={"COLUMNS": "200"})
    assert result.exit_code == Exit.OK
    lines = result.stdout.splitlines()
    assert lines[0] == f"Window: 30 days, of which the proxy saw 1. Keycloak {VERSION}."
    assert lines[1] == "sync (realm shop, service-account): roles of realm-management in realm shop"
    text = result.stdout
    assert "  held              realm-admin" in text or "  held  " in text
    for part in ("more than needed", "realm-admin (not needed) opens a way to realm-admin", "To get there", "To go back", "Seen only once"):
        assert part in text
    assert text.index("add-roles -r shop") < text.index("remove-roles -r shop")


def test_the_document_has_everything_for_programs(tmp_path: Path) -> None:
    document = audit(recorded(tmp_path / "use"))
    assert document["window"]["says"] == "30 days, of which the proxy saw 1"
    (caller,) = document["callers"]
    assert (caller["held"], caller["least"], caller["full"]) == (["realm-admin"], ["view-users"], ["view-users"])
    assert (caller["unused"], caller["excessive"]) == ([], ["realm-admin"])
    assert [step["action"] for step in caller["change"] + caller["undo"]] == ["add", "remove", "add", "remove"]
    assert [(use["operation"], use["counts"], use["least"]) for use in caller["used"]] == [(USERS, {"full": 1}, ["view-users"])]
    assert [use["operation"] for use in caller["once"]] == [USERS]


@pytest.mark.parametrize(
    ("words", "clients"),
    [
        ((), ["console", "sync"]),
        (("--client", "sync"), ["sync"]),
        (("--realm", "hub"), []),
        (("--client", "sync", "--realm", "shop"), ["sync"]),
    ],
)
def test_callers_are_chosen_by_client_and_realm(tmp_path: Path, words: tuple[str, ...], clients: list[str]) -> None:
    document = audit(recorded(tmp_path / "use", callers=(SYNC, CONSOLE)), *words)
    assert [caller["client"] for caller in document["callers"]] == clients


@pytest.mark.parametrize(("since", "count"), [("30d", 0), ("8w", 1), ("900h", 0), ("41d", 1)])
def test_only_calls_within_the_window_count(tmp_path: Path, since: str, count: int) -> None:
    document = audit(recorded(tmp_path / "use", days_ago=40), "--since", since)
    assert len(document["callers"]) == count


@pytest.mark.parametrize(
    ("roles", "fail_on", "code"),
    [
        (("view-users",), "unused,escalation", Exit.OK),
        (("view-users", "view-realm"), "unused", Exit.FOUND),
        (("view-users", "view-realm"), "escalation", Exit.OK),
        (("realm-admin",), "unused", Exit.FOUND),
        (("realm-admin",), "escalation", Exit.FOUND),
        (("realm-admin",), "", Exit.OK),
    ],
)
def test_findings_that_are_named_end_with_5(tmp_path: Path, roles: tuple[str, ...], fail_on: str, code: int) -> None:
    audit(recorded(tmp_path / "use", roles=roles), "--fail-on", fail_on, code=code)


def test_roles_can_be_named_instead_of_read(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use", roles=("view-users",))
    (caller,) = audit(path, "--client", "sync", "--held", "manage-users", "--held", "view-users")["callers"]
    assert caller["held"] == ["manage-users"] or caller["held"] == ["manage-users", "view-users"]
    assert "manage-users" in [step["roles"][0] for step in caller["change"] if step["action"] == "remove"]


def test_records_of_several_proxies_are_one(tmp_path: Path) -> None:
    files = [recorded(tmp_path / name) for name in ("a", "b")]
    document = audit(files[0], "--history", str(files[1]))
    assert document["callers"][0]["used"][0]["counts"] == {"full": 2}
    assert document["callers"][0]["once"] == []


def logged(path: str, client: str, *, method: str = "GET", status: int = 200, **more: object) -> str:
    line = {"event": "request", "time": "2026-11-30T10:00:00.000Z", "method": method, "path": path, "status": status, "client": client}
    return json.dumps(line | {"token_realm": "shop"} | more)


def test_a_call_that_a_realm_role_of_master_allows_names_that_role(tmp_path: Path) -> None:
    line = logged("/admin/realms", "robot", method="POST", status=201, token_realm="master")
    (tmp_path / "log").write_text(line, encoding="utf-8")
    words = ("audit", "--log", str(tmp_path / "log"), "--since", "3000w", "--keycloak", VERSION)
    (caller,) = run_json(*words)["callers"]
    assert (caller["realmRoles"], [use["realmRoles"] for use in caller["used"]]) == ([["create-realm"]], [["create-realm"]])
    text = run(*words, environ={"COLUMNS": "200"}).stdout
    row = next(row for row in text.splitlines() if row.startswith("    POST /admin/realms "))
    assert row.endswith("realm role of master: create-realm")


def test_a_log_is_read_like_a_record(tmp_path: Path) -> None:
    users = "/admin/realms/shop/users"
    lines = [
        logged(users, "a"),
        logged(users, "a"),
        logged(users, "b", method="POST", status=403),
        logged(users, "c", reduced=True, account="c"),
        logged("/admin/realms/shop/nothing-known", "a"),
        "nonsense",
    ]
    file = tmp_path / "log"
    file.write_text("\n".join(lines), encoding="utf-8")
    document = run_json("audit", "--log", str(file), "--since", "3000w", "--keycloak", VERSION)
    assert [
        (each["client"], each["kind"], each["least"], each["used"][0]["counts"] if each["used"] else None) for each in document["callers"]
    ] == [
        ("a", "unknown", ["view-users"], {"full": 2}),
        ("b", "unknown", [], None),
        ("c", "service-account", ["query-users"], {"reduced": 1}),
    ]
    assert document["notes"] == [f"{file}: 1 lines contain no call", f"{file}: 1 lines are admin calls that the table does not have"]


def test_lines_without_a_time_say_that_the_window_is_not_known(tmp_path: Path) -> None:
    result = run("audit", "--log", "-", "--keycloak", VERSION, typed="GET /admin/realms/shop/users\n")
    assert result.stdout.startswith("Window: 30 days; the lines have no time.")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "soon"), "use for example 12h, 30d or 8w"),
        (("--fail-on", "everything"), "there are unused, escalation"),
        (("--held", "view-users", "--log", "-"), "name it with --client"),
        (("--user", "ann", "--log", "-"), "name it with --client"),
        (("--json", "--format", "sarif"), "contradict each other"),
        (("--as-operations", "--format", "sarif"), "--as-operations prints TOML"),
        (("--prometheus", "localhost:9090"), "it must be the address of a Prometheus server"),
        (("--prometheus", "http://ann:secret@localhost:9090"), "without user name and query"),
        ((), "give --history FILE, --admin HOST:PORT, --log FILE or --prometheus URL"),
    ],
)
def test_contradictory_questions_end_with_2(words: tuple[str, ...], says: str) -> None:
    result = run("audit", *words)
    assert result.exit_code == Exit.USAGE
    assert says in result.output


def test_a_look_up_needs_an_inspector() -> None:
    environ = {"KCPROXY_UPSTREAM": "http://localhost:8080"}
    result = run("audit", "--look-up", "--log", "-", typed="GET /admin/realms/shop/users\n", environ=environ)
    assert (result.exit_code, "needs an [inspector] in the settings" in result.output) == (Exit.USAGE, True), result.output


def test_a_file_that_is_no_record_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("nonsense" * 1000, encoding="utf-8")
    result = run("audit", "--history", str(file))
    assert result.exit_code == Exit.FAILED
    assert "cannot be read as a record of use" in result.output


def test_the_record_of_the_settings_is_the_default(tmp_path: Path) -> None:
    recorded(tmp_path / "denials-use.sqlite")
    result = run("audit", "--json", environ={"KCPROXY_HISTORY__PATH": str(tmp_path / "denials.sqlite")})
    assert [caller["client"] for caller in json.loads(result.stdout)["callers"]] == ["sync"]


def test_what_was_used_is_printed_as_a_limit_that_the_settings_take(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    result = run("audit", "--history", str(path), "--as-operations", "--keycloak", VERSION)
    assert result.exit_code == Exit.OK
    assert tomllib.loads(result.stdout) == {"operations": [USERS]}
    assert result.stdout.startswith("# sync (realm shop, service-account): what it called successfully in 30 days")
    secret = tmp_path / "secret"
    secret.write_text("s3cret", encoding="utf-8")
    secret.chmod(0o600)
    config = tmp_path / "kcproxy.toml"
    account = f'upstream = "http://localhost:8080"\n[[accounts]]\nrealm = "shop"\nclient_id = "sync"\nclient_secret_file = "{secret}"\n'
    config.write_text(account + result.stdout, encoding="utf-8")
    assert load(config, {}, {}).accounts[0].operations == (USERS,)


def test_a_limit_is_not_json() -> None:
    assert run("audit", "--as-operations", "--json").exit_code == Exit.USAGE


def test_commands_for_a_user_need_their_name(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use", callers=(CONSOLE,))
    (unnamed,) = audit(path)["callers"]
    (named,) = audit(path, "--client", "console", "--user", "ann")["callers"]
    assert (unnamed["change"], "--user NAME" in unnamed["notes"][0]) == ([], True)
    assert [step["kcadm"][0].partition(" -r ")[2] for step in named["change"]] == [
        "shop --uusername ann --cclientid realm-management --rolename view-users",
        "shop --uusername ann --cclientid realm-management --rolename realm-admin",
    ]
    assert [step["roles"] for step in named["undo"]] == [["realm-admin"], ["view-users"]]


def test_findings_are_printed_as_sarif(tmp_path: Path) -> None:
    words = ("--history", str(recorded(tmp_path / "use")), "--keycloak", VERSION)
    result = run("audit", *words, "--format", "sarif", "--fail-on", "escalation")
    assert result.exit_code == Exit.FOUND
    assert violations(json.loads(result.stdout)) == []
    found = json.loads(result.stdout)["runs"][0]["results"]
    assert [(each["ruleId"], each["level"]) for each in found] == [("excessive-role", "warning"), ("escalation", "error")]


def test_the_format_json_is_the_option_json(tmp_path: Path) -> None:
    path = recorded(tmp_path / "use")
    one, other = (
        run("audit", "--history", str(path), "--keycloak", VERSION, *words).stdout for words in (("--json",), ("--format", "json"))
    )
    assert json.loads(one)["callers"] == json.loads(other)["callers"]


def test_a_prometheus_that_does_not_answer_is_named() -> None:
    result = run("audit", "--prometheus", "http://127.0.0.1:9")
    assert (result.exit_code, "no response from http://127.0.0.1:9" in result.output) == (Exit.FAILED, True)


def test_calls_to_a_realm_that_may_not_exist_have_no_client_of_roles(tmp_path: Path) -> None:
    tally, operator = UseTally(), UseCaller(client="admin-cli", token_realm="master", kind=CallerKind.USER)
    history = UseHistory(tmp_path / "use.sqlite", tally, keep_days=90, max_rows=1000)
    known = tally.know(operator)
    assert known is not None
    tally.count(known, "nope", USERS, "", Outcome.ERROR)
    history.close()
    printed = run("audit", "--history", str(tmp_path / "use.sqlite"))
    assert "admin-cli (realm master, user): calls to realms where none succeeded" in printed.stdout
    assert "*-realm" not in printed.stdout
