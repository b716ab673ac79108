"""Spans: children of the caller's, with the measured times, sampled as the caller says, and sent over OTLP to a real socket."""

import asyncio
import http.client
import json
import subprocess
import sys
import time
from contextlib import closing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import kcproxy
from devkit.ports import free_ports, refusing_port
from kcproxy.errors import SettingsError
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.log import Log
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.tracing import Spans, resource_of, spans_from_environment
from kcproxy.settings import LogSettings
from tests.cli.running import clean_environ
from tests.observe.samples import record, target
from tests.observe.test_log import Captured

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NOW = 1_700_000_000_000_000_000


def spans_of(*records: RequestRecord) -> tuple[ReadableSpan, ...]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider, now_nanoseconds=lambda: NOW)
    for one in records:
        spans.request(one)
    spans.close()
    return exporter.get_finished_spans()


def test_a_span_is_a_child_of_the_callers_with_the_measured_time() -> None:
    (span,) = spans_of(
        record(trace_id=TRACE, parent_span_id=PARENT, trace_sampled=True, duration_seconds=0.25, denial_id="d-1", status=403)
    )
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert (span.start_time, span.end_time) == (NOW - 250_000_000, NOW)
    assert span.attributes is not None
    assert span.name == "GET /admin/realms/{realm}/users/{user-id}"
    assert span.attributes["http.response.status_code"] == 403
    assert span.attributes["kcproxy.denial_id"] == "d-1"
    assert span.status.is_ok or span.status.is_unset


def test_a_request_without_a_trace_has_the_trace_id_of_its_span_in_the_log() -> None:
    provider, exporter, lines = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter(), Captured()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    log = Log(LogSettings(), sink=lines, batch=1)
    observer = LiveObserver(Metrics(), log, DenialStore(), spans=Spans(provider))
    observer.request_finished(record())
    observer.request_finished(record(trace_id=TRACE, parent_span_id=PARENT, trace_sampled=True))
    observer.close()
    own, _ = exporter.get_finished_spans()
    assert own.context is not None
    assert [json.loads(line)["trace_id"] for line in lines.lines] == [f"{own.context.trace_id:032x}", TRACE]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {"service.name": "kcproxy", "service.instance.id": "pod-1"}),
        ({"OTEL_SERVICE_NAME": "gateway"}, {"service.name": "gateway", "service.instance.id": "pod-1"}),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=edge,service.instance.id=i-7,deployment.environment=prod"},
            {"service.name": "edge", "service.instance.id": "i-7", "deployment.environment": "prod"},
        ),
    ],
)
def test_the_resource_is_what_opentelemetrys_variables_say(
    environ: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    resource = resource_of("pod-1").attributes
    assert {name: resource[name] for name in expected} == expected
    assert resource["service.version"] == kcproxy.__version__


def test_an_unsampled_trace_makes_no_span_and_a_request_without_one_begins_its_own() -> None:
    unsampled = record(trace_id=TRACE, parent_span_id=PARENT, trace_sampled=False)
    (span,) = spans_of(unsampled, record())
    assert span.parent is None


def test_an_answer_of_500_is_an_error() -> None:
    (span,) = spans_of(record(status=502, error_kind="connect"))
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["error.type"] == "connect"


def test_the_names_are_those_of_the_conventions() -> None:
    known, unknown, unread, form = spans_of(
        record(trace_id=TRACE, parent_span_id=PARENT, trace_sampled=True),
        record(target(method="BREW", template=None, raw_path="/admin/x")),
        record(target(method="", template=None, raw_path="/"), status=400, error_kind="bad-request"),
        record(status=500),
    )
    names = [span.name for span in (known, unknown, unread, form)]
    assert names == ["GET /admin/realms/{realm}/users/{user-id}", "HTTP", "HTTP", "GET /admin/realms/{realm}/users/{user-id}"]
    assert known.attributes is not None
    assert known.attributes["http.route"] == "/admin/realms/{realm}/users/{user-id}"
    assert (known.attributes["url.scheme"], known.attributes["url.path"]) == ("http", target().raw_path)
    assert unknown.attributes is not None
    assert (unknown.attributes["http.request.method"], unknown.attributes["http.request.method_original"]) == ("_OTHER", "BREW")
    assert unknown.attributes["kcproxy.operation"] == "admin-unknown"
    assert unread.attributes is not None
    assert (unread.attributes["http.request.method"], unread.attributes["kcproxy.error"]) == ("_OTHER", "bad-request")
    assert "error.type" not in unread.attributes  # to the conventions, what a caller does wrong is no error of the server
    assert unread.status.is_unset
    assert form.attributes is not None
    assert form.attributes["error.type"] == "500"


def test_what_a_caller_makes_up_takes_bounded_room_in_a_span() -> None:
    (span,) = spans_of(record(target(method="M" * 100_000, realm="r" * 100_000, raw_path="/" + "p" * 100_000, template=None)))
    assert len(span.to_json()) < 4000


def test_no_token_is_in_a_span() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
    (span,) = spans_of(record(target(method=token, realm=token, raw_path=f"/{token}", template=None)))
    assert "c2lnbmF0dXJl" not in span.to_json()


@pytest.mark.parametrize(
    "environ", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}]
)
def test_without_an_endpoint_there_are_no_spans(environ: dict[str, str]) -> None:
    assert spans_from_environment(environ) is None


def test_an_endpoint_without_the_extra_is_a_problem_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"'\.\[tracing\]'"):
        spans_from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})


async def test_spans_reach_an_endpoint_over_otlp(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    server = TestServer(app)
    await server.start_server()
    endpoint = str(server.make_url("/")).rstrip("/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    spans = spans_from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert spans is not None
    spans.request(record(trace_id=TRACE, parent_span_id=PARENT, trace_sampled=True))
    await asyncio.to_thread(spans.close)
    await server.close()
    assert bytes.fromhex(TRACE) in b"".join(received)
    assert "opentelemetry" in sys.modules


def test_messages_of_the_exporter_at_the_end_are_in_the_log() -> None:
    port, admin_port = free_ports(2)
    words = ("serve", "--upstream", "http://127.0.0.1:9", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin_port}")
    with refusing_port() as nobody:
        environ = clean_environ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{nobody}"})
        command = [sys.executable, "-m", "kcproxy", *words]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            ends_at = time.monotonic() + 30
            while time.monotonic() < ends_at:
                try:
                    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                        connection.request("GET", "/realms/demo")
                        connection.getresponse().read()
                    break
                except OSError:
                    time.sleep(0.05)
            process.terminate()
            log, errors = process.communicate(timeout=20)
    notes = b"kcproxy: note: aiohttp "  # if it is an old one
    assert [line for line in errors.splitlines() if not line.startswith(notes)] == []
    assert any("opentelemetry" in json.loads(line).get("logger", "") for line in log.splitlines())


def test_modules_for_spans_that_another_package_has_replaced_are_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(SettingsError, match="pip install --force-reinstall --no-deps opentelemetry-proto"):
        spans_from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"})
