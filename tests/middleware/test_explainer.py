"""What the program gets in addition to the response: log, counters, callback; options; look-ups in their budget."""

import asyncio
import gc
import gzip
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import brotli
import httpx
import pytest
from prometheus_client import CollectorRegistry

from devkit.explain.stage import claims_of, jwt_of
from devkit.servers import Message
from kcproxy.middleware import Inspector, Options, RefusalExplainer, explanation_of
from kcproxy.middleware.aiohttp import ExplainingMiddleware
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport
from kcproxy.model import Cause, Confidence, Explanation
from kcproxy.testing import Simulator
from tests.middleware.server import Server, response

Explainers = Callable[..., RefusalExplainer]
USERS = "/admin/realms/demo/users"
JSON = "Content-Type: application/json"
SECRET_TOKEN = jwt_of(claims_of(exp=9_999_999_999))
REFUSAL = response(403, b'{"error":"HTTP 403 Forbidden"}', JSON)


def get(url: str, explainer: RefusalExplainer, token: str = SECRET_TOKEN) -> httpx.Response:
    with httpx.Client(
        transport=ExplainingTransport(explainer=explainer), headers={"Authorization": f"Bearer {token}"}, timeout=30
    ) as client:
        return client.get(url)


def test_the_log_has_the_sentence_and_no_token(server: Server, explainers: Explainers, caplog: pytest.LogCaptureFixture) -> None:
    server.react(lambda _: REFUSAL)
    with caplog.at_level(logging.DEBUG):
        found = explanation_of(get(server.url + USERS, explainers(base_url=server.url)))

    assert found is not None
    (record,) = [record for record in caplog.records if record.name == "kcproxy.middleware"]
    assert (record.levelname, record.getMessage()) == ("WARNING", f"{found.summary} (denial {found.id})")
    assert all(part not in caplog.text for part in SECRET_TOKEN.split("."))


def test_counters_have_the_names_and_labels_of_the_proxy(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: REFUSAL)
    registry = CollectorRegistry()
    explainer = explainers(base_url=server.url, metrics=registry)
    for _ in range(2):
        get(server.url + USERS, explainer)

    labels = {"operation": "GET /admin/realms/{realm}/users", "realm": "demo", "cause": "role-missing", "role": "view-users", "client": ""}
    assert registry.get_sample_value("kcproxy_denials_total", labels) == 2
    assert registry.get_sample_value("kcproxy_explanations_total", {"confidence": "likely"}) == 2


def test_realms_beyond_the_limit_share_one_series(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: REFUSAL)
    registry = CollectorRegistry()
    explainer = explainers(base_url=server.url, metrics=registry)
    for number in range(60):
        get(f"{server.url}/admin/realms/r{number}/users", explainer)

    realms = {
        sample.labels["realm"] for metric in registry.collect() for sample in metric.samples if sample.name == "kcproxy_denials_total"
    }
    assert len(realms) == 51
    assert "other" in realms


def test_a_callback_gets_each_explanation_and_its_errors_stay_inside(
    server: Server, explainers: Explainers, caplog: pytest.LogCaptureFixture
) -> None:
    server.react(lambda _: REFUSAL)
    seen: list[Explanation] = []

    def note(explanation: Explanation) -> None:
        seen.append(explanation)
        raise RuntimeError("of the program")

    found = get(server.url + USERS, explainers(base_url=server.url, on_denial=note))

    assert [each.id for each in seen] == [found.headers["kcproxy-denial-id"]]
    assert "the callback on_denial failed" in caplog.text


@pytest.mark.parametrize(("detail", "has"), [("full", {"fixes", "required"}), ("role", {"required"}), ("reference", set())])
def test_the_detail_is_that_of_the_proxy(detail: Any, has: set[str], server: Server, explainers: Explainers) -> None:
    server.react(lambda _: REFUSAL)
    body = get(server.url + USERS, explainers(base_url=server.url, detail=detail)).json()["explanation"]

    assert has == {"fixes", "required"} & set(body)


def test_the_version_selects_the_table(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, b'{"error":"unknown_error"}', JSON))
    body = get(server.url + USERS, explainers(base_url=server.url, keycloak_version="24.0.5")).json()["explanation"]

    assert body["required"]["keycloak"] == "24.0.5"


def test_nothing_is_asked_without_an_inspector(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: REFUSAL)
    get(server.url + USERS, explainers(base_url=server.url))

    assert len(server.upstream.requests) == 1


def test_an_inspector_needs_an_address() -> None:
    for options in (Options(inspector=Inspector(client_id="inspector", client_secret="s")), Options(public_documents=True)):
        with pytest.raises(ValueError, match="An inspector needs base_url"):
            RefusalExplainer(**options)


