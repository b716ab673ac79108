"""Where log records are sent (OpenTelemetry's variables), and what an endpoint's response means (OTLP 1.5, section OTLP/HTTP)."""

import http.client
import ssl
from collections.abc import Mapping
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from msgspec import Struct

from kcproxy.errors import SettingsError

DEFAULT_URL = "http://localhost:4318"
DEFAULT_TIMEOUT_SECONDS = 10.0
RETRYABLE = frozenset({429, 502, 503, 504})
MAX_RESPONSE_BYTES = 65_536


class Outcome(Struct, frozen=True, kw_only=True):
    """Whether records were taken, or may be sent again; ``rejected``: how many of those taken the endpoint refused; ``failure``: why not."""

    is_taken: bool = False
    may_retry: bool = False
    rejected: int = 0
    failure: str = ""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where to post. ``headers`` may hold a key, so they appear in no message."""

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float
    ca_file: str | None = None

    def post(self, body: bytes) -> Outcome:
        """Send a request's body. Never raises."""
        headers = {"Content-Type": "application/x-protobuf", **self.headers}
        request = Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310 - the scheme is checked with the settings
        tls = ssl.create_default_context(cafile=self.ca_file) if self.url.startswith("https:") else None
        try:
            with urlopen(request, timeout=self.timeout_seconds, context=tls) as answer:  # noqa: S310 - the same
                return Outcome(is_taken=True, rejected=_rejected(answer.read(MAX_RESPONSE_BYTES)))
        except HTTPError as error:
            return Outcome(may_retry=error.code in RETRYABLE, failure=f"status code {error.code}")
        except (OSError, http.client.HTTPException) as error:
            return Outcome(may_retry=True, failure=type(error).__name__)


def endpoint_of(environ: Mapping[str, str]) -> Endpoint | None:
    """The endpoint for log records; None unless OTEL_LOGS_EXPORTER is ``otlp`` or there is an endpoint for logs. Raises SettingsError."""
    exporter, own = environ.get("OTEL_LOGS_EXPORTER", ""), environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "")
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter not in {"", "otlp"} or not (exporter or own):
        return None
    url = own or f"{(environ.get('OTEL_EXPORTER_OTLP_ENDPOINT') or DEFAULT_URL).rstrip('/')}/v1/logs"
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise SettingsError([f"environment OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: {url!r} is no URL; use one such as {DEFAULT_URL}/v1/logs"])
    protocol = _first(environ, "PROTOCOL")
    if protocol not in {None, "http/protobuf"}:
        raise SettingsError([f"environment OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: {protocol!r} is not supported; use http/protobuf"])
    return Endpoint(
        url=url,
        headers=_headers(_first(environ, "HEADERS") or ""),
        timeout_seconds=_seconds(_first(environ, "TIMEOUT")),
        ca_file=_first(environ, "CERTIFICATE"),
    )


def _first(environ: Mapping[str, str], name: str) -> str | None:
    """The variable for logs, otherwise that for all signals."""
    return environ.get(f"OTEL_EXPORTER_OTLP_LOGS_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}") or None


def _headers(text: str) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise SettingsError([f"environment OTEL_EXPORTER_OTLP_TIMEOUT: {text!r} is no number of seconds; use one such as 10"])
    return seconds


def _rejected(body: bytes) -> int:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - only where the extra is installed
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse  # noqa: PLC0415 - the same

    try:
        return max(0, int(ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records))
    except DecodeError:
        return 0  # a proxy's page, not a response of OTLP
