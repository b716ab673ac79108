"""Ways to power: their registry, their document, and what intruders listen with."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tools.measure.callers import accounts_of
from tools.measure.powers.browser import Page
from tools.measure.powers.document import outcomes_of, text_of, with_version
from tools.measure.powers.intruder import claims_of
from tools.measure.powers.run import UNDETERMINED, Journal, ways_of
from tools.measure.powers.sinks import Listener, listening
from tools.measure.powers.way import WAYS, Ease, Yields, way
from tools.measure.stage import BUILDERS, Version

RESET = "reset-administrators-password"
CALLS = ["PUT /users/{administrator}/reset-password", "log in with name and password"]


def tried(**roles: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (RESET, role.replace("_", "-")): {"outcome": outcome} | ({"calls": CALLS} if outcome == "works" else {})
        for role, outcome in roles.items()
    }


def test_outcomes_name_who_can_who_fails_otherwise_and_what_stops_the_rest() -> None:
    entries = tried(manage_users="works", view_users="403 at call 1", view_realm="403 at call 1", manage_realm="400 at call 2")
    assert outcomes_of(entries, RESET) == {"works": ["manage-users"], "fails": {"400 at call 2": ["manage-realm"]}, "rest": "403 at call 1"}


def test_a_version_measured_again_replaces_what_was_said_of_it() -> None:
    provenance = {"date": "2026-11-30", "program": "test", "calls": 1}
    first = with_version({}, "26.7.5", entries=tried(manage_users="works"), provenance=provenance)
    both = with_version(first, "24.0.5", entries=tried(manage_users="403 at call 1"), provenance=provenance)
    assert list(both["versions"]) == ["24.0.5", "26.7.5"]
    assert both["ways"][RESET]["calls"] == CALLS
    again = with_version(both, "26.7.5", entries=tried(manage_users="403 at call 1"), provenance=provenance)
    assert again["versions"]["26.7.5"]["outcomes"][RESET]["works"] == []


def test_the_document_is_json_with_a_line_for_each_way() -> None:
    made = with_version({}, "26.7.5", entries=tried(manage_users="works"), provenance={"date": "x", "program": "y", "calls": 1})
    text = text_of(made)
    assert json.loads(text) == made
    assert len([line for line in text.splitlines() if line.startswith(f'"{RESET}"')]) == 2


def test_a_journal_goes_on_but_tries_the_undetermined_again(tmp_path: Path) -> None:
    journal = Journal(path=tmp_path / "powers.jsonl")
    journal.add({"way": "a", "role": "r", "outcome": "works", "calls": []})
    journal.add({"way": "b", "role": "r", "outcome": f"{UNDETERMINED}: TimeoutError"})
    journal.note("roles", ["r"])
    again = Journal(path=journal.path)
    again.load()
    assert set(again.done) == {("a", "r")}
    assert set(again.tried()) == {("a", "r"), ("b", "r")}
    assert again.facts == {"roles": ["r"]}


def test_every_way_says_what_its_holder_does_and_what_it_takes() -> None:
    for each in WAYS.values():
        assert each.says
        assert not each.says.endswith(".")
        assert bool(each.needs) is (each.ease is not Ease.ALWAYS), each.id
    assert {each.yields for each in WAYS.values()} == set(Yields)


def test_two_ways_cannot_have_one_name() -> None:
    async def nothing(_who: Any) -> None:
        return

    with pytest.raises(ValueError, match=RESET):
        way(RESET, Yields.READS, "read")(nothing)


def test_older_versions_lack_the_ways_of_later_features() -> None:
    older, newer = ({each.id for each in ways_of(Version(text=text))} for text in ("24.0.5", "26.7.5"))
    assert newer - older == {
        "create-organization", "delete-managed-users", "delete-organization", "join-organization-group", "organization-group-with-composite",
        "organization-group-with-realm-admin", "own-permission", "read-organizations",
    }  # fmt: skip


def test_the_fixtures_of_ways_are_registered() -> None:
    assert {"outside-idp", "full-client", "planted-ldap", "managed-member"} <= set(BUILDERS)


def test_a_realm_can_come_with_an_account_for_each_role_that_holds_only_it() -> None:
    ready, representation = accounts_of(["view-users", "manage-users"])
    assert ready == {"view-users": "caller-view-users", "manage-users": "caller-manage-users"}
    assert [client["clientId"] for client in representation["clients"]] == list(ready.values())
    granted = {user["serviceAccountClientId"]: user["clientRoles"] for user in representation["users"]}
    assert granted == {name: {"realm-management": [role]} for role, name in ready.items()}


def test_a_page_knows_its_form_and_its_links() -> None:
    text = (
        '<title> Sign in </title><a href="/x/login-actions/reset-credentials?a=1&amp;b=2">Forgot?</a>'
        '<form id="f" action="/post?a=1&amp;b=2" method="post"><input type="hidden" name="credentialId" value="7"/><input name="username"></form>'
    )
    page = Page(url="http://localhost:1/realms/x/auth", text=text)
    assert page.title == "Sign in"
    assert page.form == ("http://localhost:1/post?a=1&b=2", {"credentialId": "7"})
    assert page.link("reset-credentials") == "http://localhost:1/x/login-actions/reset-credentials?a=1&b=2"
    assert page.link("registration") is None
    assert Page(url="http://localhost:1/").form is None


def test_claims_are_read_unverified_and_only_from_a_token() -> None:
    assert claims_of("x") == {}
    assert claims_of("e30.eyJzdWIiOiJhIn0.c2ln") == {"sub": "a"}


async def test_the_mailbox_keeps_logins_and_finds_links_in_messages() -> None:
    async with Listener(speaks_mail=True).listening() as mailbox:
        reader, writer = await asyncio.open_connection("127.0.0.1", mailbox.port)
        plain = "AG1haWxlcgBwbGFudGVkLXNlY3JldC03"  # NUL mailer NUL planted-secret-7
        message = "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhttp://localhost/action-token?key=3Dab=\r\ncd\r\n.\r\n"
        for line in ("EHLO x\r\n", f"AUTH PLAIN {plain}\r\n", "MAIL FROM:<a>\r\n", "DATA\r\n", message, "QUIT\r\n"):
            writer.write(line.encode())
        await writer.drain()
        said = await reader.read()
        writer.close()
        assert b"221" in said
        assert "planted-secret-7" in mailbox.text
        assert await mailbox.link("action-token") == "http://localhost/action-token?key=abcd"


async def test_the_provider_says_who_comes_and_keeps_the_secret_it_is_sent() -> None:
    async with listening() as sinks, aiohttp.ClientSession() as session:
        sinks.provider.claims = {"sub": "mine"}
        query = {"redirect_uri": f"{sinks.provider.url}/cb", "state": "s", "nonce": "n", "client_id": "broker"}
        async with session.get(f"{sinks.provider.url}/auth", params=query, allow_redirects=False) as answer:
            code = answer.headers["Location"].partition("code=")[2].partition("&")[0]
        async with session.post(f"{sinks.provider.url}/token", data={"code": code, "client_secret": "broker-secret"}) as answer:
            claims = claims_of((await answer.json())["id_token"])
        assert (claims["sub"], claims["nonce"], claims["aud"]) == ("mine", "n", "broker")
        assert "broker-secret" in sinks.provider.received[0]
