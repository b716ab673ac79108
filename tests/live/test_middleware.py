"""The situations on a real Keycloak 26.7.5: each client with the middleware gets the explanation that the proxy sends, but for id and times."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from devkit.lab import SECRET, Attempt, Lab, ResponseWriter, laboratory
from kcproxy.keycloak.inspector import Inspector as LookingUp
from kcproxy.middleware import Inspector, RefusalExplainer, ServiceAccount
from kcproxy.settings import AccountSettings, Secret
from tests.live import situations
from tests.live.conftest import Start
from tests.live.situations import Situation
from tests.middleware.clients import CLIENTS, Call, Got

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

VERSION = "26.7.5"
BUDGET_SECONDS = 20.0
"""Of all look-ups, also those of public documents: a server under test shares the machine with everything else."""
FIELDS = ("kcproxy-cause", "kcproxy-required-role", "kcproxy-accepted-roles", "kcproxy-token-roles", "kcproxy-notice", "www-authenticate")
_TIME = re.compile(r"\b\d+ (?=s\b|seconds?\b|min\b|minutes?\b)")


DOCS_URL = "http://localhost:9180/docs/causes"
"""Where links of the proxies lead by default: to the admin port, which a program without a proxy does not have."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    lab: Lab
    plain: str
    seeing: str
    explainers: Mapping[str, RefusalExplainer]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(real_keycloak: Start, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    patch = pytest.MonkeyPatch()
    patch.setitem(LookingUp.__init__.__kwdefaults__ or {}, "budget_seconds", BUDGET_SECONDS)
    for module in ("explainer", "lookups"):
        patch.setattr(f"kcproxy.middleware.{module}.DEFAULT_BUDGET_SECONDS", BUDGET_SECONDS)
    async with laboratory(real_keycloak(VERSION), tmp_path_factory.mktemp("middleware")) as lab:
        lab.inspector = await lab.make_inspector()
        inspector = Inspector(
            realm=lab.inspector.realm,
            client_id=lab.inspector.client_id,
            client_secret=SECRET,
            budget_seconds=BUDGET_SECONDS,
            max_lookups_per_second=1000.0,
        )
        url = lab.keycloak.base_url
        explainers = {
            "plain": RefusalExplainer(base_url=url, keycloak_version=VERSION, docs_url=DOCS_URL, public_documents=True),
            "seeing": RefusalExplainer(base_url=url, keycloak_version=VERSION, docs_url=DOCS_URL, inspector=inspector),
        }
        async with lab.proxy() as plain, lab.proxy(lab.inspector) as seeing:
            yield Stage(lab=lab, plain=plain, seeing=seeing, explainers=explainers)
        for explainer in explainers.values():
            await asyncio.to_thread(explainer.close)
    patch.undo()


def call_of(lab: Lab, attempt: Attempt) -> Call:
    headers = {"Accept": "*/*", "User-Agent": "test", **attempt.headers}
    if attempt.token is not None:
        headers.setdefault("Authorization", f"Bearer {attempt.token}")
    body = None
    if attempt.json is not None:
        headers["Content-Type"], body = "application/json", json.dumps(attempt.json).encode()
    elif attempt.form is not None:
        headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(attempt.form).encode()
    return Call(method=attempt.method, url=lab.keycloak.base_url + attempt.path, headers=headers, body=body)


async def through(stage: Stage, proxy: str, attempt: Attempt) -> ResponseWriter:
    """Through the proxy, called by Keycloak's own name, because an explanation may name the address that the program calls."""
    host = stage.lab.keycloak.base_url.partition("://")[2]
    call = call_of(stage.lab, attempt)
    named = Attempt(method=attempt.method, path=attempt.path, headers={"Host": host, **call.headers}, json=attempt.json, form=attempt.form)
    return await stage.lab.send(proxy, named)


def _shown(value: Any, ids: list[str]) -> Any:
    text = json.dumps(value)
    for each in ids:
        text = text.replace(each, "ID")
    return json.loads(_TIME.sub("N ", text))


def of_proxy(got: ResponseWriter) -> Any:
    fields = {name: got.headers[name] for name in FIELDS if name in got.headers}
    explanation = got.explanation
    return _shown([got.status, fields, explanation], [explanation.get("id", "(no id)")])


def of_client(got: Got) -> Any:
    fields = {name: got.values(name)[0] for name in FIELDS if got.values(name)}
    document = json.loads(got.body) if got.body.startswith(b"{") else {}
    explanation = document.get("explanation", {})
    return _shown([got.status, fields, explanation], [explanation.get("id", "(no id)")])


async def of_clients(explainer: RefusalExplainer, call: Call, account: tuple[ServiceAccount, str] | None = None) -> dict[str, Any]:
    found = {}
    for kind, client in CLIENTS.items():
        with client(explainer, account) as send:
            found[kind] = of_client(await asyncio.to_thread(send, call))
    return found


COMPARED = [situation for situation in situations.of(VERSION) if situation.id != "K-signed-proxy"]
"""All but the one about the address of the proxy itself, which a program without a proxy cannot have."""


SAMPLED = frozenset(situation.id for situation in COMPARED[::12])
"""The situations of every run. The others take half an hour; they are run by name."""


def _marked(situation: Situation) -> Any:
    mark = pytest.mark.live if situation.id in SAMPLED else pytest.mark.live_long
    return pytest.param(situation, marks=mark, id=f"{situation.id}: {situation.says}")


@pytest.mark.parametrize("situation", tuple(map(_marked, COMPARED)))
async def test_each_client_gets_the_explanation_of_the_proxy(stage: Stage, situation: Situation) -> None:
    attempt = await situation.build(stage.lab)
    for name, proxy in (("plain", stage.plain), ("seeing", stage.seeing)):
        expected = of_proxy(await through(stage, proxy, attempt))
        found = await of_clients(stage.explainers[name], call_of(stage.lab, attempt))
        assert {kind: got for kind, got in found.items() if got != expected} == {}, (name, expected)


@pytest.mark.live
@pytest.mark.parametrize(("path", "roles"), [("/users", ()), ("/clients", ("view-users",)), ("/events", ("view-realm",))])
async def test_an_added_token_gets_the_explanation_of_the_proxy(stage: Stage, path: str, roles: tuple[str, ...]) -> None:
    lab = stage.lab
    client = await lab.make_client()
    await lab.grant(client, *roles)
    settings = AccountSettings(realms=(lab.realm,), token_realm=lab.realm, client_id=client.client_id, secret=Secret(SECRET))
    attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}{path}")
    async with lab.proxy(accounts=(settings,)) as proxy:
        expected = of_proxy(await through(stage, proxy, attempt))
    account = ServiceAccount(realm=lab.realm, client_id=client.client_id, client_secret=SECRET)
    found = await of_clients(stage.explainers["plain"], call_of(lab, attempt), (account, lab.keycloak.base_url))

    assert expected[2]["caller"]["injected"] is True
    assert {kind: got for kind, got in found.items() if got != expected} == {}, expected
