"""An explanation as it is sent: JSON body (every member of Keycloak's own body stays), fields, problem+json.

Field values are printable ASCII (RFC 9110, section 5.5) of limited length; quoted strings follow RFC 6750, section 3.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kcproxy.explain.causes import SPECS
from kcproxy.explain.claims import BEARER_SCHEMES
from kcproxy.explain.context import MASTER
from kcproxy.explain.json_template import compact, is_short, mark, template_of
from kcproxy.explain.keycloak_responses import is_boilerplate
from kcproxy.explain.text import without_tokens
from kcproxy.model import Alternative, Caller, CallerKind, Detail, Explanation, Fix, Requirement, RoleSet, TargetKind

MAX_HEADER_CHARACTERS = 1024
_MAX_ROLES_SHOWN = 200
_TITLES: Mapping[int, str] = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


def rewrites(explanation: Explanation) -> bool:
    """Whether ``body`` replaces the body of the response: only for 401 and 403 with JSON or no body. All others are passed on unchanged.

    HTML of another layer stays as evidence, HEAD has no body, and other status codes are explained only in fields, log and page.
    """
    answer, target = explanation.answer, explanation.request.target
    if answer.status not in {401, 403} or target.method == "HEAD":
        return False
    if answer.json is not None:
        return True
    return not answer.text.strip() and target.kind in {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN, TargetKind.OTHER}


def body(explanation: Explanation, original: Mapping[str, Any] | None, detail: Detail = Detail.FULL) -> dict[str, Any]:
    """Keycloak's own body with the summary in the members that clients print, and the object ``explanation``."""
    merged = dict(original or {})
    sentence = _sentence(explanation, detail)
    for field in ("errorMessage", "error_description", "message"):
        present = merged.get(field)
        if not present or (isinstance(present, str) and is_boilerplate(present)):
            merged[field] = sentence
    merged["explanation"] = document(explanation, detail)
    return merged


def body_json(explanation: Explanation, original: Mapping[str, Any] | None, detail: Detail = Detail.FULL) -> str:
    """``body`` as JSON; filled into a cached template if there is one."""
    kept = explanation.kept
    if kept is None:
        return compact(body(explanation, original, detail))
    values = {"id": compact(explanation.id), "hints": compact(explanation.hints)}
    key = f"body-{detail.value}"
    if key not in kept:
        text = compact(body(explanation, original, detail))
        template = template_of(body(marked(explanation), original, detail), compact, text=text, values=values) if is_short(text) else None
        kept[key] = template
        return text
    template = kept[key]
    return compact(body(explanation, original, detail)) if template is None else template.filled(values)


def marked(explanation: Explanation) -> Explanation:
    """The explanation with template marks instead of what is different for each request: its ID, and the hints, one of which may be about its path."""
    return replace(explanation, id=mark("id"), hints=(mark("hints"),))


def problem(explanation: Explanation, original: Mapping[str, Any] | None, detail: Detail = Detail.FULL) -> dict[str, Any]:
    """The same as RFC 9457 problem details, for callers that accept ``application/problem+json``; Keycloak's members are kept."""
    status = explanation.answer.status
    docs = explanation.docs_url or ""
    members: dict[str, Any] = {
        "type": docs if docs.startswith(("http://", "https://")) and detail is not Detail.REFERENCE else "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": _sentence(explanation, detail),
        "instance": f"urn:kcproxy:denial:{explanation.id}",
    }
    kept = {name: value for name, value in (original or {}).items() if name not in members}
    return {**members, **kept, "explanation": document(explanation, detail)}


def document(explanation: Explanation, detail: Detail = Detail.FULL) -> dict[str, Any]:
    """The object ``explanation``, as far as the detail level allows."""
    if detail is Detail.REFERENCE:
        return {"id": explanation.id}
    verdict, target = explanation.verdict, explanation.request.target
    path = target.operation.path if target.operation else without_tokens(target.raw_path)
    shown: dict[str, Any] = {
        "id": explanation.id,
        "cause": str(verdict.cause),
        "confidence": str(verdict.confidence),
        "summary": explanation.summary,
        "operation": {"method": target.method, "path": path, "realm": target.realm},
    }
    if detail is Detail.FULL:
        shown["caller"] = _caller(explanation.caller, verdict.container)
    shown["required"] = _required(explanation.requirement, verdict.container)
    shown["missing"] = list(verdict.missing)
    if detail is Detail.FULL:
        shown["evidence"] = list(verdict.evidence)
        shown["fixes"] = [_fix(fix) for fix in explanation.fixes]
        shown["alternatives"] = [_alternative(alternative) for alternative in verdict.alternatives]
        shown["hints"] = list(explanation.hints)
    shown["docs"] = explanation.docs_url
    return shown


def headers(explanation: Explanation, detail: Detail = Detail.FULL) -> list[tuple[str, str]]:
    """The fields of an explained response; for status codes other than 401 and 403 only cause, notice and ID."""
    own, kept = ("Kcproxy-Denial-Id", _value(explanation.id)), explanation.kept
    if kept is None:
        return [own, *_common_headers(explanation, detail)]
    key = f"headers-{detail.value}"
    if key not in kept:
        kept[key] = _common_headers(explanation, detail)
    return [own, *kept[key]]


