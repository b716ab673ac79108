"""docs/log.md, from the declarations of the log fields."""

from collections.abc import Mapping
from types import MappingProxyType

from kcproxy.observe.log_fields import DENIAL_FIELDS, REQUEST_FIELDS
from kcproxy.observe.otlp_logs import ATTRIBUTES, SEVERITIES
from tools.docs.markdown import GENERATED, code, table

FILE = "docs/log.md"

_INTRODUCTION = f"""\
# Log
{GENERATED}

The log has one line on standard output for each request, and another one for each explained refusal: JSON (`log.format = "json"`) or
lines for people (`"console"`). The default (`"auto"`) is lines for people on a terminal, with the sentence, the command and the page of each refusal, and
JSON everywhere else. `log.every_success` writes only one in so many lines of 2xx responses. `log.level` is the minimum level. Lines below it are not even formatted: `log.level = "warning"` leaves denials and
errors. A separate thread writes the lines with a delay of at most 0.2 seconds. If nothing reads standard output, lines beyond 8 MiB are dropped. If it
cannot be written (the disk is full), all lines are dropped, none is written in part, and standard error says so. Dropped lines are counted (`kcproxy_log_dropped_total`); requests continue.

In every line, including those of libraries, `[redacted]` replaces fields with secret names, and values that look like tokens, passwords or authorization
fields. The query of a request is never written. Paths, client ids and user names come from callers: treat them as untrusted data. JSON escapes
everything that is not ASCII, so a value is exact and a line is one line. In human-readable lines, an invisible character is shown by its code point (`⟨U+001B⟩`).

## A request
"""

_OTHERS = """\
## Other lines

Other lines (start, stop, settings, warnings) have `time`, `level`, `event` and further fields. Those about connections:

| Event | Level | Fields | Meaning |
|---|---|---|---|
| `max_connections_lowered` | `warning` | `asked`, `max_connections`, `descriptors` | At start: the file descriptors of the process allow fewer connections than `limits.max_connections`. |
| `accept_failed` | `error` | `listener`, `reason`, `error`, `failures` | The operating system could not accept a connection. At most one line a minute; `failures` counts the attempts so far. |
| `accept_recovered` | `info` | `listener`, `failures` | The first connection after such failures. |
| `connection_refused` | `debug` | `listener`, `reason` | A connection was closed before its first request: `limit`, `displaced`, `handshake`, `slow` ([limits.md](limits.md)). |

Those about the history:

| Event | Level | Fields | Meaning |
|---|---|---|---|
| `history_away`, `history_back` | `error`, `info` | `reason`; `behind_seconds` | The database of `history.url` cannot be used, and can again. |
| `history_recovered` | `info` | `files`, `denials`, `lost` | What killed processes had left in pending files is in the history. `lost`: damaged lines, and values that cannot be stored. |
| `history_pending_failed` | `error` | `reason` | Pending files cannot be written or read: a killed process would lose denials. At most one line a minute for each reason. |
| `history_pending_back` | `info` | `only_in_memory` | They can be written again. So many denials waited in memory only. |
| `history_pending_left` | `warning` | `denials` | At the end: so many denials wait in pending files for the next start. |

The line `log_export_failed` (`warning`, with `reason`) says that an OTLP endpoint does not take log records (below). It comes once until records are taken again.
"""


_OPENTELEMETRY = """\
## OpenTelemetry

With the extra `tracing` (from a checkout: `pip install '.[tracing]'`), the lines can also go to an OTLP endpoint as log records. `OTEL_LOGS_EXPORTER=otlp` enables it, or
`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, the complete URL. Otherwise the URL is `OTEL_EXPORTER_OTLP_ENDPOINT` and `/v1/logs`, by default on `http://localhost:4318`.
OpenTelemetry's variables for headers, timeout and certificate count, too; the protocol is `http/protobuf`. An endpoint for spans alone sends no log records.

The records are the lines: redacted, of the same level, and sampled by `log.every_success`. Standard output still has all lines. Another thread sends them, so no
request waits. While the endpoint is away, up to 20,000 records wait for each process. Further ones, and those that the endpoint refuses, are dropped and counted
(`kcproxy_log_export_dropped_total`); the line `log_export_failed` has the reason. A collector that reads standard output maps the fields in the same way:"""

_CONVENTIONS: Mapping[str, str] = MappingProxyType(
    {
        "time": "Timestamp",
        "level": "SeverityText; SeverityNumber is " + ", ".join(f"{number} for `{level}`" for level, number in SEVERITIES.items()),
        "event": "EventName: `kcproxy.` and the event, such as `kcproxy.denial`; also the Body, if there is no `summary`",
        "summary": "Body",
        "trace_id": "TraceId",
        "instance": "Resource: `service.instance.id`",
        **{name: f"Attribute `{attribute}`" for name, attribute in ATTRIBUTES.items()},
        "duration_ms": "Attribute `kcproxy.duration_ms`: the metric `http.server.request.duration`, in milliseconds instead of seconds",
        "upstream_ms": "Attribute `kcproxy.upstream_ms`: `kcproxy.upstream_seconds` of the span, in milliseconds",
        "operation, realm, account, denial_id": "Attribute `kcproxy.` and the name, as in the span",
        "others": "Attribute `kcproxy.` and the name",
    }
)
"""Names of OpenTelemetry's log data model and semantic conventions."""


def documents() -> dict[str, str]:
    """The document by its path."""
    conventions = table(("Field", "OpenTelemetry"), [(code(name), meaning) for name, meaning in _CONVENTIONS.items()])
    mapped = ["", *_OPENTELEMETRY.splitlines(), "", *conventions]
    lines = [_INTRODUCTION, *_fields(REQUEST_FIELDS), "", "## A denial", "", *_fields(DENIAL_FIELDS), "", _OTHERS.rstrip(), *mapped]
    return {FILE: "\n".join(lines)}


def _fields(fields: Mapping[str, str]) -> list[str]:
    return table(("Field", "Meaning"), [(code(name), meaning) for name, meaning in fields.items()])
