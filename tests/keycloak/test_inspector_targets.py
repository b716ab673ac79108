"""What the inspector finds about the target of a refused call, and who is shown it: the operator, and callers who see it themselves."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devkit.explain.stage import CLIENT_UUID, SUBJECT, USER_ID, caller_of, claims_of, jwt_of
from devkit.servers import Events, Message, RecordingUpstream, Running, running_proxy
from kcproxy import catalog as catalogs
from kcproxy.model import Cause, Facts, RequestFacts
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings
from tests.keycloak.test_inspector import FORBIDDEN, OWNER, Stage, inspecting

_TABLE = catalogs.load("26.7.5")
_DEMO = "/admin/realms/demo"
_ROLE = f"{_DEMO}/roles-by-id/{USER_ID}"
_GRANTS = f"{_DEMO}/users/{SUBJECT}/role-mappings/clients/{OWNER}/composite"
_APP = f"{_DEMO}/clients?clientId=app"


def _stage(*granted: str, role: dict[str, Any] | None = None) -> Stage:
    stage = Stage()
    stage.documents[_GRANTS] = [{"name": name} for name in granted]
    stage.documents[_APP] = [{**stage.documents[_APP][0], "fullScopeAllowed": True}]
    if role is not None:
        stage.documents[_ROLE] = {"id": USER_ID, "name": "staff", **role}
    return stage


async def _facts(stage: Stage, method: str, path: str, body: Any = None) -> Facts:
    request = RequestFacts(target=_TABLE.target(method, path), body=body)
    async with inspecting(stage) as inspector:
        facts = await inspector.facts(request, caller_of(), FORBIDDEN)
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("role", "of_client", "built_in"),
    [
        ({"clientRole": True, "containerId": OWNER}, True, True),
        ({"clientRole": True, "containerId": CLIENT_UUID}, True, False),
        ({"clientRole": False, "containerId": "demo"}, False, False),
        ({"clientRole": "true", "containerId": OWNER}, None, None),
        (None, None, None),
    ],
    ids=["of realm-management", "of another client", "of the realm", "unreadable", "unknown"],
)
async def test_the_owner_of_a_role_id_is_found(role: dict[str, Any] | None, of_client: bool | None, built_in: bool | None) -> None:
    facts = await _facts(_stage("view-users", role=role), "DELETE", _ROLE)

    assert (facts.target_role_is_client, facts.target_is_built_in) == (of_client, built_in)


@pytest.mark.parametrize(
    ("path", "body", "built_in"),
    [
        (f"/users/{USER_ID}/role-mappings/clients/{OWNER}", [{"name": "view-users"}], True),
        (f"/users/{USER_ID}/role-mappings/clients/{CLIENT_UUID}", [{"name": "view-users"}], False),
        (f"/groups/{USER_ID}/role-mappings/clients/{OWNER}", [{"name": "view-users"}], True),
        (f"/roles-by-id/{USER_ID}/composites", [{"name": "view-users", "clientRole": True, "containerId": OWNER}], True),
        (f"/roles-by-id/{USER_ID}/composites", [{"name": "view-users", "clientRole": True, "containerId": CLIENT_UUID}], False),
        (f"/users/{USER_ID}/role-mappings/realm", [{"name": "view-users"}], None),
        (f"/users/{USER_ID}/role-mappings/clients/{OWNER}", {"name": "view-users"}, None),
    ],
)
async def test_the_owner_of_roles_in_the_body_is_that_of_their_container(path: str, body: Any, built_in: bool | None) -> None:
    facts = await _facts(_stage("manage-users"), "POST", f"{_DEMO}{path}", body)

    assert facts.roles_are_built_in is built_in


def _refusing(_: Message) -> bytes:
    body = b'{"error":"HTTP 403 Forbidden"}'
    return b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@asynccontextmanager
async def _inspected(stage: Stage, upstream: RecordingUpstream) -> AsyncIterator[tuple[Running, Events]]:
    """A proxy before a Keycloak that refuses every call, with an inspector."""
    upstream.react = _refusing
    async with inspecting(stage) as inspector:
        explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: _TABLE, version=lambda: "26.7.5", lookups=inspector)
        async with running_proxy(upstream.port, explainer=explainer) as proxy:
            yield proxy, proxy.events


async def _refused(stage: Stage, upstream: RecordingUpstream) -> tuple[str, Any]:
    """The response without its random ID, and the explanation of the record."""
    token = jwt_of(claims_of(exp=9_999_999_999))
    async with _inspected(stage, upstream) as (proxy, events):
        response = await proxy.get(_ROLE, f"Authorization: Bearer {token}", method="DELETE")
        await proxy.settled(1)
    (recorded,) = events.denials
    text = json.dumps([response.body.decode(), sorted((name.decode(), value.decode()) for name, value in response.fields)])
    return text.replace(recorded.id, "ID"), recorded


@pytest.mark.usefixtures("way")
async def test_a_response_says_nothing_about_an_owner_that_its_caller_cannot_see(upstream: RecordingUpstream) -> None:
    owners: list[dict[str, Any]] = [
        {"clientRole": True, "containerId": OWNER},
        {"clientRole": True, "containerId": CLIENT_UUID},
        {"clientRole": False, "containerId": "demo"},
    ]
    seen = [await _refused(_stage("view-users", role=owner), upstream) for owner in owners]

    assert len({response for response, _ in seen}) == 1
    assert [recorded.verdict.cause for _, recorded in seen] == [Cause.PROTECTED_OBJECT, Cause.ROLE_MISSING, Cause.ROLE_MISSING]
    assert [[fix.roles for fix in recorded.fixes] for _, recorded in seen] == [[()], [("manage-clients",)], [("manage-realm",)]]


async def test_a_caller_who_sees_clients_gets_the_one_role_that_is_missing(upstream: RecordingUpstream) -> None:
    role = {"clientRole": True, "containerId": CLIENT_UUID}
    response, _ = await _refused(_stage("view-clients", role=role), upstream)

    fixes = json.loads(json.loads(response)[0])["explanation"]["fixes"]
    assert [fix["roles"] for fix in fixes] == [["manage-clients"]]
