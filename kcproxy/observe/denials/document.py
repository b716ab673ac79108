"""One denial as a JSON document, for the page, the API and the history."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any

from kcproxy.explain import render
from kcproxy.explain.json_template import Template, compact_ascii, mark, template_of
from kcproxy.model import Caller, Cause, Explanation
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.redaction import is_clean, redact_text

MAX_DOCUMENT_BYTES = 64 * 1024
PLAIN_BYTES = 16 * 1024
MAX_TEXT_CHARACTERS = 2000
MAX_ITEMS = 100
SHORTER = ((500, 20), (200, 5))
Document = dict[str, Any]


def stored(explanation: Explanation, record: RequestRecord, at_epoch_seconds: float) -> bytes:
    """The document as JSON, at most 64 KiB and without secrets. Most are short and clean and need only the check."""
    kept = explanation.kept
    values = None if kept is None else _values(explanation, record, at_epoch_seconds)
    if kept is not None and values is not None and "stored" in kept:
        filled = _filled(kept["stored"], values)
        if filled is not None:
            return filled
    whole = _whole(explanation, record, at_epoch_seconds)
    text = encoded(whole)
    if len(text) > PLAIN_BYTES or not is_clean(text.decode("ascii")):
        return fitting(bounded(whole))
    if kept is not None and values is not None and "stored" not in kept:
        marked = _whole(render.marked(explanation), record, at_epoch_seconds) | _MARKS
        kept["stored"] = template_of(marked, compact_ascii, text=text.decode("ascii"), values=values)
    return text


_MARKS = MappingProxyType({name: mark(name) for name in ("at", "atEpochSeconds", "path", "account", "traceId", "durationMs")})


def _values(explanation: Explanation, record: RequestRecord, at_epoch_seconds: float) -> dict[str, str]:
    """The values that differ between the documents of equal explanations, as JSON."""
    return {
        "id": quoted(explanation.id),
        "at": quoted(iso(at_epoch_seconds)),
        "atEpochSeconds": repr(round(at_epoch_seconds, 3)),
        "path": quoted(explanation.request.target.raw_path),
        "account": compact_ascii(record.injected_account),
        "traceId": compact_ascii(record.trace_id),
        "durationMs": repr(round(record.duration_seconds * 1e3, 2)),
        "hints": compact_ascii(explanation.hints),
    }


def _filled(template: Template | None, values: dict[str, str]) -> bytes | None:
    """The document from the template of an earlier, clean one; None if its values are not clean, or it is too long."""
    if template is None or not is_clean(values["path"] + values["hints"] + values["account"]):
        return None
    text = template.filled(values)
    return text.encode("ascii") if len(text) <= PLAIN_BYTES else None


def document(explanation: Explanation, record: RequestRecord, at_epoch_seconds: float) -> Document:
    """The document with bounds: no text over 2000 characters, no list over 100 entries, no secret."""
    found: Document = bounded(_whole(explanation, record, at_epoch_seconds))
    return found


def _whole(explanation: Explanation, record: RequestRecord, at_epoch_seconds: float) -> Document:
    target = explanation.request.target
    return {
        "id": explanation.id,
        "at": iso(at_epoch_seconds),
        "atEpochSeconds": round(at_epoch_seconds, 3),
        "group": fingerprint(explanation),
        "who": who(explanation.caller),
        "what": what(explanation),
        "why": explanation.verdict.cause.value,
        "status": explanation.answer.status,
        "method": target.method,
        "path": target.raw_path,
        "realm": target.realm,
        "account": record.injected_account,
        "traceId": record.trace_id,
        "durationMs": round(record.duration_seconds * 1e3, 2),
        "docsUrl": explanation.docs_url,
        "sets": four_sets(explanation),
        "explanation": render.document(explanation),
    }


def four_sets(explanation: Explanation) -> Document:
    """The four sets of roles: needed, granted, in scope, in the token; None means unknown."""
    requirement, looked_up = explanation.requirement, explanation.looked_up
    caller, container = explanation.caller, explanation.verdict.container
    in_token = list(caller.client_roles.get(container, ())) if container is not None else None
    return {
        "needed": None if requirement is None else [list(roles) for roles in requirement.any_of],
        "granted": None if looked_up is None or looked_up.granted is None else list(looked_up.granted),
        "inScope": None if looked_up is None or looked_up.in_scope is None else list(looked_up.in_scope),
        "inToken": in_token if caller.has_roles_claims else None,
    }


def fingerprint(explanation: Explanation) -> str:
    """Hash of caller, operation and cause, 16 hexadecimal digits: equal for denials that are the same to an operator.

    A role that was revoked and a role that is missing are one kind: the first is seen while an old token is valid, the second afterwards.
    """
    if explanation.kept is None:
        return _fingerprint(explanation)
    if "fingerprint" not in explanation.kept:
        explanation.kept["fingerprint"] = _fingerprint(explanation)
    found: str = explanation.kept["fingerprint"]
    return found


def _fingerprint(explanation: Explanation) -> str:
    caller, target, verdict = explanation.caller, explanation.request.target, explanation.verdict
    cause = Cause.ROLE_MISSING if verdict.cause is Cause.ROLE_REVOKED else verdict.cause
    said = (cause.value, explanation.answer.status)
    parts = (caller.realm, caller.client_id, caller.username, operation_label(target), target.method, target.realm, *said)
    text = json.dumps([*parts, *verdict.missing])
    return hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()


def who(caller: Caller) -> str:
    """The caller in one or two words."""
    if caller.username is not None:
        return caller.username
    return caller.client_id or {"anonymous": "no token"}.get(caller.kind.value, f"{caller.kind.value} caller")


def what(explanation: Explanation) -> str:
    """The operation, as its template if the catalog has it."""
    target = explanation.request.target
    return target.operation.key if target.operation is not None else f"{target.method} ({operation_label(target)})"


def is_whole(document: bytes) -> bool:
    """True if it is a denial's document with all parts that the page needs."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return False
    return has_all_parts(found)


