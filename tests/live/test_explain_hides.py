"""What Keycloak hides from a caller, its explanation hides as well, on a real server with fine-grained admin permissions."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devkit.lab import ResponseWriter, laboratory
from tests.live.conftest import Keycloak
from tests.live.permission_situations import UNKNOWN_ID, PermissionSituation, given, one
from tests.live.permission_stand import Stand

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two calls that Keycloak answers alike; ``names``: what each of them is about, as in the request."""

    situation: PermissionSituation
    names: tuple[str, str]


def _pair(says: str, call: str, other: str, names: tuple[str, str], *permissions: Any, **more: Any) -> Pair:
    return Pair(situation=one(says, call, "", *permissions, control=other, **more), names=names)


_LABEL = re.compile(r"\bcases_\w+")
"""A label of Terraform begins with the realm of the test, and contains the IDs of the request, in another spelling and shortened."""
_JOIN, _ROLE = "PUT /users/{}/groups/{{staff}}", "{} /roles-by-id/{}"
_SESSIONS, _USERS = "GET /ui-ext/sessions/client?clientId=", "POST /users"
PAIRS = (
    _pair(
        "a group by its path",
        _USERS,
        _USERS,
        ("/staff", "/nope"),
        json={"username": "x", "groups": ["/staff"]},
        control_json={"username": "x", "groups": ["/nope"]},
    ),
    _pair(
        "a nested group by its path",
        _USERS,
        _USERS,
        ("/sales/emea", "/sales/nope"),
        json={"username": "x", "groups": ["/sales/emea"]},
        control_json={"username": "x", "groups": ["/sales/nope"]},
    ),
    _pair(
        "a client by its client ID", f"{_SESSIONS}security-admin-console", f"{_SESSIONS}nope-nope", ("security-admin-console", "nope-nope")
    ),
    _pair("a client by its internal ID in a query", _SESSIONS + "{c0}", _SESSIONS + UNKNOWN_ID, ("{c0}", UNKNOWN_ID)),
    _pair(
        "a user, with a scope on all users",
        _JOIN.format("{bob}"),
        _JOIN.format(UNKNOWN_ID),
        ("{bob}", UNKNOWN_ID),
        given("Users manage-group-membership"),
    ),
    _pair(
        "a user who is denied, with a scope on all users",
        _JOIN.format("{carol}"),
        _JOIN.format(UNKNOWN_ID),
        ("{carol}", UNKNOWN_ID),
        given("Users manage-group-membership"),
        given("Users manage-group-membership carol", "others", "Closed"),
    ),
    _pair(
        "a role of the realm among the parts of a client's role, for a caller who views all clients",
        "POST /clients/{c1}/roles/c1-a/composites",
        "POST /clients/{c1}/roles/c1-a/composites",
        ("{r0}", UNKNOWN_ID),
        given("Clients view"),
        json=[{"id": "{r0}", "name": "x"}],
        control_json=[{"id": UNKNOWN_ID, "name": "x"}],
    ),
    _pair(
        "a member of a group that others have",
        "GET /users/{bob}",
        "GET /users/{dave}",
        ("{bob}", "{dave}"),
        given("Groups view-members sales", "others", "Closed"),
        roles=("query-users",),
    ),
    _pair("a built-in client", "PUT /clients/{realm-management}", "PUT /clients/{c0}", ("{realm-management}", "{c0}"), json={}),
    _pair("an unknown client", "PUT /clients/" + UNKNOWN_ID, "PUT /clients/{c0}", (UNKNOWN_ID, "{c0}"), json={}),
    _pair("a role of a client", _ROLE.format("GET", "{c0-a}"), _ROLE.format("GET", "{r0}"), ("{c0-a}", "{r0}")),
    _pair("a role of the realm", _ROLE.format("DELETE", "{r0}"), _ROLE.format("DELETE", "{c0-a}"), ("{r0}", "{c0-a}")),
)
NAMED = (
    (one("a group by its ID", "GET /groups/{emea}", ""), ("/sales", "emea")),
    (one("a user, for a caller who queries", "GET /users/{bob}", "", roles=("query-users",)), ("bob",)),
    (one("a client, for a caller who queries", "GET /clients/{c0}", "", roles=("query-clients",)), ("client c0",)),
    (
        one("another user of the caller's own permission", "PUT /users/{bob}", "", given("Users manage dave"), json={}),
        ("bob", "dave", "{dave}"),
    ),
    (
        one("another group of the caller's own permission", _JOIN.format("{bob}"), "", given("Groups manage-membership other")),
        ("/staff", "/other", "{other}"),
    ),
    (
        one("a user of a permission of others", "GET /users/{bob}", "", given("Users view carol", "others", "Closed")),
        ("others", "Closed", "carol"),
    ),
)
"""Situations with names that the caller must not find in the response."""


async def test_what_keycloak_hides_the_explanation_hides_as_well(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        lab.inspector = await lab.make_inspector()
        realm = await lab.make_realm(adminPermissionsEnabled=True, organizationsEnabled=True)
        await lab.allow_inspector(lab.inspector, realm)
        stand = Stand(lab=lab, realm=realm)
        await stand.build()
        stand.ids["realm-management"] = (await lab.admin("GET", f"{stand.path}/clients?clientId=realm-management"))[0]["id"]
        async with lab.proxy(lab.inspector) as seeing:
            told_apart = [line for pair in PAIRS for line in await _told_apart(stand, pair, seeing)]
            named = [line for situation, names in NAMED for line in await _named(stand, situation, names, seeing)]
    assert told_apart == []
    assert named == []


async def _told_apart(stand: Stand, pair: Pair, seeing: str) -> list[str]:
    call, other = await stand.play(pair.situation)
    assert other is not None
    names = [_filled(stand, name) for name in pair.names]
    calls = (call, other)
    direct = [await stand.lab.send(stand.lab.keycloak.base_url, attempt) for attempt in calls]
    assert [(each.status, each.body) for each in direct] == [(403, direct[0].body)] * 2, pair.situation.says
    texts = [_text(await stand.lab.send(seeing, attempt), name) for attempt, name in zip(calls, names, strict=True)]
    return [] if texts[0] == texts[1] else [f"{pair.situation.says}: {texts[0]} {texts[1]}"]


async def _named(stand: Stand, situation: PermissionSituation, names: tuple[str, ...], seeing: str) -> list[str]:
    call, _ = await stand.play(situation)
    reply = await stand.lab.send(seeing, call)
    assert reply.status == 403
    return [f"{situation.says}: {name} is in {_text(reply, '')}" for name in names if _filled(stand, name) in _words(reply)]


def _words(reply: ResponseWriter) -> str:
    """The explanation without words of ours that contain one of the names."""
    return _text(reply, "").replace("denies every other caller", "").replace("name others", "")


def _text(reply: ResponseWriter, name: str) -> str:
    """All that the caller got, without what is different for each response."""
    explanation = {key: value for key, value in reply.explanation.items() if key not in {"id", "time"}}
    fields = {key: value for key, value in reply.headers.items() if key.lower().startswith(("kcproxy-", "www-")) and "Id" not in key}
    text = json.dumps([{**reply.body, "explanation": explanation}, fields], sort_keys=True)
    text = _LABEL.sub("(label)", text)
    return text.replace(name, "NAME") if name else text


def _filled(stand: Stand, name: str) -> str:
    return stand.ids[name.strip("{}")] if name.startswith("{") else name
