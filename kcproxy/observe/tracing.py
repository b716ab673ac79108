"""OpenTelemetry spans of requests: an extra (``tracing``), enabled if OpenTelemetry's variables name an endpoint.

A span is created after its request, from times that are measured anyway, so it does not delay the request. Its parent is the span in the
client's ``traceparent`` (W3C Trace Context); that field is forwarded to Keycloak unchanged.
"""

import importlib.util
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import kcproxy
from kcproxy.errors import SettingsError
from kcproxy.model import Target
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.observe.log_fields import shown_path
from kcproxy.redaction import redact_text

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

CLOSE_SECONDS = 3.0
MAX_NAME_CHARACTERS = 200
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""Methods with a name in the semantic conventions; every other is ``_OTHER``."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
REINSTALL = (
    "the package xds-protos of the extra envoy has an old copy of some of them, so run"
    " pip install --force-reinstall --no-deps opentelemetry-proto, or unset the variable"
)


class Spans:
    """Creates spans in a provider of its own, without global state."""

    def __init__(self, provider: "TracerProvider", *, scheme: str = "http", now_nanoseconds: Callable[[], int] = time.time_ns) -> None:
        """``provider``: with its exporter. ``scheme``: of the listener. ``now_nanoseconds`` gives the time since the epoch."""
        self._provider = provider
        self._scheme = scheme
        self._tracer = provider.get_tracer("kcproxy", kcproxy.__version__)
        self._now = now_nanoseconds

    def request(self, record: RequestRecord) -> str | None:
        """Create the span of a finished request, by OpenTelemetry's semantic conventions for HTTP servers, without the query.

        Returns its trace id in hexadecimal digits; None if it is not sampled.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - only where the extra is installed

        ended = self._now()
        span = self._tracer.start_span(
            _name(record.target),
            context=_parent(record),
            kind=SpanKind.SERVER,
            start_time=ended - int(record.duration_seconds * 1e9),
            attributes=_attributes(record, self._scheme),
        )
        if record.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=ended)
        context = span.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else None

    def close(self) -> None:
        """Send pending spans, for at most some seconds: an unresponsive endpoint must not delay the end of the process."""
        ending = threading.Thread(target=self._provider.shutdown, name="kcproxy-spans", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)


def _name(target: Target) -> str:
    method = target.method if target.method in METHODS else "HTTP"
    return f"{method} {target.operation.path}" if target.operation is not None else method


def _attributes(record: RequestRecord, scheme: str) -> dict[str, str | int | float | bool]:
    """Attributes of bounded size: spans stay in memory if the endpoint is slow."""
    target = record.target
    known = target.method in METHODS
    named: dict[str, str | int | float | bool | None] = {
        "http.request.method": target.method if known else "_OTHER",
        "http.request.method_original": None if known or not target.method else _short(target.method),
        "http.route": target.operation.path if target.operation is not None else None,
        "url.scheme": scheme,
        "url.path": shown_path(target.raw_path),
        "http.response.status_code": record.status,
        "error.type": (record.error_kind or str(record.status)) if record.status >= 500 else None,
        "kcproxy.operation": operation_label(target),
        "kcproxy.error": record.error_kind,
        "kcproxy.realm": _short(target.realm) if target.realm is not None else None,
        "kcproxy.upstream_seconds": record.upstream_seconds,
        "kcproxy.account": record.injected_account,
        "kcproxy.denial_id": record.denial_id,
    }
    return {name: value for name, value in named.items() if value is not None}


def _short(text: str) -> str:
    # Redact before cutting: a truncated secret would not be recognized.
    return redact_text(text[: 10 * MAX_NAME_CHARACTERS])[:MAX_NAME_CHARACTERS]


def _parent(record: RequestRecord) -> "Context | None":
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context  # noqa: PLC0415 - see above

    if record.trace_id is None or record.parent_span_id is None:
        return None
    context = SpanContext(
        trace_id=int(record.trace_id, 16),
        span_id=int(record.parent_span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if record.trace_sampled else TraceFlags.DEFAULT),
    )
    return set_span_in_context(NonRecordingSpan(context))


def spans_from_environment(environ: Mapping[str, str], *, scheme: str = "http", instance: str = "") -> Spans | None:
    """Spans for the OTLP endpoint in OpenTelemetry's variables; None if there is none. Raises SettingsError if the extra is missing."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if importlib.util.find_spec("opentelemetry") is None:
        raise SettingsError(
            [f"environment {' or '.join(ENDPOINTS)}: spans need the extra; pip install '.[tracing]' in a checkout of kcproxy, or unset it"]
        )
    try:
        return _exporting(scheme, instance)
    except ImportError as error:
        raise SettingsError(
            [f"environment {' or '.join(ENDPOINTS)}: the modules for spans cannot be loaded ({error.name}); {REINSTALL}"]
        ) from error


def resource_of(instance: str) -> "Resource":
    """The resource of all spans. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say takes precedence."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - see above

    chosen = OTELResourceDetector().detect().attributes
    own = {"service.name": "kcproxy", "service.version": kcproxy.__version__, "service.instance.id": instance}
    return Resource.create({name: value for name, value in own.items() if value and name not in chosen})


def _exporting(scheme: str, instance: str) -> Spans:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=resource_of(instance), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider, scheme=scheme)
