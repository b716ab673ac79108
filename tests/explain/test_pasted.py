"""Everything that is printed for pasting, with hostile names in every field: run in real shells, parsed by Terraform's own parser, and read."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from urllib.parse import quote, urlsplit

import pygohcl
import pytest
import yaml

from devkit.explain.cases import CASES
from devkit.explain.hostile import all_planted
from devkit.explain.stage import USER_ID, caller_of, refused
from devkit.shells import OUTPUT, SHELLS, Bench, Call, bench
from kcproxy.explain import render
from kcproxy.explain.fixes.ansible import NAME_IN_URL
from kcproxy.explain.fixes.forms import LEFT_OUT
from kcproxy.explain.fixes.terraform import REALM_IN_URL
from kcproxy.explain.json_template import compact
from kcproxy.model import Explanation, Facts, Fix
from tests.hostile_text import ALL_AT_ONCE, NAMES, unseen

NAMEABLE = tuple(name for name in NAMES if name)  # a token's empty name is none
USER = f"/admin/realms/demo/users/{USER_ID}"
CURL = ("curl", "-sSf", "-K", "-")
"""The token comes by standard input: every user of the machine can read command lines."""
MODULES = ("keycloak_user_rolemapping", "keycloak_client_rolescope")
IN_URL = set("%?#/\\")
"""What Terraform's provider for Keycloak cannot put into a URL."""


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("shells"))


def fix_for(name: str, *, looked_up: bool, scope: bool = True, user: bool = False) -> Fix:
    """A fix for an account, client, realm and ids that are all called so; with ``scope`` the client's scope has to let the role through as well."""
    issuer = f"http://localhost:8080/realms/{quote(name, safe='')}"
    caller = caller_of(
        client=name, username=name if user else f"service-account-{name.lower()}", realm=name, iss=issuer, sub=name, bare=scope
    )
    facts = Facts(granted=(), full_scope=not scope, in_scope=() if scope else None, client_uuid=name, account_name=name if user else None)
    path = f"/admin/realms/{quote(name, safe='')}/users/{USER_ID}"
    return refused("GET", path, caller=caller, facts=facts if looked_up else None).fixes[0]


def expected_kcadm(name: str, *, looked_up: bool, user: bool) -> list[Call]:
    """Calls of kcadm.sh and jq, as they should be: the grant, and the role let through the scope."""
    realm = quote(name, safe="")
    in_realm = ("-r", realm) if not realm.startswith("-") else (f"--target-realm={realm}",)
    account = _account(name if user else f"service-account-{name.lower()}", quote(name, safe=""))
    read, client = f"clients/{OUTPUT}/roles/view-users", quote(name, safe="") if looked_up else OUTPUT
    looked_for = ["realm-management", *([] if looked_up else [name])]
    lookups = [("kcadm.sh", "get", "clients", *in_realm, "-q", f"clientId={client}", "--fields", "id") for client in looked_for]
    return [
        ("kcadm.sh", "add-roles", *in_realm, *account, "--cclientid", "realm-management", "--rolename", "view-users"),
        *lookups,
        *(("jq", "-r", ".[0].id|@uri") for _ in lookups),
        ("kcadm.sh", "get", read, *in_realm),
        ("kcadm.sh", "create", f"clients/{client}/scope-mappings/clients/{OUTPUT}", *in_realm, "-b", f"[{OUTPUT}]"),
    ]


def _account(username: str, encoded_id: str) -> tuple[str, ...]:
    by_id = username.startswith("-") or "@" in username
    name, value = ("--uid", encoded_id) if by_id else ("--uusername", username)
    return (f"{name}={value}",) if value.startswith("-") else (name, value)