def _common_headers(explanation: Explanation, detail: Detail) -> list[tuple[str, str]]:
    if detail is Detail.REFERENCE:
        return []
    fields = [("Kcproxy-Cause", explanation.verdict.cause.value)]
    if explanation.answer.status not in {401, 403}:
        return [*fields, ("Kcproxy-Notice", _value(explanation.summary))]
    fields += _role_headers(explanation, detail)
    if explanation.request.target.kind in {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN} and not _no_role_helps(explanation):
        fields.append(("WWW-Authenticate", _challenge(explanation)))
    return fields


def _no_role_helps(explanation: Explanation) -> bool:
    return SPECS[explanation.verdict.cause].no_role_helps


def _role_headers(explanation: Explanation, detail: Detail) -> list[tuple[str, str]]:
    requirement, verdict = None if _no_role_helps(explanation) else explanation.requirement, explanation.verdict
    fields: list[tuple[str, str]] = []
    if requirement is not None and requirement.least is not None:
        fields.append(("Kcproxy-Required-Role", _value(",".join(requirement.least))))
    if requirement is not None and requirement.any_of:
        fields.append(("Kcproxy-Accepted-Roles", _value(";".join(",".join(roles) for roles in requirement.any_of))))
    if detail is Detail.FULL:
        fields.append(("Kcproxy-Token-Roles", _value(",".join(_roles_of(explanation.caller, verdict.container)))))
    return fields


def _challenge(explanation: Explanation) -> str:
    """RFC 6750, section 3.1: no error in the response to a request without authentication information, or with those of another scheme."""
    if explanation.answer.status == 401 and _brought_no_token(explanation):
        realm = _value(explanation.request.target.realm or MASTER).replace("\\", "/").replace('"', "'")
        return f'Bearer realm="{realm}"'
    error = "insufficient_scope" if explanation.answer.status == 403 else "invalid_token"
    text = _value(explanation.summary).replace("\\", "/").replace('"', "'")
    return f'Bearer error="{error}", error_description="{text}"'


def _brought_no_token(explanation: Explanation) -> bool:
    caller = explanation.caller
    if caller.injected or caller.kind is CallerKind.ANONYMOUS:
        return True
    return caller.kind is CallerKind.UNREADABLE and caller.scheme is not None and caller.scheme.lower() not in BEARER_SCHEMES


def _sentence(explanation: Explanation, detail: Detail) -> str:
    if detail is Detail.REFERENCE:
        return f"Access denied. Ask the proxy operator for denial {explanation.id}."
    return explanation.summary


def _required(requirement: Requirement | None, container: str | None) -> dict[str, Any]:
    if requirement is None:
        return {"client": container, "least": None, "anyOf": [], "admits": [], "keycloak": None, "basis": "unknown"}
    required: dict[str, Any] = {
        "client": container,
        "least": None if requirement.least is None else list(requirement.least),
        "anyOf": [list(roles) for roles in requirement.any_of],
        "admits": [list(roles) for roles in requirement.admits],
        "keycloak": requirement.keycloak,
        "basis": str(requirement.basis),
    }
    if requirement.master_realm_roles:
        required["masterRealmRoles"] = [list(roles) for roles in requirement.master_realm_roles]
    if requirement.variant_says:
        required["variant"] = requirement.variant_says
    if requirement.asked_keycloak:
        required["askedKeycloak"] = requirement.asked_keycloak
    return required


def _caller(caller: Caller, container: str | None) -> dict[str, Any]:
    return {
        "kind": str(caller.kind),
        "clientId": caller.client_id,
        "username": caller.username,
        "realm": caller.realm,
        "roles": list(_roles_of(caller, container))[:_MAX_ROLES_SHOWN],
        "injected": caller.injected,
    }


def _roles_of(caller: Caller, container: str | None) -> RoleSet:
    return caller.client_roles.get(container or "", ())


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "summary": fix.summary,
        "roles": list(fix.roles),
        "console": list(fix.console),
        "consoleUrl": fix.console_url,
        "kcadm": list(fix.kcadm),
        "curl": list(fix.curl),
        "terraform": fix.terraform,
        "ansible": fix.ansible,
        "warning": fix.warning,
        "gives": fix.gives,
    }


def _alternative(other: Alternative) -> dict[str, str]:
    return {"cause": str(other.cause), "confidence": str(other.confidence), "summary": other.summary, "check": other.check}


def _value(text: str) -> str:
    """Printable ASCII of limited length, safe for every intermediary."""
    plain = text.isascii() and text.isprintable()
    safe = (text if plain else "".join(character if " " <= character <= "~" else "?" for character in text)).strip()
    return safe if len(safe) <= MAX_HEADER_CHARACTERS else safe[: MAX_HEADER_CHARACTERS - 3] + "..."
