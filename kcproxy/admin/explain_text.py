"""Sentences of the form without an explanation: required roles, allowed, unknown."""

from kcproxy.admin.views import role_row
from kcproxy.catalog import Catalog, Entry
from kcproxy.explain.offline import Asked, OfflineResult, Outcome
from kcproxy.model import Requirement, RoleSet, TargetKind
from kcproxy.observe.denials.document import Document


def sentence(catalog: Catalog, call: Asked, diagnosis: OfflineResult) -> str:
    """The result in one sentence: that of the explanation, if there is one."""
    need, target = diagnosis.requirement, call.target
    if diagnosis.explanation is not None:
        return diagnosis.explanation.summary
    name = f"{target.method} {target.operation.path if target.operation is not None else target.raw_path}"
    if diagnosis.outcome is Outcome.DENIED:
        return f"Keycloak responds to {name} with {diagnosis.status}. The reason is not known."
    if need is None or diagnosis.outcome is Outcome.UNKNOWN:
        return _unknown(catalog, name, call, need)
    if diagnosis.outcome is Outcome.NEEDS:
        return f"{name} needs {_roles(need)}."
    return f"Allowed: the token contains {_listed(diagnosis.held)}, and {name} needs {_roles(need)}."


def _unknown(catalog: Catalog, name: str, call: Asked, need: Requirement | None) -> str:
    if need is not None:
        return f"The roles for {name} on Keycloak {catalog.version} could not be determined ({need.undetermined})."
    if call.target.kind is TargetKind.ADMIN_UNKNOWN:
        return f"{name} is not in the table of Keycloak {catalog.version}, so its roles are not known."
    return f"{name} is not a call of the Admin REST API, and needs no role of realm-management."


def _roles(need: Requirement) -> str:
    if need.least is None and need.master_realm_roles:
        return f"{_listed(need.master_realm_roles[0])}, a realm role of master"
    if need.least is None:
        return "more than any role allows"
    return _listed(need.least) if need.least else "a token, and no role"


def _listed(roles: RoleSet) -> str:
    return " + ".join(roles) if roles else "no role"


def row(entry: Entry, diagnosis: OfflineResult) -> Document:
    """The line of the role table, with the roles for this call and its query."""
    need = diagnosis.requirement or entry.requirement
    return {**role_row(entry), "least": need.least, "any_of": need.any_of}