def test_public_documents_are_read_if_they_are_asked_for(keycloak: Simulator, explainers: Explainers) -> None:
    """A token that is signed by nobody: only the realm's published keys show it."""
    forged = jwt_of(claims_of(exp=9_999_999_999, realm="master", base=keycloak.url))
    url = f"{keycloak.url}/admin/realms/master/users"
    alone = get(url, explainers(base_url=keycloak.url), forged)
    reading = get(url, explainers(base_url=keycloak.url, public_documents=True), forged)

    assert (alone.status_code, alone.headers["kcproxy-cause"]) == (401, "token-rejected")
    assert reading.headers["kcproxy-cause"] == "signing-key-unknown"


@pytest.mark.parametrize("address", ["login.example.com", "ftp://a.test", "https://", "https://u:p@a.test", "https://a.test?b=1"])
def test_an_address_that_cannot_be_used_is_an_error(address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        RefusalExplainer(base_url=address)


@pytest.fixture(scope="module")
def inspected(keycloak: Simulator) -> tuple[Simulator, Inspector, str]:
    account = keycloak.service_account("inspected", "backend")
    looking = keycloak.service_account("inspected", "inspector", roles=("view-clients", "view-realm", "view-users"))
    inspector = Inspector(
        realm="inspected", client_id=looking.client_id, client_secret=looking.client_secret, realms=("inspected",), budget_seconds=20.0
    )
    return keycloak, inspector, keycloak.token(account)


def test_look_ups_make_a_cause_certain(inspected: tuple[Simulator, Inspector, str], explainers: Explainers) -> None:
    keycloak, inspector, token = inspected
    found = explanation_of(
        get(f"{keycloak.url}/admin/realms/inspected/users", explainers(base_url=keycloak.url, inspector=inspector), token)
    )

    assert found is not None
    assert (found.verdict.cause, found.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.CERTAIN)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_look_ups_serve_asynchronous_clients(backend: str, inspected: tuple[Simulator, Inspector, str], explainers: Explainers) -> None:
    keycloak, inspector, token = inspected
    explainer = explainers(base_url=keycloak.url, inspector=inspector)

    async def call() -> Explanation | None:
        async with httpx.AsyncClient(transport=AsyncExplainingTransport(explainer=explainer), timeout=30) as client:
            found = await client.get(f"{keycloak.url}/admin/realms/inspected/users", headers={"Authorization": f"Bearer {token}"})
            return explanation_of(found)

    found = anyio.run(call, backend=backend)
    assert found is not None
    assert found.verdict.confidence is Confidence.CERTAIN


def test_slow_look_ups_cost_no_more_than_the_budget(server: Server, explainers: Explainers) -> None:
    def react(request: Message) -> Any:
        async def late() -> bytes:
            await asyncio.sleep(5)
            return response(200, b"{}", JSON)

        return REFUSAL if request.target.startswith(USERS.encode()) and b"count" not in request.target else late()

    server.react(react)
    inspector = Inspector(realm="demo", client_id="inspector", client_secret="s", budget_seconds=0.3)
    explainer = explainers(base_url=server.url, inspector=inspector)
    get(server.url + USERS, explainer)  # loads what look-ups need
    began = time.monotonic()
    found = get(server.url + USERS, explainer)

    assert time.monotonic() - began < 1.5
    assert found.headers["kcproxy-cause"] == "role-missing"


def test_the_version_is_detected_with_an_inspector(inspected: tuple[Simulator, Inspector, str], explainers: Explainers) -> None:
    keycloak, inspector, token = inspected
    url = f"{keycloak.url}/admin/realms/inspected/users"
    explainer = explainers(base_url=keycloak.url, inspector=inspector)
    body = get(url, explainer, token).json()

    assert body["explanation"]["required"]["keycloak"] == keycloak.keycloak_version


def test_close_ends_the_thread_and_the_explainer_can_be_used_again(
    inspected: tuple[Simulator, Inspector, str], explainers: Explainers
) -> None:
    keycloak, inspector, token = inspected
    url = f"{keycloak.url}/admin/realms/inspected/users"
    explainer = explainers(base_url=keycloak.url, inspector=inspector)
    for _ in range(2):
        found = explanation_of(get(url, explainer, token))
        assert found is not None
        assert found.verdict.confidence is Confidence.CERTAIN
        explainer.close()
        assert [thread for thread in threading.enumerate() if thread.name == "kcproxy-lookups"] == []


def test_threads_share_an_explainer(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: REFUSAL)
    explainer = explainers(base_url=server.url)
    found: list[str] = []

    def work(number: int) -> None:
        for each in range(20):
            token = jwt_of(claims_of(exp=9_999_999_999, client=f"client-{number}"))
            body = get(f"{server.url}/admin/realms/r{each}/users", explainer, token).json()["explanation"]
            if (body["caller"]["clientId"], body["operation"]["realm"]) != (f"client-{number}", f"r{each}"):
                found.append(json.dumps(body))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == []


def test_a_cancelled_request_closes_its_connection(server: Server, explainers: Explainers) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{"
    server.react(lambda _: head)

    async def call() -> None:
        transport = AsyncExplainingTransport(explainer=explainers(base_url=server.url))
        async with httpx.AsyncClient(transport=transport, timeout=30) as client:
            task = asyncio.create_task(client.get(server.url + USERS))
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gc.collect()

    asyncio.run(call())


def test_a_body_that_breaks_off_raises_what_the_bare_client_raises(server: Server, explainers: Explainers) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 300\r\nConnection: close\r\n\r\n{"
    server.react(lambda _: head)
    found = []
    for transport in (httpx.HTTPTransport(), ExplainingTransport(explainer=explainers(base_url=server.url))):
        with httpx.Client(transport=transport, timeout=0.5) as client, pytest.raises(httpx.HTTPError) as caught:
            client.get(server.url + USERS)
        found.append(type(caught.value))

    assert found[0] is found[1]


def test_streaming_stays_streaming(server: Server, explainers: Explainers) -> None:
    """The first piece of a success arrives while the server holds the second one back."""

    async def react() -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"

    server.react(lambda _: react())
    with (
        httpx.Client(transport=ExplainingTransport(explainer=explainers(base_url=server.url)), timeout=10) as client,
        client.stream("GET", server.url + USERS) as streamed,
    ):
        assert next(streamed.iter_raw()) == b"abc"


def test_a_refusal_waits_no_longer_when_the_programs_threads_are_busy(keycloak: Simulator, explainers: Explainers) -> None:
    """The threads of anyio's own limiter, 40 by default, belong to the program."""
    account = keycloak.service_account("busy", "caller")
    inspected = keycloak.service_account("busy", "inspector", roles=("view-clients", "view-realm", "view-users"))
    inspector = Inspector(realm="busy", client_id="inspector", client_secret=inspected.client_secret, realms=("busy",))
    transport = AsyncExplainingTransport(explainer=explainers(base_url=keycloak.url, inspector=inspector))
    headers = {"Authorization": f"Bearer {keycloak.token(account)}"}
    release = threading.Event()

    took: list[float] = []

    async def call() -> None:
        async with httpx.AsyncClient(transport=transport, headers=headers, timeout=30) as client, anyio.create_task_group() as busy:
            for _ in range(int(anyio.to_thread.current_default_thread_limiter().total_tokens)):
                busy.start_soon(anyio.to_thread.run_sync, lambda: release.wait(10))
            await anyio.sleep(0.1)
            began = time.monotonic()
            try:
                assert (await client.get(f"{keycloak.url}/admin/realms/busy/users")).status_code == 403
            finally:
                release.set()
            took.append(time.monotonic() - began)

    anyio.run(call)
    assert took[0] < 5


@pytest.mark.parametrize(("coding", "pack", "explained"), [("gzip", gzip.compress, True), ("br", brotli.compress, False)])
def test_aiohttp_that_does_not_decompress_gets_no_guess(
    coding: str, pack: Callable[[bytes], bytes], explained: bool, server: Server, explainers: Explainers
) -> None:
    packed = pack(b'{"error":"HTTP 403 Forbidden"}')
    server.react(lambda _: response(403, packed, JSON, f"Content-Encoding: {coding}"))

    async def call() -> tuple[bool, bytes]:
        middlewares = (ExplainingMiddleware(explainer=explainers(base_url=server.url)),)
        headers = {"Authorization": f"Bearer {SECRET_TOKEN}"}
        async with (
            aiohttp.ClientSession(middlewares=middlewares, auto_decompress=False, headers=headers) as session,
            session.get(server.url + USERS) as got,
        ):
            return explanation_of(got) is not None, await got.read()

    found, body = asyncio.run(call())
    assert found is explained
    assert explained or body == packed


@pytest.mark.parametrize(
    ("base", "target", "notes"),
    [
        ("{url}/auth", USERS, 1),
        ("{url}", f"/auth{USERS}", 1),
        ("https://login.example.com", USERS, 1),
        ("{url}", USERS, 0),
        ("{url}/auth/", f"/auth{USERS}", 0),
        ("https://login.example.com", "/api/orders", 0),
        ("https://login.example.com", "/orders?from=/admin/realms/demo", 0),
    ],
)
def test_an_address_other_than_the_one_of_a_refusal_is_noted_once(
    base: str, target: str, notes: int, *, server: Server, explainers: Explainers, caplog: pytest.LogCaptureFixture
) -> None:
    server.react(lambda _: REFUSAL)
    explainer = explainers(base_url=base.format(url=server.url))
    for _ in range(2):
        get(server.url + target, explainer)

    assert [record.levelname for record in caplog.records if "are not explained, because base_url" in record.message] == ["WARNING"] * notes


@pytest.mark.parametrize(
    ("base", "page"), [("/auth", b'{"error":"HTTP 404 Not Found"}'), ("", b"<html><body><h1>Resource not found</h1></body></html>")]
)
def test_the_fix_of_a_wrong_base_path_speaks_of_no_proxy(base: str, page: bytes, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(404, page, JSON))
    found = explanation_of(get(server.url + USERS, explainers(base_url=server.url + base)))

    assert found is not None
    assert found.verdict.cause is Cause.BASE_PATH_WRONG
    assert "address in kcproxy" in str(found)
    assert "the proxy" not in str(found)
