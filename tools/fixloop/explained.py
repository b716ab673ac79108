"""Checks whether a response explains the refusal according to the table. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.fixloop.needs import Need
from tools.measure.http import Answer
from tools.measure.sets import RoleSet
from tools.measure.spec import Operation

SENTENCE_FIELDS = ("errorMessage", "error_description", "message")


def explanation_of(answer: Answer) -> Mapping[str, Any]:
    """The object `explanation` of a response, or an empty one."""
    found = answer.body.get("explanation") if isinstance(answer.body, dict) else None
    return found if isinstance(found, dict) else {}


def first_fix(answer: Answer) -> Mapping[str, Any]:
    """The first fix, or an empty one."""
    fixes = explanation_of(answer).get("fixes") or [{}]
    return dict(fixes[0])


def sets_in(header: str) -> frozenset[RoleSet]:
    """The sets of `Kcproxy-Accepted-Roles`."""
    return frozenset(frozenset(part.split(",")) for part in header.split(";") if part)


def complaints(answer: Answer, operation: Operation, need: Need, causes: Sequence[str]) -> list[str]:
    """What is wrong with the explanation of a refusal, in words; nothing if it is right."""
    headers, explanation = answer.headers, explanation_of(answer)
    if not explanation:
        return [f"the {answer.status} has no explanation"]
    required = explanation.get("required", {})
    missing = frozenset(explanation.get("missing", ()))
    sentence = str(explanation.get("summary", ""))
    checks = {
        f"cause {explanation.get('cause')}": explanation.get("cause") in causes
        and headers.get("kcproxy-cause") == explanation.get("cause"),
        f"operation {explanation.get('operation')}": _names(explanation.get("operation", {}), operation),
        f"anyOf {required.get('anyOf')}": _sets(required.get("anyOf")) == need.any_of,
        f"admits {required.get('admits')}": _sets(required.get("admits")) == need.admits,
        f"missing {sorted(missing)}": missing in (need.any_of | need.useful or need.admits) or need.closed,
        f"Kcproxy-Required-Role {headers.get('kcproxy-required-role')}": need.closed or _least(headers, required, missing),
        f"Kcproxy-Accepted-Roles {headers.get('kcproxy-accepted-roles')}": _accepted(headers) == need.any_of,
        f"Kcproxy-Denial-Id {headers.get('kcproxy-denial-id')}": headers.get("kcproxy-denial-id") == explanation.get("id"),
        f"WWW-Authenticate {headers.get('www-authenticate')}": "insufficient_scope" in headers.get("www-authenticate", ""),
        "no sentence where clients print one": bool(sentence) and any(answer.body.get(field) == sentence for field in SENTENCE_FIELDS),
        "no fix": bool(explanation.get("fixes")),
    }
    return [words for words, right in checks.items() if not right]


def _names(explanation: Mapping[str, Any], operation: Operation) -> bool:
    return explanation.get("method") == operation.method and explanation.get("path") == operation.path


def _sets(value: Any) -> frozenset[RoleSet]:
    return frozenset(map(frozenset, value or ()))


def _least(headers: Mapping[str, str], required: Mapping[str, Any], missing: RoleSet) -> bool:
    """The caller holds nothing, so what is missing is the least set itself."""
    return frozenset(headers.get("kcproxy-required-role", "").split(",")) == frozenset(required.get("least") or ()) == missing


def _accepted(headers: Mapping[str, str]) -> frozenset[RoleSet]:
    return sets_in(headers.get("kcproxy-accepted-roles", ""))
