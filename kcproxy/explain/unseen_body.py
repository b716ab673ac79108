"""Operations whose explanation depends on the request body, and what is said if the body was not seen."""

from kcproxy.catalog import Entry
from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding
from kcproxy.model import Cause, Confidence, TargetKind

_ASSIGNED = ("/role-mappings/", "/scope-mappings/")
_RENAMED, _CREATED = "/roles-by-id/{role-id}", "/roles"
"""Rules for known defects and for new roles that contain admin roles read the bodies of these (``causes.defects``, ``causes.guards``)."""
_INDEPENDENT = frozenset({Cause.NOT_KEYCLOAK, Cause.HTTPS_REQUIRED, Cause.ORIGIN_NOT_ALLOWED, Cause.TOKEN_OF_OTHER_REALM})
"""Causes that the response or the token shows, regardless of the body."""
_LOWER: dict[Confidence, Confidence] = {CERTAIN: LIKELY, LIKELY: POSSIBLE}
_ROLES = (
    "the request body was not seen, and which roles this call needs depends on it: the body may name roles that only a more powerful caller"
    " may assign"
)
_FORM = "the request body was not seen: client, user and grant of this token request are in it"


def depends_on_body(entry: Entry) -> bool:
    """Whether the explanation of a refusal of this operation depends on the request body."""
    operation = entry.operation
    if any(key.startswith("body") for variant in entry.variants for key in variant.when):
        return True
    if operation.method == "PUT":
        return operation.path.endswith(_RENAMED)
    if operation.method == "POST" and operation.path.endswith(_CREATED):
        return True
    return operation.method in {"POST", "DELETE"} and any(part in operation.path for part in _ASSIGNED)


def doubted(context: Context, finding: Finding) -> Finding:
    """The finding, less certain and with the reason, if it would depend on a body that was not seen."""
    says = None if finding.cause in _INDEPENDENT else _missing(context)
    if says is None:
        return finding
    confidence = _LOWER.get(finding.confidence, finding.confidence)
    return finding._replace(confidence=confidence, evidence=(*finding.evidence, says))


def _missing(context: Context) -> str | None:
    request = context.request
    if not request.body_unseen:
        return None
    if request.target.kind is TargetKind.TOKEN:
        return _FORM
    entry = context.catalog.entry(request.target) if context.answer.status == 403 else None
    return _ROLES if entry is not None and depends_on_body(entry) else None
