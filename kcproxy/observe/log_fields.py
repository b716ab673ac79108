"""The canonical lines: one a request, one a denial, each field documented here and nowhere else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any

from kcproxy.model import Explanation
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.redaction import redact_path, redact_text

MAX_PATH_CHARACTERS = 1000

REQUEST_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "time": "When the request was finished: ISO 8601, UTC, milliseconds.",
        "level": "`info`; `warning` where the proxy itself answered.",
        "event": "`request`.",
        "method": "The request's method; empty, as is the path, where the request could not be read.",
        "path": f"Its path as it was sent, without the query, at most {MAX_PATH_CHARACTERS} characters.",
        "operation": "Method and path template of the catalog, or `admin-unknown`, `token`, `other`.",
        "realm": "The realm that it is for. Left out where there is none.",
        "status": "The status that the caller got; 499 where he went away; that of the error where an answer broke off after its head.",
        "duration_ms": "Milliseconds from the head of the request to the last byte of the answer; 0 where the request could not be read.",
        "upstream_ms": "Of that, milliseconds that Keycloak took.",
        "received_bytes": "Size of the request's body, as far as it was read; what frames it (chunks) left out.",
        "sent_bytes": "Size of the answer's body, as far as it was sent; what frames it left out.",
        "account": "Client id of the service account whose token the proxy added. Left out where the caller brought his own.",
        "admitted": "Name of the API key, or client of the verified token, by which the caller was let in. Left out where none was asked for.",
        "token_replaced": "`true` where an injected token was replaced and the request repeated, because it was refused, or too old for a grant and the answer thinner for it.",
        "retried": "`true` where the request was sent a second time, the first not having been executed.",
        "error": "Kind of the error, where the proxy itself answered: the word of the header `Kcproxy-Error` ([transparency.md](transparency.md)); `internal` where it failed.",
        "trace_id": "The trace id of the request's `traceparent` (W3C Trace Context). Left out where there is none, two, or one that is not valid.",
        "denial_id": "The id of the explanation, where the request was refused and explained.",
        "peer": "Address of the caller's connection. Left out on a Unix socket.",
    }
)

DENIAL_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "time": "When: ISO 8601, UTC, milliseconds.",
        "level": "`warning`.",
        "event": "`denial`.",
        "denial_id": "The id, also in the answer's header `Kcproxy-Denial-Id` and on the page.",
        "summary": "The sentence: who may not do what, and which role is missing.",
        "cause": "Why: the vocabulary of `docs/causes/`.",
        "confidence": "`certain`, `likely` or `possible`.",
        "status": "Keycloak's status, or the proxy's own.",
        "method": "The request's method.",
        "operation": "As in the request's line.",
        "realm": "The realm that the request was for.",
        "client": "Client id of the caller, as his token says.",
        "username": "User name of the caller, as his token says.",
        "caller": "`service-account`, `user`, `unknown`, `unreadable` or `anonymous`.",
        "account": "As in the request's line.",
        "missing": "The roles to grant.",
        "container": "The client that owns them.",
        "trace_id": "As in the request's line.",
    }
)


class Clock:
    """Time stamps; the part that changes once a second is formatted once a second."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        """Nothing formatted yet."""
        self._second = -1
        self._prefix = ""

    def stamp(self, now_epoch_seconds: float) -> str:
        """``2026-11-23T17:48:33.123Z``."""
        second = int(now_epoch_seconds)
        if second != self._second:
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = second
        return f"{self._prefix}{int((now_epoch_seconds - second) * 1000):03d}Z"


def request_level(record: RequestRecord) -> str:
    """The level of a request's line."""
    return "info" if record.error_kind is None else "warning"


def request_json(record: RequestRecord, stamp: str) -> str:
    """The request's line as JSON, put together by hand: this runs for every request (about 3 µs, a dictionary and dumps take 10)."""
    target = record.target
    line = (
        f'{{"time":"{stamp}","level":"{request_level(record)}","event":"request","method":{quoted(target.method)}'
        f',"path":{quoted(shown_path(target.raw_path))},"operation":{quoted(operation_label(target))}'
    )
    if target.realm is not None:
        line += f',"realm":{quoted(target.realm)}'
    line += (
        f',"status":{record.status},"duration_ms":{record.duration_seconds * 1e3:.2f},"upstream_ms":{record.upstream_seconds * 1e3:.2f}'
        f',"received_bytes":{record.received_bytes},"sent_bytes":{record.sent_bytes}'
    )
    if record.injected_account is not None:
        line += f',"account":{quoted(record.injected_account)}'
    if record.admitted is not None:
        line += f',"admitted":{quoted(record.admitted)}'
    if record.token_replaced:
        line += ',"token_replaced":true'
    if record.retried:
        line += ',"retried":true'
    if record.error_kind is not None:
        line += f',"error":{quoted(record.error_kind)}'
    if record.trace_id is not None:
        line += f',"trace_id":{quoted(record.trace_id)}'
    if record.denial_id is not None:
        line += f',"denial_id":{quoted(record.denial_id)}'
    line += f',"peer":{quoted(record.peer)}}}' if record.peer is not None else "}"
    # A method or a realm may be anything that a caller made up, a token among it.
    return redact_text(line) if "eyJ" in line else line


