"""Look-ups with hostile values in every field: no error, no other request, and no harmful output."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from devkit.explain.stage import NOW, TABLE, caller_of
from devkit.shells import SHELLS, Bench, bench
from kcproxy.explain.api import explain
from kcproxy.explain.inputs import Inputs
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.lookup_client import Fields, Lookup, LookupClient
from kcproxy.model import Answer, Caller, Explanation, Facts
from tests.hostile_text import ALL_AT_ONCE, NAMES, unseen
from tests.keycloak.test_inspector import ACCOUNT, DOCUMENTS, FORBIDDEN, UNAUTHORIZED, refusal, signed

_DEMO = "/admin/realms/demo"
WRONG: tuple[Any, ...] = (ALL_AT_ONCE, "\ud800", "..", ".", "", "x" * 5000, 7, -1.5, None, True, [], {}, [[]], [{}], {"": {"mappings": 1}})


def named(name: str) -> dict[str, Any]:
    """A server whose ids, names and texts are all the same hostile value."""
    client, scope = f"{_DEMO}/clients/{quote(name, safe='')}", "scope=email%20profile"
    account = f"{_DEMO}/users/{quote(name, safe='')}"
    described = {"id": name, "name": name, "description": name, "attributes": {name: name}, "protocolMappers": [{"config": {name: name}}]}
    return {
        **DOCUMENTS,
        "/realms/demo/.well-known/openid-configuration": {"issuer": name},
        _DEMO: {"realm": name, "sslRequired": name, "displayName": name, "enabled": True, "adminPermissionsEnabled": True},
        f"{_DEMO}/clients?clientId=realm-management": [{**described, "clientId": "realm-management"}],
        f"{_DEMO}/clients?clientId=app": [
            {**described, "clientId": "app", "enabled": True, "serviceAccountsEnabled": True, "fullScopeAllowed": False}
        ],
        f"{client}/service-account-user": {"id": name, "username": name, "email": name},
        account: {"id": name, "username": name, "enabled": True},
        f"{account}/role-mappings/clients/{quote(name, safe='')}/composite": [{"name": name, "id": name, "containerId": name}],
        f"{account}/role-mappings": {
            "realmMappings": [{"name": name}, {"name": "view-users"}],
            "clientMappings": {name: {"id": name, "mappings": [{"name": "view-users"}, {"name": name}]}},
        },
        f"{client}/evaluate-scopes/scope-mappings/{quote(name, safe='')}/granted?{scope}": [{"name": name}],
        f"{client}/evaluate-scopes/protocol-mappers?{scope}": [{"name": name, "protocolMapper": name, "config": {"claim.name": name}}],
        f"{client}/user-sessions?first=0&max=500": [{"id": "s-1", "userId": name, "username": name, "ipAddress": name}],
    }


class Scripted(LookupClient):
    """A look-up client with given documents, which records requests."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.account = ACCOUNT
        self.asked: list[str] = []
        self._documents = documents

    async def get(
        self, path: str, what: str, *, public: bool = False, volatile: bool = False, fields: Fields = (), body: bytes | None = None
    ) -> Lookup:
        assert path.isascii()
        assert path.isprintable()
        self.asked.append(path)
        return Lookup(status=200, json=self._documents[path]) if path in self._documents else Lookup(status=404, json={})


async def found(documents: dict[str, Any], caller: Caller, answer: Answer, token: str | None = None) -> tuple[Facts | None, list[str]]:
    reader = Scripted(documents)
    return await Inspector(reader, budget_seconds=60).facts(refusal(), caller, answer, token), reader.asked


def explained(caller: Caller, answer: Answer, facts: Facts | None) -> Explanation:
    shown = explain("1", Inputs( request=refusal(), caller=caller, answer=answer, catalog=TABLE, facts=facts, now_epoch_seconds=NOW
    ))  # fmt: skip
    assert shown is not None
    return shown


def changed(documents: dict[str, Any], wrong: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents with one field, item or document replaced, for each in turn."""
    for path, document in documents.items():
        for where, other in _changed(document, wrong) if not path.endswith("/certs") else ():  # keys are their own reader's business
            yield f"{path} {where}", {**documents, path: other}


def _changed(value: Any, wrong: Any) -> Iterator[tuple[str, Any]]:
    yield "", wrong
    if isinstance(value, dict):
        for name, item in value.items():
            yield from ((f".{name}{where}", {**value, name: other}) for where, other in _changed(item, wrong))
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from ((f"[{place}]{where}", [*value[:place], other, *value[place + 1 :]]) for where, other in _changed(item, wrong))


WHOLE = {
    path: [{**item, "attributes": {"client.use.lightweight.access.token.enabled": "true"}} for item in document]
    if path.endswith("clientId=app")
    else {**document, "clientMappings": {"my-api": {"mappings": [{"name": "view-users"}]}}}
    if path.endswith("role-mappings")
    else document
    for path, document in DOCUMENTS.items()
}


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
async def test_no_field_of_any_response_can_break_a_look_up(wrong: Any) -> None:
    for where, documents in changed(WHOLE, wrong):
        for caller, answer, token in ((caller_of(), FORBIDDEN, None), (caller_of(), UNAUTHORIZED, signed())):
            facts, asked = await found(documents, caller, answer, token)
            shown = explained(caller, answer, facts)
            texts = [
                shown.summary,
                *shown.verdict.evidence,
                *(text for fix in shown.fixes for text in (*fix.kcadm, *fix.curl, *fix.console)),
            ]
            assert [text for text in texts if unseen(text)] == [], where
            assert [path for path in asked if not path.startswith((_DEMO, "/realms/demo/")) or "/../" in path or path.endswith("/..")] == []


@pytest.fixture(scope="module")
def shells(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("shells"))


@pytest.mark.parametrize("shell", SHELLS)
async def test_what_is_printed_of_hostile_look_ups_runs_nothing_but_what_it_says(shells: Bench, shell: str) -> None:
    scripts: dict[tuple[str, ...], str] = {}
    for name in filter(None, (*NAMES, ALL_AT_ONCE)):
        for caller in (caller_of(bare=True), caller_of(username="jane", sid="s-1", bare=True), caller_of(sub=None, sid="s-1", bare=True)):
            facts, _ = await found(named(name), caller, FORBIDDEN)
            assert facts is not None, name
            shown = explained(caller, FORBIDDEN, facts)
            scripts |= {lines: name for fix in shown.fixes for lines in (fix.kcadm, fix.curl) if lines}
    ran = dict(zip(scripts.items(), shells.run(shell, list(scripts)), strict=True))

    assert [(where, done) for where, done in ran.items() if not done.is_harmless] == []
    assert any(
        f"clients/{quote(ALL_AT_ONCE, safe='')}/scope-mappings" in word for done in ran.values() for call in done.calls for word in call
    )


async def test_a_hostile_id_is_asked_for_as_one_segment() -> None:
    _, asked = await found(named("../../other/users?x=1#y"), caller_of(), FORBIDDEN)

    assert f"{_DEMO}/clients/..%2F..%2Fother%2Fusers%3Fx%3D1%23y/service-account-user" in asked


async def test_an_id_that_no_path_can_name_is_asked_for_as_one_that_nothing_has() -> None:
    documents = {**DOCUMENTS, f"{_DEMO}/clients?clientId=app": [{"id": "..", "clientId": "app", "serviceAccountsEnabled": True}]}
    _, asked = await found(documents, caller_of(), FORBIDDEN)

    assert f"{_DEMO}/clients/%EF%BF%BD/service-account-user" in asked