def expected_curl(name: str) -> list[Call]:
    """Calls of curl and jq: the owning client, the role and its mapping to the account, and the same for the scope."""
    base = f"http://kc.test/auth/admin/realms/{quote(name, safe='')}"
    post = (*CURL, "-H", "Content-Type: application/json", "-d", f"[{OUTPUT}]")
    encoded = quote(name, safe="")
    return [
        (*CURL, "-G", f"{base}/clients", "--data-urlencode", "clientId=realm-management"),
        ("jq", "-r", '(.[0].id // error("Keycloak has nothing with this name"))|@uri'),
        (*CURL, f"{base}/clients/{OUTPUT}/roles/view-users"),
        (*post, f"{base}/users/{encoded}/role-mappings/clients/{OUTPUT}"),
        (*post, f"{base}/clients/{encoded}/scope-mappings/clients/{OUTPUT}"),
    ]


@pytest.mark.parametrize("user", [False, True], ids=["service account", "user"])
@pytest.mark.parametrize("looked_up", [False, True], ids=["alone", "looked up"])
@pytest.mark.parametrize("shell", SHELLS)
def test_kcadm_is_given_exactly_the_names_that_are_meant(shells: Bench, shell: str, looked_up: bool, user: bool) -> None:
    fixes = {name: fix_for(name, looked_up=looked_up, user=user).kcadm for name in NAMEABLE}
    printed = {name: lines for name, lines in fixes.items() if lines}
    assert len(printed) > len(NAMEABLE) - 3, "only names that are too long are left out"
    for name, ran in zip(printed, shells.run(shell, list(printed.values())), strict=True):
        assert ran.is_harmless, (name, ran)
        assert sorted(ran.calls) == sorted(expected_kcadm(name, looked_up=looked_up, user=user)), name


@pytest.mark.parametrize("shell", SHELLS)
def test_curl_is_given_exactly_the_addresses_and_values_that_are_meant(shells: Bench, shell: str) -> None:
    fixes = {name: fix_for(name, looked_up=True).curl for name in NAMEABLE}
    printed = {name: lines for name, lines in fixes.items() if lines}
    assert len(printed) > len(NAMEABLE) - 3
    for name, ran in zip(printed, shells.run(shell, list(printed.values())), strict=True):
        assert ran.is_harmless, (name, ran)
        assert sorted(ran.calls) == sorted(expected_curl(name)), name


def _scripts(explanations: Iterator[tuple[str, Explanation]]) -> dict[tuple[str, ...], str]:
    """Every different list of commands, with a place where it is printed."""
    return {lines: where for where, explanation in explanations for fix in explanation.fixes for lines in (fix.kcadm, fix.curl) if lines}


@pytest.fixture(scope="module")
def everything() -> Sequence[tuple[str, Explanation]]:
    """Every explanation with something hostile in every field."""
    return tuple(chain(all_planted(ALL_AT_ONCE), all_planted("-\U000e0041\x1b]0;x\x07")))


@pytest.mark.parametrize("shell", SHELLS)
def test_whatever_field_is_hostile_no_command_does_what_it_says(
    shells: Bench, shell: str, everything: Sequence[tuple[str, Explanation]]
) -> None:
    scripts = _scripts(iter(everything))
    assert len(scripts) > 100
    ran = shells.run(shell, list(scripts))
    assert [(where, found) for where, found in zip(scripts.values(), ran, strict=True) if not found.is_harmless] == []


def test_every_cause_that_prints_commands_does_so_with_hostile_names_too(everything: Sequence[tuple[str, Explanation]]) -> None:
    plain = [refused(case.method, case.path, **{**case.ask, "facts": facts}) for case in CASES for facts in (None, case.facts)]
    with_commands = {explanation.verdict.cause for explanation in plain if any(fix.kcadm for fix in explanation.fixes)}

    assert with_commands <= {explanation.verdict.cause for _, explanation in everything if any(fix.kcadm for fix in explanation.fixes)}


def _texts(explanation: Explanation) -> Iterator[str]:
    verdict = explanation.verdict
    yield from (explanation.summary, *verdict.evidence, *explanation.hints)
    yield from (text for item in verdict.alternatives for text in (item.summary, item.check))
    for fix in explanation.fixes:
        yield from (fix.summary, *fix.console, fix.console_url or "", *fix.kcadm, *fix.curl, fix.warning or "")
        yield from (line for text in (fix.terraform, fix.ansible) for line in (text or "").split("\n"))


