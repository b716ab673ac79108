"""Log lines as OTLP log records: mapped to OpenTelemetry's names, sent to a real socket, kept while the endpoint is away, and counted if lost."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from devkit.ports import refusing_port
from kcproxy import catalog
from kcproxy.errors import SettingsError
from kcproxy.observe import otlp_logs
from kcproxy.observe.log import Log
from kcproxy.observe.otlp_endpoint import Outcome, endpoint_of
from kcproxy.observe.otlp_logs import OtlpLogs, logs_from_environment, record_of
from kcproxy.observe.setup import live_observer
from kcproxy.settings import LogFormat, LogSettings, Settings, UpstreamSettings
from tests.observe.samples import explanation, record
from tests.observe.test_log import Captured

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LINE = {"time": "2026-11-23T17:48:33.123Z", "level": "info", "event": "request"}


@dataclass
class Collector:
    """An endpoint for log records, and what it received. ``status`` and ``rejected`` are what it responds."""

    url: str = ""
    status: int = 200
    rejected: int = 0
    requests: list[ExportLogsServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    attempts: int = 0

    @property
    def records(self) -> list[LogRecord]:
        return [
            one for request in self.requests for logs in request.resource_logs for scope in logs.scope_logs for one in scope.log_records
        ]


@contextmanager
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.attempts += 1
            if made.status == 200:
                made.requests.append(ExportLogsServiceRequest.FromString(body))
                made.headers.append({name.lower(): value for name, value in self.headers.items()})
            partial = ExportLogsPartialSuccess(rejected_log_records=made.rejected)
            answer = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Counts:
    dropped: int = 0
    failures: list[str] = field(default_factory=list)

    def drop(self, count: int) -> None:
        self.dropped += count


def exporting(environ: dict[str, str], counts: Counts) -> OtlpLogs:
    made = logs_from_environment(environ, instance="proxy-1", on_drop=counts.drop, on_failure=counts.failures.append)
    assert made is not None
    return made


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def values(pairs: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        kind = pair.value.WhichOneof("value")
        found = getattr(pair.value, str(kind))
        return [item.string_value for item in found.values] if kind == "array_value" else found

    return {pair.key: value(pair) for pair in pairs if pair.key != "event.name"}


def event_of(made: Any) -> str:
    """The event's name. Before OTLP 1.5 it is an attribute."""
    if "event_name" in made.DESCRIPTOR.fields_by_name:
        return str(made.event_name)
    (name,) = [pair.value.string_value for pair in made.attributes if pair.key == "event.name"]
    return str(name)


def test_a_request_is_a_record_with_the_names_of_the_conventions() -> None:
    made = record_of(
        {**LINE, "method": "GET", "path": "/admin/realms/shop/users", "operation": "GET /admin/realms/{realm}/users", "realm": "shop",
         "status": 403, "duration_ms": 6.1, "received_bytes": 0, "peer": "127.0.0.1", "token_replaced": True, "trace_id": TRACE}
    )  # fmt: skip
    assert (made.time_unix_nano, made.severity_number, made.severity_text) == (1_795_456_113_123_000_000, 9, "info")
    assert (event_of(made), made.body.string_value, made.trace_id.hex()) == ("kcproxy.request", "request", TRACE)
    assert values(made.attributes) == {
        "http.request.method": "GET", "url.path": "/admin/realms/shop/users", "kcproxy.operation": "GET /admin/realms/{realm}/users",
        "kcproxy.realm": "shop", "http.response.status_code": 403, "kcproxy.duration_ms": 6.1, "http.request.body.size": 0,
        "client.address": "127.0.0.1", "kcproxy.token_replaced": True,
    }  # fmt: skip


def test_the_sentence_of_a_denial_is_the_body_and_lists_stay_lists() -> None:
    made = record_of(
        {**LINE, "level": "warning", "event": "denial", "summary": "The role view-users is missing.", "missing": ["view-users"]}
    )
    assert (made.severity_number, event_of(made), made.body.string_value) == (13, "kcproxy.denial", "The role view-users is missing.")
    assert values(made.attributes) == {"kcproxy.missing": ["view-users"]}


@pytest.mark.parametrize(("level", "number"), otlp_logs.SEVERITIES.items())
def test_each_level_has_its_number(level: str, number: int) -> None:
    assert record_of({**LINE, "level": level}).severity_number == number


def test_lines_reach_the_endpoint_with_resource_and_headers() -> None:
    counts = Counts()
    with collector() as received:
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": received.url, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b"}, counts)
        logs.add([json.dumps(LINE), json.dumps({**LINE, "event": "started"})])
        logs.close()
        (request,) = received.requests
    assert [event_of(one) for one in received.records] == ["kcproxy.request", "kcproxy.started"]
    assert (
        values(request.resource_logs[0].resource.attributes).items()
        >= {"service.name": "kcproxy", "service.instance.id": "proxy-1"}.items()
    )
    assert received.headers[0].items() >= {"api-key": "a b", "content-type": "application/x-protobuf"}.items()
    assert (counts.dropped, counts.failures) == (0, [])


