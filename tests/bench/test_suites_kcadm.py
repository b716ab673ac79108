"""Sessions with kcadm.sh: which parts of the output are compared, and that every command is complete."""

import shlex
from string import Template

import pytest

from bench.suites.kcadm import shown
from bench.suites.kcadm_steps import SESSION, SHORT, Step
from bench.suites.suite import Place

KEYCLOAK = "http://localhost:2"
PROXIED = Place(url="http://localhost:1", keycloak_url=KEYCLOAK, username="root", password="p", mail_port=3)
DIRECT = Place(url=KEYCLOAK, keycloak_url=KEYCLOAK, username="root", password="p", mail_port=3)
PLAIN = Step(line="get users")
REFUSED = Step(line="get events", refused=("view-events",))


@pytest.mark.parametrize(
    ("printed", "left"),
    [
        ("made 5f36dd07-16ae-4d64-b171-0c2f4e8af7b4\n", "made (id)"),
        ("Date: Mon, 23 Nov 2026 20:00:00 GMT\nAge: 3", "Date: (time)\nAge: 3"),
        ('"createdTimestamp" : 1795467388123', '"createdTimestamp" : (time)'),
        ("Location: http://localhost:1/admin", "Location: (address)/admin"),
        ("Location: http://localhost:2/admin", "Location: http://localhost:2/admin"),
    ],
)
def test_only_what_differs_from_run_to_run_is_left_out(printed: str, left: str) -> None:
    assert shown(printed, PLAIN, PROXIED) == left


def test_keycloaks_own_address_is_left_out_where_the_response_has_to_name_it() -> None:
    step = Step(line="get x", own_address=True)
    assert shown("at http://localhost:2/", step, PROXIED) == "at (address)/"


def test_a_set_is_compared_as_a_set() -> None:
    step = Step(line="get-roles", any_order=True)
    one, other = ('[ {\n  "name" : "a"\n}, {\n  "name" : "b"\n} ]', '[ {\n  "name" : "b"\n}, {\n  "name" : "a"\n} ]')
    assert shown(one, step, PROXIED) == shown(other, step, PROXIED)
    assert shown(one, PLAIN, PROXIED) != shown(other, PLAIN, PROXIED)
    assert shown(one, step, PROXIED) != shown(one.replace("b", "c"), step, PROXIED)


def test_a_refusal_is_the_same_only_if_it_names_the_missing_role() -> None:
    bare = shown("HTTP 403 Forbidden", REFUSED, DIRECT)
    assert shown("robot may not …: the role view-events is missing.", REFUSED, PROXIED) == bare
    assert shown("HTTP 403 Forbidden", REFUSED, PROXIED) != bare


@pytest.mark.parametrize("steps", [SESSION, SHORT])
def test_every_id_that_a_command_needs_was_printed_by_one_before_it(steps: tuple[Step, ...]) -> None:
    known = {"url": "x", "admin": "x"}
    for step in steps:
        assert step.arguments(known)
        known |= {step.keep: "id"} if step.keep else {}


def test_no_secret_is_on_a_command_line() -> None:
    words = [word for step in SESSION for word in shlex.split(Template(step.line).safe_substitute())]
    assert not [word for word in words if word in {"--password", "--secret", "--new-password", "-p"} or word.startswith("secret=")]


def test_the_short_session_has_logins_writes_errors_and_a_refusal() -> None:
    lines = " ".join(step.line for step in SHORT)
    assert all(word in lines for word in ("--client robot", "create users", "get realms/missing", "delete realms/suite"))
    assert any(step.refused for step in SHORT)