def test_no_text_holds_what_cannot_be_seen_and_none_is_endless(everything: Sequence[tuple[str, Explanation]]) -> None:
    for text, where in {text: where for where, explanation in everything for text in _texts(explanation)}.items():
        assert unseen(text) == [], (where, text)
        assert len(text) <= 4000, (where, text)


def test_answers_and_headers_hold_nothing_that_cannot_be_seen(everything: Sequence[tuple[str, Explanation]]) -> None:
    for where, explanation in everything[::7]:
        body = compact(render.body(explanation, explanation.answer.json))
        assert unseen(body) == [], where
        assert all(value.isascii() and value.isprintable() for _, value in render.headers(explanation)), where


def test_links_lead_to_the_console_and_nowhere_else(everything: Sequence[tuple[str, Explanation]]) -> None:
    links = {fix.console_url for _, explanation in everything for fix in explanation.fixes if fix.console_url}
    assert links
    for link in links:
        parts = urlsplit(link)
        assert (parts.scheme, parts.path, parts.query) == ("http", "/admin/master/console/", "")
        assert link.isascii()
        assert not set(link) & set(" \"'<>\\^`{|}")


@pytest.mark.parametrize("name", NAMEABLE)
def test_terraform_reads_exactly_the_names_that_are_meant(name: str) -> None:
    fix = fix_for(name, looked_up=False)
    if IN_URL & set(name):
        assert fix.terraform is None
        assert REALM_IN_URL in (fix.warning or "")
        return
    assert fix.terraform is not None
    parsed = pygohcl.loads(fix.terraform)
    data, (role,) = parsed["data"], parsed["resource"]["keycloak_openid_client_service_account_role"].values()
    meant = unicodedata.normalize("NFC", name)
    assert [realm["realm"] for realm in data["keycloak_realm"].values()] == [meant]
    assert sorted(client["client_id"] for client in data["keycloak_openid_client"].values()) == sorted([meant, "realm-management"])
    assert ([found["name"] for found in data["keycloak_role"].values()], role["role"]) == (["view-users"], "view-users")


@pytest.mark.parametrize("name", NAMEABLE)
def test_a_playbook_is_printed_only_for_names_that_its_modules_can_put_into_a_url(name: str) -> None:
    fix = fix_for(name, looked_up=True)
    if quote(name, safe="~") != name:
        assert fix.ansible is None
        assert NAME_IN_URL in (fix.warning or "")
        return
    (play,) = yaml.safe_load(fix.ansible or "")
    grant, scope = (task[f"community.general.{module}"] for task, module in zip(play["tasks"][1:], MODULES, strict=True))
    assert (grant["realm"], grant["service_account_user_client_id"], scope["client_id"]) == (name, name, name)


@pytest.mark.parametrize("name", ["..", "."])
def test_what_no_path_can_name_gets_no_command_and_a_word_about_that(name: str) -> None:
    fix = fix_for(name, looked_up=True)

    assert (fix.kcadm, fix.curl, fix.console_url) == ((), (), None)
    assert LEFT_OUT in (fix.warning or "")


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_what_no_argument_can_hold_gets_no_command_of_another_name(name: str) -> None:
    fix = refused("GET", USER, caller=caller_of(client=name, username=name)).fixes[0]

    assert fix.kcadm == ()
    assert LEFT_OUT in (fix.warning or "")


def test_a_lone_surrogate_gets_into_nothing() -> None:
    facts = Facts(granted=(), full_scope=False, in_scope=(), client_uuid="\ud800", account_id="\udfff", account_name="\udfff")
    fix = refused("GET", USER, caller=caller_of(username="jane", bare=True), facts=facts).fixes[0]

    assert (fix.kcadm, fix.curl) == ((), ())
    assert unseen("".join(fix.console)) == []