def test_many_lines_are_sent_in_batches_and_in_order() -> None:
    counts = Counts()
    with collector() as received:
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": received.url}, counts)
        logs.add([json.dumps({**LINE, "event": f"e{number}"}) for number in range(1200)])
        logs.close()
    assert [len(request.resource_logs[0].scope_logs[0].log_records) for request in received.requests] == [512, 512, 176]
    assert [event_of(one) for one in received.records] == [f"kcproxy.e{number}" for number in range(1200)]


def test_lines_wait_while_the_endpoint_is_away_and_are_sent_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_logs, "SEND_SECONDS", 0.01)
    monkeypatch.setattr(otlp_logs, "FIRST_PAUSE_SECONDS", 0.05)
    counts = Counts()
    with collector() as received:
        received.status = 503
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": received.url}, counts)
        logs.add([json.dumps(LINE)])
        until(lambda: received.attempts >= 2)
        received.status = 200
        until(lambda: bool(received.records))
        logs.close()
    assert len(received.records) == 1
    assert (counts.dropped, counts.failures) == (0, ["status code 503"])


def test_what_the_endpoint_refuses_is_dropped_and_counted() -> None:
    counts = Counts()
    with collector() as received:
        received.status = 400
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": received.url}, counts)
        logs.add([json.dumps(LINE)] * 3)
        logs.close()
    assert (received.attempts, counts.dropped, counts.failures) == (1, 3, ["status code 400"])


def test_records_that_the_endpoint_refuses_in_part_are_counted() -> None:
    counts = Counts()
    with collector() as received:
        received.rejected = 2
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": received.url}, counts)
        logs.add([json.dumps(LINE)] * 3)
        logs.close()
    assert counts.dropped == 2


def test_what_waits_is_bounded_and_the_rest_is_counted() -> None:
    counts = Counts()
    sent: list[bytes] = []

    def refuse(body: bytes) -> Outcome:
        sent.append(body)
        return Outcome(may_retry=True, failure="away")

    logs = OtlpLogs(refuse, otlp_logs._resource(""), on_drop=counts.drop, on_failure=counts.failures.append)
    logs.add([json.dumps(LINE)] * (otlp_logs.MAX_WAITING_LINES + 7))
    assert counts.dropped == 7
    logs.close()
    assert counts.dropped == otlp_logs.MAX_WAITING_LINES + 7
    assert counts.failures == ["away"]


def test_an_endpoint_without_a_listener_delays_nothing() -> None:
    counts = Counts()
    with refusing_port() as port:
        logs = exporting({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://127.0.0.1:{port}"}, counts)
        began = time.monotonic()
        logs.add([json.dumps(LINE)])
        assert time.monotonic() - began < 0.5
        logs.close()
    assert (counts.dropped, counts.failures) == (1, ["URLError"])


URLS: tuple[tuple[dict[str, str], str | None], ...] = (
    ({}, None),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),  # spans only
    ({"OTEL_LOGS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://c/x"}, None),
    ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, None),
    ({"OTEL_LOGS_EXPORTER": "otlp"}, "http://localhost:4318/v1/logs"),
    ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/logs"),
    ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://c/logs"}, "https://c/logs"),
)


@pytest.mark.parametrize(("environ", "url"), URLS)
def test_opentelemetrys_variables_say_where_records_go(environ: dict[str, str], url: str | None) -> None:
    endpoint = endpoint_of(environ)
    assert (None if endpoint is None else endpoint.url) == url


PROBLEMS: tuple[tuple[dict[str, str], str], ...] = (
    ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "collector:4317"}, "is no URL"),
    ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "file:///etc/passwd"}, "is no URL"),
    ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "use http/protobuf"),
    ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "is no number of seconds"),
    ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "-1"}, "is no number of seconds"),
)


@pytest.mark.parametrize(("environ", "message"), PROBLEMS)
def test_a_variable_that_cannot_be_used_is_a_problem_with_a_remedy(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        endpoint_of(environ)


@pytest.mark.parametrize("format_", [LogFormat.JSON, LogFormat.CONSOLE])
def test_a_log_of_either_format_exports_the_same_redacted_lines(format_: LogFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with collector() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", received.url)
        log = Log(LogSettings(format=format_), sink=Captured())
        settings = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=1))
        observer = live_observer(settings, catalog.load(catalog.default_version()), log=log)
        observer.request_finished(record())
        observer.denied(explanation(), record())
        log.warning("something", token="eyJhbGciOiJSUzI1NiJ9.e30.c2ln")
        observer.close()
    names = [event_of(one) for one in received.records]
    assert names == ["kcproxy.request", "kcproxy.denial", "kcproxy.something"]
    assert values(received.records[2].attributes) == {"kcproxy.token": "[redacted]"}
    assert "eyJ" not in str(received.requests)


def test_without_the_variables_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    log = Log(LogSettings(), sink=Captured())
    observer = live_observer(
        Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=1)), catalog.load(catalog.default_version()), log=log
    )
    assert log.export is None
    observer.close()
