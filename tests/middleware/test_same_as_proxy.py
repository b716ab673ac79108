"""Differential: the same refusal through the proxy and through each client gives the same explanation, but for its id."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import BARE_401, BARE_403, NOW, claims_of, jwt_of
from devkit.servers import Events, running_proxy
from kcproxy.catalog import default_version, load
from kcproxy.middleware import RefusalExplainer
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings
from tests.middleware.clients import CLIENTS, Call, Got
from tests.middleware.server import Server, recording_server, response

NOT_COMPARED = {"connection"}
"""About the connection to the client, which is another one."""
CLAIMS: Mapping[str, Mapping[str, Any]] = {
    "no roles": {},
    "other roles": {"roles": {"realm-management": ["view-realm"]}},
    "full scope off": {"bare": True},
    "a user": {"username": "jane", "sid": "session-1"},
    "a token of master": {"realm": "master"},
    "a token of another realm": {"realm": "other"},
    "an expired token": {"exp": 1_700_000_000},
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A server that refuses, a proxy in front of it, and an explainer for each client."""

    server: Server
    proxy_port: int
    explainers: dict[str, RefusalExplainer]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: load(default_version()), version=lambda: None, now=lambda: NOW)
    with recording_server() as server:
        context = running_proxy(server.upstream.port, explainer=explainer)
        proxy = asyncio.run_coroutine_threadsafe(context.__aenter__(), server.loop).result(30)
        explainers = {kind: RefusalExplainer(base_url=f"http://localhost:{server.upstream.port}") for kind in CLIENTS}
        yield Stage(server=server, proxy_port=proxy.port, explainers=explainers)
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), server.loop).result(30)


def through_proxy(stage: Stage, call: Call) -> Got:
    port = stage.server.upstream.port
    with httpx.Client(timeout=30) as client:
        url = call.url.replace(f"localhost:{port}", f"127.0.0.1:{stage.proxy_port}")
        # The proxy is called by the name of Keycloak, because an explanation may name the address that the program calls.
        found = client.request(call.method, url, headers={**call.headers, "Host": f"localhost:{port}"}, content=call.body)
        return Got(status=found.status_code, fields=tuple(found.headers.multi_items()), body=found.content, explanation=None)


def plain(got: Got) -> tuple[int, list[tuple[str, str]], Any]:
    ids = got.values("kcproxy-denial-id") or ["-"]
    text = got.body.decode().replace(ids[0], "ID")
    fields = [(name.lower(), value.replace(ids[0], "ID")) for name, value in got.fields if name.lower() not in NOT_COMPARED]
    return got.status, sorted(fields), json.loads(text) if text.startswith("{") else text


def situation(case: Case) -> tuple[bytes, dict[str, str], str]:
    """The response, the request's fields and its path."""
    ask = case.ask
    status = ask.get("status", 403)
    text = ask.get("text", "")
    bare = {401: BARE_401, 403: BARE_403}.get(status)
    document = ask.get("body") if ask.get("body") is not None or text else bare
    body = text.encode() if document is None else json.dumps(document).encode()
    lines = [f"{name}: {value}" for name, value in ask.get("answer_headers", {}).items()]
    if not any(line.lower().startswith("content-type") for line in lines):
        lines.append(f"Content-Type: {'text/html' if document is None else 'application/json'}")
    headers = {name: value for name, value in ask.get("headers", {}).items() if name != "host"}
    return response(status, body, *lines), headers, case.path


def differences(stage: Stage, sent: bytes, call: Call) -> dict[str, Any]:
    stage.server.react(lambda _: sent)
    expected = plain(through_proxy(stage, call))
    found = {}
    for kind, client in CLIENTS.items():
        with client(stage.explainers[kind], None) as send:
            found[kind] = plain(send(call))
    return {kind: (got, expected) for kind, got in found.items() if got != expected}


COMPARED = [case for case in CASES if case.ask.get("form") is None]


@pytest.mark.parametrize("number", range(len(COMPARED)), ids=[case.id for case in COMPARED])
def test_the_explanation_is_that_of_the_proxy(number: int, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each situation with a token without roles, and with one of the other tokens in turn."""
    monkeypatch.setattr("kcproxy.middleware.engine.time", SimpleNamespace(time=lambda: NOW))
    case, others = COMPARED[number], list(CLAIMS)[1:]
    sent, headers, path = situation(case)
    base = f"http://localhost:{stage.server.upstream.port}"
    body = None if case.ask.get("sent") is None else json.dumps(case.ask["sent"]).encode()
    for claims in ("no roles", others[number % len(others)]):
        token = jwt_of(claims_of(**{"exp": 9_999_999_999, "base": base, **CLAIMS[claims]}))
        plain_fields = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "test"}
        if body is not None:
            plain_fields["Content-Type"] = "application/json"
        call = Call(method=case.method, url=base + path, headers={**plain_fields, **headers, "Authorization": f"Bearer {token}"}, body=body)
        assert differences(stage, sent, call) == {}, claims


def test_enough_causes_are_compared() -> None:
    assert len(COMPARED) > 50
    assert len({case.truth for case in COMPARED}) > 25
