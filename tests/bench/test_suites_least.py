"""Suites with the least set: which set the audit's document gives, and which differences have a reason."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.suites.having import NotHad
from bench.suites.judge_least import audited
from bench.suites.kept import keep_least, kept_least
from bench.suites.least import LeastFound, LeastReason, LeastSet, least_set
from bench.suites.least_page import least_faults, least_page, least_section
from bench.suites.outcome import Found, Outcome, Run
from bench.suites.suite import Suite
from kcproxy.model import CallerKind
from kcproxy.observe.use_history import UseHistory
from kcproxy.usage.model import Outcome as UseOutcome
from kcproxy.usage.model import UseCaller
from kcproxy.usage.tally import UseTally

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SET = LeastSet(
    realm_roles=("create-realm",),
    clients={"master-realm": ("view-users",), "one-realm": ("manage-users",), "two-realm": ("manage-users", "view-events")},
)
FOUND = LeastFound(least_set=SET, made=("one-realm", "two-realm"), recorded={"a": PASSED}, least=({"a": PASSED},))
SUITE = Suite(
    name="x",
    library="a library",
    version="1.2",
    tests_from="its package",
    left_out={},
    adapted="none",
    prepare=lambda _folder, _clones: None,
    run=lambda _folder, _place, _label: {},
    with_least={"a*": "it impersonates"},
)


def caller(owner: str, least: list[str] | None, **more: Any) -> dict[str, Any]:
    """A member of the audit's document."""
    plain = {"client": "admin-cli", "tokenRealm": "master", "kind": "user", "used": [used("GET /z")]}
    return plain | {"owner": {"client": owner, "realm": "master"}, "least": least} | more


def used(operation: str, *realm_roles: str) -> dict[str, Any]:
    """A call that one of these realm roles allows, if there are any."""
    return {"operation": operation, "variant": None, "realmRoles": list(realm_roles), "problem": None}


def test_the_role_that_contains_everything_is_named_and_not_granted() -> None:
    found = least_set({"callers": [caller("master-realm", [], used=[used("GET /x", "admin") | {"variant": "v"}, used("GET /y")])]})
    assert (found.realm_roles, found.whole) == ((), ("GET /x [v]",))


def test_the_set_has_a_part_for_each_realm_and_the_realm_roles_of_all() -> None:
    document = {
        "callers": [caller("master-realm", ["view-users"], used=[used("POST /r", "create-realm")]), caller("one-realm", ["manage-users"])]
    }
    assert least_set(document) == LeastSet(
        realm_roles=("create-realm",), clients={"master-realm": ("view-users",), "one-realm": ("manage-users",)}
    )


@pytest.mark.parametrize("other", [{"tokenRealm": "one"}, {"client": "robot"}, {"kind": "service-account"}])
def test_accounts_that_the_suite_makes_are_not_part_of_the_set(other: dict[str, str]) -> None:
    assert least_set({"callers": [caller("one-realm", ["manage-realm"], **other)]}).clients == {}


def test_a_realm_of_which_every_call_failed_is_not_part_of_the_set() -> None:
    assert least_set({"callers": [caller("*-realm", [], used=[])]}).clients == {}


def test_an_operation_whose_roles_are_not_known_is_in_the_set() -> None:
    uses = [used("GET /x") | {"problem": "no role is enough"}, used("GET /y")]
    assert least_set({"callers": [caller("one-realm", None, used=uses)]}).open == ("GET /x: no role is enough",)


def test_roles_of_realms_that_the_suite_makes_are_not_granted() -> None:
    assert FOUND.granted == {"master-realm": ("view-users",)}
    assert SET.of(FOUND.made) == ("manage-users", "view-events")


def differing(least: list[str], others: list[str], known: dict[str, str]) -> str:
    """The reason of a test that passes as administrator."""
    runs: list[Run] = [{"a test": outcome} for outcome in least]
    found = replace(FOUND, recorded={"a test": PASSED}, least=tuple(runs))
    (difference,) = found.differences(known, [{"a test": outcome} for outcome in others])
    return difference.reason