def has_all_parts(found: Any) -> bool:
    """As ``is_whole``, of a document that has been read."""
    return _has(found, _PARTS) and _has(found["explanation"], _EXPLANATION_PARTS)


def _has(found: Any, parts: Mapping[str, type]) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in parts.items())


_PARTS: Mapping[str, type] = MappingProxyType(
    {
        **dict.fromkeys(("id", "at", "group", "who", "what", "why", "method", "path"), str),
        "status": int,
        "sets": dict,
        "explanation": dict,
    }
)
_EXPLANATION_PARTS: Mapping[str, type] = MappingProxyType(
    {
        **dict.fromkeys(("cause", "confidence", "summary"), str),
        **dict.fromkeys(("caller", "required"), dict),
        **dict.fromkeys(("missing", "evidence", "fixes", "alternatives", "hints"), list),
    }
)


def bounded(value: Any, max_characters: int = MAX_TEXT_CHARACTERS, max_items: int = MAX_ITEMS) -> Any:
    """A copy with bounded texts and lists and redacted secrets. Commands are unchanged or omitted."""
    if isinstance(value, str):
        return redact_text(value if len(value) <= max_characters else value[:max_characters] + "…")
    if isinstance(value, dict):
        return {
            key: _commands(item, max_characters) if key in _COMMANDS else bounded(item, max_characters, max_items)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [bounded(item, max_characters, max_items) for item in value[:max_items]]
    return value


def _commands(value: Any, max_characters: int) -> Any:
    """The commands of one form; omitted if they would be cut or redacted, because they would do something else then."""
    lines = value if isinstance(value, list) else [value or ""]
    whole = all(isinstance(line, str) and is_clean(line) for line in lines) and sum(map(len, lines)) <= max_characters * _LINES
    return value if whole else [] if isinstance(value, list) else None


_COMMANDS = frozenset({"kcadm", "curl", "terraform", "ansible"})
_LINES = 5  # the lines of a form may be as long as this many texts


def encoded(value: Document) -> bytes:
    """As JSON in ASCII: lone surrogates in a hostile path are escaped."""
    return compact_ascii(value).encode("ascii")


def fitting(value: Document) -> bytes:
    """As JSON of at most 64 KiB: if necessary, texts and lists are cut further."""
    text = encoded(value)
    for max_characters, max_items in SHORTER:
        if len(text) > MAX_DOCUMENT_BYTES:
            text = encoded(bounded(value, max_characters, max_items))
    return text


def iso(epoch_seconds: float) -> str:
    """``2026-11-23T17:48:33Z``."""
    return _iso(int(epoch_seconds))


@lru_cache(maxsize=16)
def _iso(epoch_second: int) -> str:
    return datetime.fromtimestamp(epoch_second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