def shown_path(raw_path: str) -> str:
    """A path as it may be shown: cut to a bounded length, and without secrets."""
    return redact_path(raw_path if len(raw_path) <= MAX_PATH_CHARACTERS else raw_path[:MAX_PATH_CHARACTERS] + "…")


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """The same fields as a mapping, for the console."""
    target = record.target
    fields = {
        "method": target.method,
        "path": shown_path(target.raw_path),
        "operation": operation_label(target),
        "realm": target.realm,
        "status": record.status,
        "duration_ms": round(record.duration_seconds * 1e3, 2),
        "upstream_ms": round(record.upstream_seconds * 1e3, 2),
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        "account": record.injected_account,
        "admitted": record.admitted,
        "token_replaced": record.token_replaced or None,
        "retried": record.retried or None,
        "error": record.error_kind,
        "trace_id": record.trace_id,
        "denial_id": record.denial_id,
        "peer": record.peer,
    }
    return {name: redact_text(value) if isinstance(value, str) else value for name, value in fields.items() if value is not None}


def denial_fields(explanation: Explanation, record: RequestRecord) -> dict[str, Any]:
    """The fields of a denial's line; what is unknown is left out."""
    verdict, caller, target = explanation.verdict, explanation.caller, explanation.request.target
    fields = {
        "denial_id": explanation.id,
        "summary": explanation.summary,
        "cause": verdict.cause.value,
        "confidence": verdict.confidence.value,
        "status": explanation.answer.status,
        "method": target.method,
        "operation": operation_label(target),
        "realm": target.realm,
        "client": caller.client_id,
        "username": caller.username,
        "caller": caller.kind.value,
        "account": record.injected_account,
        "missing": list(verdict.missing) or None,
        "container": verdict.container,
        "trace_id": record.trace_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


def markdown() -> str:
    """The text of docs/log.md."""
    request = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in REQUEST_FIELDS.items())
    denial = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in DENIAL_FIELDS.items())
    return _TEMPLATE.format(request=request, denial=denial)


_TEMPLATE = """# Log

Generated from `kcproxy/observe/log_fields.py` by `python -m tools.dashboards`; do not edit.

One line on standard output for each request, and one more for each refusal that was explained: JSON (`log.format = "json"`) or for people
(`"console"`). `log.level` is the lowest level that is written; what is below it is not even formatted, so `log.level = "warning"` leaves
denials and errors. A thread of its own writes the lines up to 0.2 seconds later; where nobody reads standard output, lines beyond 8 MiB are
dropped, and where it cannot be written (the disk is full), all are; they are counted (`kcproxy_log_dropped_total`), requests go on.

Fields whose names mean secrets, and values that look like tokens, passwords or authorization headers, are replaced by `[redacted]` in every
line, also in those of the libraries. The query of a request is never written. Paths, client ids and user names are what callers sent: treat them as data.
In JSON all that is not ASCII is an escape, so that a value is exact and a line is one line; for people, what cannot be seen is shown by its code point (`⟨U+001B⟩`).

## A request

| Field | Meaning |
| --- | --- |
{request}

## A denial

| Field | Meaning |
| --- | --- |
{denial}

Other lines (start, stop, settings, warnings) have `time`, `level`, `event` and fields that their event names. Those about connections:

| Event | Level | Fields | Meaning |
| --- | --- | --- | --- |
| `max_connections_lowered` | `warning` | `asked`, `max_connections`, `descriptors` | At the start: fewer connections fit into the file descriptors of the process than `limits.max_connections` asks for. |
| `accept_failed` | `error` | `listener`, `reason`, `error`, `failures` | The system gave no connection. At most one line a minute; `failures` counts the attempts so far. |
| `accept_recovered` | `info` | `listener`, `failures` | The first connection after that. |
| `connection_refused` | `debug` | `listener`, `reason` | A connection was closed before it had a request: `limit`, `displaced`, `handshake`, `slow` ([limits.md](limits.md)). |
"""