@pytest.mark.parametrize(
    ("least", "others", "known", "reason"),
    [
        ([FAILED], [PASSED], {}, LeastReason.UNKNOWN),
        ([FAILED], [PASSED], {"a *": "it impersonates"}, "it impersonates"),
        ([FAILED], [PASSED], {"b *": "it impersonates"}, LeastReason.UNKNOWN),
        ([FAILED], [PASSED, FAILED], {"a *": "it impersonates"}, LeastReason.UNSTEADY),
        ([FAILED, PASSED], [PASSED], {}, LeastReason.ONCE),
        ([FAILED, PASSED], [PASSED], {"a *": "it impersonates"}, "it impersonates"),
    ],
)
def test_a_difference_has_the_reason_that_is_known_of_it(least: list[str], others: list[str], known: dict[str, str], reason: str) -> None:
    assert differing(least, others, known) == reason


def test_what_a_command_prints_is_no_evidence_of_an_unsteady_outcome() -> None:
    found = replace(FOUND, recorded={"a": "passed\none"}, least=({"a": "passed\nother"},))
    (difference,) = found.differences({}, [{"a": "passed\nanother"}])
    assert difference.reason == LeastReason.UNKNOWN


def test_only_differences_without_a_reason_are_faults() -> None:
    found = replace(FOUND, recorded={"a1": PASSED, "b": PASSED}, least=({"a1": FAILED, "b": FAILED},))
    (told,) = least_faults(SUITE, found, None)
    assert told.startswith("x: b: no reason is known")


def test_the_page_has_the_sets_and_the_reasons() -> None:
    found = replace(FOUND, recorded={"a1": PASSED, "b": FAILED}, least=({"a1": FAILED, "b": FAILED},))
    found = replace(found, least_set=replace(SET, whole=("GET /x",), open=("GET /y: why",)))
    text = least_section([(SUITE, Found(), found)], version="26.7.5")
    assert "- Only the realm role `admin` gets the same response of `GET /x`. It was not granted." in text
    assert "- No roles are known for GET /y: why." in text
    assert "| a library | 1, 1, 0 | 0, 2, 0 | 1 |" in text
    assert "- Granted: realm roles: `create-realm`; `master-realm`: `view-users`." in text
    assert "- Realms that it makes: 2. It uses there, all together: `manage-users`, `view-events`." in text
    assert "- Differs: `a1` (passed as administrator, failed with the least set): it impersonates." in text


def test_without_such_a_run_the_page_has_no_section() -> None:
    assert least_section([(SUITE, Found(), None)], version="26.7.5") == ""


def test_what_was_found_with_the_least_set_is_kept(tmp_path: Path) -> None:
    keep_least("x", "26.7.5", FOUND, folder=tmp_path)
    assert kept_least("x", "26.7.5", folder=tmp_path) == FOUND
    assert kept_least("x", "24.0.5", folder=tmp_path) is None
    assert kept_least("y", "26.7.5", folder=tmp_path) is None


def test_another_version_has_a_page_of_its_own_that_says_how_to_repeat_it() -> None:
    text = least_page([(SUITE, None, FOUND)], version="24.0.5")
    assert text.startswith("# Test suites of client libraries with the least set on Keycloak 24.0.5\n")
    assert "`python -m bench.suites --least --keycloak 24.0.5 --write` repeats this." in text
    assert "its client `{realm}-realm`" in text


def test_the_audit_of_a_record_gives_the_set_for_full_responses(tmp_path: Path) -> None:
    tally = UseTally()
    history = UseHistory(tmp_path / "use", tally, keep_days=90, max_rows=1000, now=time.time)
    known = tally.know(UseCaller(client="admin-cli", token_realm="master", kind=CallerKind.USER))
    assert known is not None
    tally.count(known, "one", "GET /admin/realms/{realm}", "", UseOutcome.FULL)
    tally.count(known, None, "GET /admin/serverinfo", "", UseOutcome.FULL)
    history.close()
    found = least_set(audited(tmp_path / "use", version="26.7.5"))
    assert found.clients["one-realm"] == ("view-realm", "view-users")
    assert found.whole == ("GET /admin/serverinfo",)


def test_an_audit_that_fails_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotHad, match="`kcproxy audit` failed"):
        audited(tmp_path / "nothing", version="26.7.5")
