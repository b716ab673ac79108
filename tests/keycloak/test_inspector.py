"""The inspector with a server that responds, hangs, or refuses: within its budget, with a cache, and only about the caller."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from devkit.explain.stage import CLIENT_UUID, SUBJECT, TABLE, caller_of, claims_of
from devkit.servers import Events
from kcproxy.explain.claims import read_caller
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.jwks import is_signed_by, key_ids
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Answer, Facts, RequestFacts
from kcproxy.settings import AccountSettings, Secret, UpstreamSettings
from kcproxy.upstream.pool import side_upstream

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OWNER = "a0a0a0a0-3aae-4b0e-af38-629b3432738a"
ACCOUNT = AccountSettings(realms=("demo",), token_realm="demo", client_id="inspector", secret=Secret("s"))
_DEMO = "/admin/realms/demo"


def _keys() -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [{**public, "kid": "key-1", "use": "sig", "alg": "RS256"}]}


DOCUMENTS: dict[str, Any] = {
    "/realms/demo/.well-known/openid-configuration": {"issuer": "http://localhost:8080/realms/demo"},
    "/realms/demo/protocol/openid-connect/certs": _keys(),
    f"{_DEMO}": {"realm": "demo", "enabled": True, "notBefore": 0, "adminPermissionsEnabled": False},
    f"{_DEMO}/clients?clientId=realm-management": [{"id": OWNER, "clientId": "realm-management"}],
    f"{_DEMO}/clients?clientId=app": [
        {"id": CLIENT_UUID, "clientId": "app", "enabled": True, "serviceAccountsEnabled": True, "fullScopeAllowed": False}
    ],
    f"{_DEMO}/clients/{CLIENT_UUID}/service-account-user": {"id": SUBJECT},
    f"{_DEMO}/users/{SUBJECT}": {"id": SUBJECT, "enabled": True},
    f"{_DEMO}/users/{SUBJECT}/role-mappings/clients/{OWNER}/composite": [{"name": "view-users"}, {"name": "query-users"}],
    f"{_DEMO}/users/{SUBJECT}/role-mappings": {"realmMappings": [{"name": "default-roles-demo"}]},
    f"{_DEMO}/clients/{CLIENT_UUID}/evaluate-scopes/scope-mappings/{OWNER}/granted?scope=email%20profile": [{"name": "query-users"}],
    f"{_DEMO}/clients/{CLIENT_UUID}/evaluate-scopes/protocol-mappers?scope=email%20profile": [
        {"protocolMapper": "oidc-usermodel-client-role-mapper"}
    ],
}


class Stage:
    """A fake Keycloak that records requests."""

    def __init__(self) -> None:
        self.documents = dict(DOCUMENTS)
        self.asked: list[str] = []
        self.fields: dict[str, list[Mapping[str, str]]] = {}
        self.echoes_host = False  # as Keycloak does without a fixed hostname
        self.missing = {"error": "HTTP 404 Not Found"}
        self.hangs: set[str] = set()
        self.events = Events()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if request.method == "POST":
            return web.json_response({"access_token": "t", "expires_in": 300})
        path = request.raw_path
        self.asked.append(path)
        self.fields.setdefault(path, []).append(request.headers)
        if any(part in path for part in self.hangs):
            await asyncio.sleep(30)
        found = self.documents.get(path)
        if self.echoes_host and isinstance(found, dict) and "issuer" in found:
            host = request.headers.get("X-Forwarded-Host", request.headers["Host"])
            found = {**found, "issuer": f"http://{host}/realms/demo"}
        return web.json_response(found) if found is not None else web.json_response(self.missing, status=404)


@asynccontextmanager
async def inspecting(
    stage: Stage, *, account: AccountSettings | None = ACCOUNT, budget_seconds: float = 2.0, rate: float = 1000.0
) -> AsyncIterator[Inspector]:
    runner = web.ServerRunner(web.Server(stage.answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = UpstreamSettings(scheme="http", host="127.0.0.1", port=port)
    upstream = side_upstream(settings, max_connections=16)
    tokens = TokenSource(settings, upstream, stage.events)
    reader = LookupClient(settings, upstream, stage.events, account=account, tokens=tokens, max_per_second=rate)
    inspector = Inspector(reader, budget_seconds=budget_seconds)
    try:
        yield inspector
    finally:
        await inspector.close()
        await tokens.close()
        await upstream.close()
        await runner.cleanup()


def refusal(path: str = f"{_DEMO}/users") -> RequestFacts:
    return RequestFacts(target=TABLE.target("GET", path))


def signed(key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    body = claims_of(exp=int(time.time()) + 300, **claims)
    return "Bearer " + jwt.encode(body, key, algorithm="RS256", headers={"kid": "key-1"})


FORBIDDEN = Answer(status=403, json={"error": "HTTP 403 Forbidden"})
UNAUTHORIZED = Answer(status=401, json={"error": "HTTP 401 Unauthorized"})


async def test_grants_scope_and_switches_of_the_callers_client_are_found() -> None:
    async with inspecting(Stage()) as inspector:
        facts = await inspector.facts(refusal(), caller_of(), FORBIDDEN)

    assert facts is not None
    assert (facts.granted, facts.in_scope, facts.full_scope) == (("query-users", "view-users"), ("query-users",), False)
    assert (facts.service_account_id, facts.client_uuid, facts.role_mapper_attached) == (SUBJECT, CLIENT_UUID, True)


async def test_a_hanging_server_costs_no_more_than_the_budget() -> None:
    stage = Stage()
    stage.hangs = {"/admin", "/realms"}
    async with inspecting(stage, budget_seconds=0.3) as inspector:
        began = time.monotonic()
        facts = await inspector.facts(refusal(), caller_of(), FORBIDDEN)

        assert time.monotonic() - began < 0.5
        assert facts is None
    assert ("facts", "late") in stage.events.lookups


async def test_what_was_found_in_time_is_kept_when_the_rest_hangs() -> None:
    stage = Stage()
    stage.hangs = {"/role-mappings"}
    async with inspecting(stage, budget_seconds=0.6) as inspector:
        facts = await inspector.facts(refusal(), caller_of(), FORBIDDEN)

    assert facts is not None
    assert (facts.full_scope, facts.granted) == (False, None)


async def test_a_burst_of_refusals_asks_each_thing_once() -> None:
    stage = Stage()
    async with inspecting(stage) as inspector:
        found = await asyncio.gather(*(inspector.facts(refusal(), caller_of(), FORBIDDEN) for _ in range(50)))

    assert len(set(stage.asked)) == len(stage.asked)
    assert {facts.granted for facts in found if facts} == {("query-users", "view-users")}


async def test_the_rate_bounds_what_many_different_callers_cause() -> None:
    stage = Stage()
    async with inspecting(stage, rate=5.0) as inspector:
        await asyncio.gather(*(inspector.facts(refusal(), caller_of(client=f"app-{number}"), FORBIDDEN) for number in range(50)))

    assert len(stage.asked) <= 12


async def test_without_an_account_only_public_documents_are_read() -> None:
    stage = Stage()
    async with inspecting(stage, account=None) as inspector:
        authorization = signed()
        facts = await inspector.facts(refusal(), read_caller(authorization), UNAUTHORIZED, authorization)
        assert await inspector.facts(refusal(), caller_of(), FORBIDDEN) is None

    issuer = "http://localhost:8080/realms/demo"
    assert facts == Facts(issuer=issuer, own_issuer=issuer, realm_known=True, key_ids=("key-1",), signature_valid=True)
    assert len(set(stage.asked)) == len(stage.asked), "a request that is addressed as the proxy's own ones needs no second document"
    assert all(path.startswith("/realms/") for path in stage.asked)


@pytest.mark.parametrize(
    "token", [signed(OTHER_KEY), "Bearer a.b.c", "Bearer " + jwt.encode(claims_of(), "x" * 32, headers={"kid": "key-1"})]
)
async def test_a_forged_token_opens_nobodys_eyes(token: str) -> None:
    stage = Stage()
    async with inspecting(stage) as inspector:
        facts = await inspector.facts(refusal(), read_caller(token), UNAUTHORIZED, token)

    assert not [path for path in stage.asked if path.startswith("/admin")]
    assert facts is None or (facts.account_known, facts.client_known) == (None, None)


async def test_a_genuine_token_that_is_refused_is_looked_into() -> None:
    stage = Stage()
    stage.documents[f"{_DEMO}/clients?clientId=app"] = [{"id": CLIENT_UUID, "clientId": "app", "enabled": False}]
    async with inspecting(stage) as inspector:
        authorization = signed()
        facts = await inspector.facts(refusal(), read_caller(authorization), UNAUTHORIZED, authorization)

    assert facts is not None
    assert (facts.client_enabled, facts.account_enabled, facts.signature_valid) == (False, True, True)


@pytest.mark.parametrize(("sees_clients", "known"), [(True, False), (False, None)])
async def test_a_client_is_gone_only_where_the_account_sees_clients_at_all(sees_clients: bool, known: bool | None) -> None:
    stage = Stage()
    stage.documents[f"{_DEMO}/clients?clientId=app"] = []
    if not sees_clients:
        stage.documents[f"{_DEMO}/clients?clientId=realm-management"] = []
    async with inspecting(stage) as inspector:
        authorization = signed()
        facts = await inspector.facts(refusal(), read_caller(authorization), UNAUTHORIZED, authorization)

    assert facts is not None
    assert facts.client_known is known


async def test_a_realm_that_the_account_does_not_cover_is_left_alone() -> None:
    stage = Stage()
    async with inspecting(stage, account=replace(ACCOUNT, realms=("other",))) as inspector:
        assert await inspector.facts(refusal(), caller_of(), FORBIDDEN) is None
    assert stage.asked == []


async def test_another_realms_token_is_not_looked_up_at_all() -> None:
    stage = Stage()
    async with inspecting(stage) as inspector:
        assert await inspector.facts(refusal("/admin/realms/other/users"), caller_of(), FORBIDDEN) is None
    assert stage.asked == []


def test_signatures_are_judged_by_the_key_that_the_token_names() -> None:
    assert is_signed_by(signed().removeprefix("Bearer "), _keys()) is True
    assert is_signed_by(signed(OTHER_KEY).removeprefix("Bearer "), _keys()) is False
    assert is_signed_by(signed().removeprefix("Bearer "), {"keys": []}) is None
    assert is_signed_by("no token", _keys()) is None


@pytest.mark.parametrize("missing", range(1, 9))
def test_a_token_that_is_cut_off_at_its_end_is_signed_by_nobody(missing: int) -> None:
    assert is_signed_by(signed().removeprefix("Bearer ")[:-missing], _keys()) is False
    assert key_ids({"keys": "x"}) is None
