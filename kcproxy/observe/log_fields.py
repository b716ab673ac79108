"""The canonical log lines, one for each request and one for each denial, and the documentation of their fields."""

from collections.abc import Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any

from kcproxy.model import Explanation
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.redaction import redact_path, redact_text
from kcproxy.usage.model import UseCaller

MAX_PATH_CHARACTERS = 1000

REQUEST_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "time": "Time at which the request ended: ISO 8601, UTC, milliseconds.",
        "level": "`info`; `warning` if the proxy itself sent the response.",
        "event": "`request`.",
        "method": "Request method. Empty, like the path, if the request could not be parsed.",
        "path": f"Path as it was sent, without the query, at most {MAX_PATH_CHARACTERS} characters.",
        "operation": "Method and path template of the catalog, or `admin-unknown`, `token`, `other`.",
        "realm": "Realm that the request addresses. Omitted if there is none.",
        "status": "Status code sent to the client; 499 if the client disconnected; the error's status code if the response was truncated.",
        "duration_ms": "Milliseconds from the head of the request to the last byte of the response; 0 if the request could not be parsed.",
        "upstream_ms": "Part of it: milliseconds that Keycloak took.",
        "received_bytes": "Request body bytes read, without chunked framing.",
        "sent_bytes": "Response body bytes sent, without chunked framing.",
        "account": "Client id of the service account whose token was injected. Omitted if the caller sent its own token.",
        "client": "Client id of the caller, if Keycloak has accepted the token. Omitted for other callers, and outside the Admin REST API.",
        "token_realm": "Realm of that token. Present together with `client`.",
        "reduced": "Whether a success contained less than realm-admin would get, as far as the token shows. Omitted if that is not known, or if the operation has no reduced responses.",
        "admitted": "Name of the API key, or client of the verified token, that admitted the caller. Omitted if neither was required.",
        "exceeded_limits": "Limits in mode `observe` that would have refused the request: `account REALM/CLIENT`, `key NAME`. Omitted if there are none.",
        "token_replaced": "`true` if an injected token was replaced and the request repeated, because it was refused, or older than a grant and the response reduced.",
        "retried": "`true` if the request was sent again, because the first attempt was not executed.",
        "error": "Kind of error if the proxy itself sent the response: the value of the field `Kcproxy-Error` ([transparency.md](transparency.md)); `internal` for a bug.",
        "trace_id": "Trace id of the request's `traceparent` (W3C Trace Context), if there is exactly one, and it is valid; otherwise of its span, if spans are exported.",
        "denial_id": "Id of the explanation if the request was refused and explained.",
        "peer": "Address of the client. Omitted on a Unix socket.",
        "instance": "The setting `instance`, in every line. Omitted if it is empty.",
    }
)
"""The meaning of each field of a request's line."""

DENIAL_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "time": "ISO 8601, UTC, milliseconds.",
        "level": "`warning`.",
        "event": "`denial`.",
        "denial_id": "Id of the explanation, also in the response field `Kcproxy-Denial-Id` and on the page.",
        "summary": "The main sentence: what is missing, for whom, for which operation.",
        "cause": "The cause: the vocabulary of `docs/causes/`.",
        "confidence": "`certain`, `likely` or `possible`.",
        "status": "Keycloak's status code, or the proxy's own.",
        "method": "Request method.",
        "operation": "As in the request's line.",
        "realm": "Realm that the request addresses.",
        "client": "Client id of the caller, from their token.",
        "username": "User name of the caller, from their token.",
        "caller": "`service-account`, `user`, `unknown`, `unreadable` or `anonymous`.",
        "account": "As in the request's line.",
        "missing": "The roles to grant.",
        "container": "The client that owns them.",
        "trace_id": "As in the request's line.",
        "instance": "As in the request's line.",
    }
)
"""The meaning of each field of a denial's line."""


class Clock:
    """Formats time stamps. The part that changes once a second is cached."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
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
    """Level of a request's line."""
    return "info" if record.error_kind is None else "warning"


def request_json(record: RequestRecord, stamp: str) -> str:
    """A request's line as JSON. Formatted by hand, because it runs for every request: about 3 µs; a dictionary and ``json.dumps`` take 10."""
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
    if record.used_by is not None:
        line += _caller_json(record.used_by.caller, record.reduced)
    if record.admitted is not None:
        line += f',"admitted":{quoted(record.admitted)}'
    if record.exceeded_limits or record.token_replaced or record.retried:
        line += _rare_json(record)
    if record.error_kind is not None:
        line += f',"error":{quoted(record.error_kind)}'
    if record.trace_id is not None:
        line += f',"trace_id":{quoted(record.trace_id)}'
    if record.denial_id is not None:
        line += f',"denial_id":{quoted(record.denial_id)}'
    line += f',"peer":{quoted(record.peer)}}}' if record.peer is not None else "}"
    # Callers choose method and realm freely; they may contain a token.
    return redact_text(line) if "eyJ" in line else line


def _rare_json(record: RequestRecord) -> str:
    line = f',"exceeded_limits":{quoted(", ".join(record.exceeded_limits))}' if record.exceeded_limits else ""
    return line + (',"token_replaced":true' if record.token_replaced else "") + (',"retried":true' if record.retried else "")


def _caller_json(caller: UseCaller, reduced: bool | None) -> str:
    line = f',"client":{quoted(caller.client)},"token_realm":{quoted(caller.token_realm)}'
    return line if reduced is None else line + (',"reduced":true' if reduced else ',"reduced":false')


def shown_path(raw_path: str) -> str:
    """A path for display: bounded in length and without secrets."""
    return redact_path(raw_path if len(raw_path) <= MAX_PATH_CHARACTERS else raw_path[:MAX_PATH_CHARACTERS] + "…")


def request_fields(record: RequestRecord) -> dict[str, Any]:
    """The fields of a request's line as a mapping, for the console."""
    target, caller = record.target, None if record.used_by is None else record.used_by.caller
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
        "client": None if caller is None else caller.client,
        "token_realm": None if caller is None else caller.token_realm,
        "reduced": record.reduced if caller is not None else None,
        "admitted": record.admitted,
        "exceeded_limits": ", ".join(record.exceeded_limits) or None,
        "token_replaced": record.token_replaced or None,
        "retried": record.retried or None,
        "error": record.error_kind,
        "trace_id": record.trace_id,
        "denial_id": record.denial_id,
        "peer": record.peer,
    }
    return {name: redact_text(value) if isinstance(value, str) else value for name, value in fields.items() if value is not None}


def denial_fields(explanation: Explanation, record: RequestRecord) -> dict[str, Any]:
    """The fields of a denial's line, without those that are unknown."""
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
