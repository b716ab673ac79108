"""Log lines as OpenTelemetry's log records over OTLP/HTTP: part of the extra ``tracing``, enabled by OpenTelemetry's own variables.

The lines are the same as on standard output: redacted, of the same level, sampled in the same way. A thread maps and sends them, so that no request
waits. OpenTelemetry's Python SDK has its log exporter in private modules only, so the messages of ``opentelemetry-proto`` are sent from here
(OTLP 1.5, section OTLP/HTTP).
"""

import importlib.util
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from kcproxy.errors import SettingsError
from kcproxy.observe.otlp_endpoint import Outcome, endpoint_of
from kcproxy.observe.tracing import REINSTALL, resource_of

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

MAX_WAITING_LINES = 20_000
BATCH = 512
SEND_SECONDS = 1.0
CLOSE_SECONDS = 3.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
SEVERITIES: Mapping[str, int] = MappingProxyType({"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21})
"""SeverityNumber of each level (OpenTelemetry's log data model)."""
ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "method": "http.request.method",
        "path": "url.path",
        "status": "http.response.status_code",
        "received_bytes": "http.request.body.size",
        "sent_bytes": "http.response.body.size",
        "error": "error.type",
        "peer": "client.address",
        "logger": "logger.name",
    }
)
"""Fields with a name in the semantic conventions. Every other is an attribute ``kcproxy.`` and its name."""
OUTSIDE = frozenset({"time", "level", "event", "summary", "trace_id", "instance"})
"""Fields that are not attributes: parts of the record itself, or of the resource."""


class OtlpLogs:
    """Sends lines in batches. Those that an endpoint does not take wait, at most ``MAX_WAITING_LINES``; further ones are dropped and counted."""

    def __init__(
        self,
        send: Callable[[bytes], Outcome],
        resource: "Resource",
        *,
        on_drop: Callable[[int], None],
        on_failure: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``send`` posts a request's body. ``on_failure`` gets the reason when sending begins to fail. The thread starts with the first line."""
        self._send = send
        self._resource = resource
        self._on_drop = on_drop
        self._on_failure = on_failure
        self._waiting: deque[str] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._pause_seconds = 0.0

    def add(self, lines: Sequence[str]) -> None:
        """Take JSON lines."""
        with self._wake:
            room = max(0, MAX_WAITING_LINES - len(self._waiting))
            self._waiting.extend(lines[:room])
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="kcproxy-otlp-logs", daemon=True)
                self._thread.start()
        if len(lines) > room:
            self._on_drop(len(lines) - room)

    def close(self) -> None:
        """Send what waits, for at most some seconds. What is left then is dropped and counted."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        self._on_drop(len(self._waiting))

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._wake:
                self._wake.wait_for(lambda: self._closed, self._pause_seconds or SEND_SECONDS)
                closing = self._closed
            while self._waiting and self._sends_batch():
                pass

    def _sends_batch(self) -> bool:
        """Send some lines. Return whether to go on."""
        with self._wake:
            lines = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        outcome = self._send(request_of(lines, self._resource))
        self._on_drop(outcome.rejected if outcome.is_taken or outcome.may_retry else len(lines))
        if outcome.failure and not self._pause_seconds:
            self._on_failure(outcome.failure)
        if outcome.may_retry:
            with self._wake:
                self._waiting.extendleft(reversed(lines))
            self._pause_seconds = min(2 * self._pause_seconds or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            return False
        self._pause_seconds = 0.0
        return True


def request_of(lines: Iterable[str], resource: "Resource") -> bytes:
    """An ExportLogsServiceRequest with one record for each line."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: PLC0415 - only where the extra is installed
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope  # noqa: PLC0415 - the same
    from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs  # noqa: PLC0415 - the same

    records = [record_of(json.loads(line)) for line in lines]
    scope = ScopeLogs(scope=InstrumentationScope(name="kcproxy"), log_records=records)
    request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope])])
    serialized: bytes = request.SerializeToString()
    return serialized


def record_of(fields: Mapping[str, Any]) -> "LogRecord":
    """One line as a record of OpenTelemetry's log data model."""
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord  # noqa: PLC0415 - see above

    level = str(fields.get("level", "info"))
    attributes = {ATTRIBUTES.get(name, f"kcproxy.{name}"): value for name, value in fields.items() if name not in OUTSIDE}
    record = LogRecord(
        time_unix_nano=round(datetime.fromisoformat(fields["time"]).timestamp() * 1000) * 1_000_000,
        observed_time_unix_nano=time.time_ns(),
        severity_number=cast("SeverityNumber.ValueType", SEVERITIES.get(level, 0)),
        severity_text=level,
        trace_id=bytes.fromhex(fields.get("trace_id") or ""),
        attributes=_attributes(attributes),
    )
    if "event_name" in LogRecord.DESCRIPTOR.fields_by_name:
        record.event_name = f"kcproxy.{fields['event']}"
    else:  # versions before OTLP 1.5
        record.attributes.extend(_attributes({"event.name": f"kcproxy.{fields['event']}"}))
    record.body.string_value = str(fields.get("summary") or fields["event"])
    return record


def _attributes(values: Mapping[str, Any]) -> "list[KeyValue]":
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue  # noqa: PLC0415 - see above

    return [KeyValue(key=name, value=_value(value)) for name, value in values.items() if value is not None]


def _value(value: Any) -> "AnyValue":
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue  # noqa: PLC0415 - see above

    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
        case str():
            return AnyValue(string_value=value)
        case _:
            return AnyValue(string_value=json.dumps(value))


def logs_from_environment(
    environ: Mapping[str, str], *, instance: str, on_drop: Callable[[int], None], on_failure: Callable[[str], None]
) -> OtlpLogs | None:
    """The export that OpenTelemetry's variables ask for; None if they do not. Raises SettingsError if they cannot be used, or the extra is missing."""
    endpoint = endpoint_of(environ)
    if endpoint is None:
        return None
    where = "environment OTEL_LOGS_EXPORTER or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
    if importlib.util.find_spec("opentelemetry") is None:
        raise SettingsError([f"{where}: log records need the extra; pip install '.[tracing]' in a checkout of kcproxy, or unset it"])
    try:
        return OtlpLogs(endpoint.post, _resource(instance), on_drop=on_drop, on_failure=on_failure)
    except ImportError as error:
        raise SettingsError([f"{where}: the modules for log records cannot be loaded ({error.name}); {REINSTALL}"]) from error


def _resource(instance: str) -> "Resource":
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as _  # noqa: PLC0415, F401 - fails now rather than with the first line
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource  # noqa: PLC0415

    return Resource(attributes=_attributes(dict(resource_of(instance).attributes)))
