"""What can be said about a call offline: from the table, the claims of the token and the clock."""

from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.reduced import explain_reduced
from kcproxy.model import Answer, Caller, CallerKind, Explanation, Facts, RequestFacts, Requirement, RoleSet, Target

_BODIES = {401: {"error": "HTTP 401 Unauthorized"}, 403: {"error": "HTTP 403 Forbidden"}}
_EXPLANATION_ID = "offline"
_MASTER = "master"


class Outcome(StrEnum):
    """The expected result of the call."""

    NEEDS = "needs"  # no caller was given, so only the required roles are known
    LET_IN = "let-in"
    REDUCED = "reduced"
    DENIED = "denied"
    UNKNOWN = "unknown"  # the operation is not in the table


class Asked(Struct, frozen=True, kw_only=True):
    """The call: target, query, and the address of Keycloak if a whole URL was given."""

    target: Target
    query: dict[str, tuple[str, ...]]
    base_path: str
    public_url: str | None
    body: Any = None


class OfflineResult(Struct, frozen=True, kw_only=True):
    """The outcome and the status code that it was judged by, with the explanation if the call is denied or gets a reduced response."""

    outcome: Outcome
    requirement: Requirement | None
    held: RoleSet = ()
    status: int | None = None
    explanation: Explanation | None = None


def asked(catalog: Catalog, method: str, address: str, body: Any = None) -> Asked:
    """A call from METHOD, a path or a URL, and its parsed JSON body. Raises ValueError if the URL cannot be read.

    The part before ``/admin/`` is the base path.
    """
    parts = urlsplit(address)
    head, found, _ = parts.path.partition("/admin/")
    base_path = head if found else ""
    target = catalog.target(method.upper(), parts.path, base_path=base_path)
    query = {name: tuple(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    public_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else None
    return Asked(target=target, query=query, base_path=base_path, public_url=public_url, body=body)


def judge_offline(
    catalog: Catalog, call: Asked, caller: Caller, *, status: int | None, version: str | None, now_epoch_seconds: float
) -> OfflineResult:
    """Judge a call. ``status``: the status code that Keycloak sent, if it is known; otherwise it follows from the token's times and roles."""
    master = caller.realm == _MASTER and call.target.realm != _MASTER
    requirement = catalog.requirement(call.target, query=call.query, body=call.body, master=master, asked=version)
    held = held_roles(caller, call.target)
    outcome = _outcome(catalog, requirement, caller, held, now_epoch_seconds) if status is None else Outcome.DENIED
    if outcome not in {Outcome.DENIED, Outcome.REDUCED}:
        return OfflineResult(outcome=outcome, requirement=requirement, held=held)
    judged_status = 200 if outcome is Outcome.REDUCED else status or (401 if _is_refused(caller, now_epoch_seconds) else 403)
    inputs = Inputs(
        request=RequestFacts(target=call.target, base_path=call.base_path, query=call.query, body=call.body, public_url=call.public_url),
        caller=caller,
        answer=Answer(status=judged_status, headers={"content-type": "application/json"}, json=_BODIES.get(judged_status)),
        catalog=catalog,
        facts=Facts(keycloak=version) if version else None,
        now_epoch_seconds=now_epoch_seconds,
        keycloak_version=version,
    )
    explanation = (explain_reduced if outcome is Outcome.REDUCED else explain)(_EXPLANATION_ID, inputs)
    return OfflineResult(outcome=outcome, requirement=requirement, held=held, status=judged_status, explanation=explanation)


def held_roles(caller: Caller, target: Target) -> RoleSet:
    """The roles in the token for the client that owns the admin roles of the target's realm."""
    realm = target.realm or _MASTER
    owner = "realm-management" if caller.realm == realm != _MASTER else f"{realm}-realm"
    return tuple(sorted(caller.client_roles.get(owner, ())))


def _outcome(catalog: Catalog, requirement: Requirement | None, caller: Caller, held: RoleSet, now_epoch_seconds: float) -> Outcome:
    if requirement is None or requirement.undetermined is not None:
        return Outcome.UNKNOWN
    if caller.kind is CallerKind.ANONYMOUS:
        return Outcome.NEEDS
    if _is_refused(caller, now_epoch_seconds):
        return Outcome.DENIED
    of_master = caller.realm == _MASTER and any(set(roles) <= set(caller.realm_roles) for roles in requirement.master_realm_roles)
    if of_master or catalog.satisfies(held, requirement.any_of):
        return Outcome.LET_IN
    return Outcome.REDUCED if catalog.satisfies(held, requirement.admits) else Outcome.DENIED


def _is_refused(caller: Caller, now_epoch_seconds: float) -> bool:
    """Whether the token itself is refused, with 401, regardless of its roles."""
    if caller.kind is CallerKind.UNREADABLE:
        return True
    expiry = caller.expires_at_epoch_seconds
    return expiry is not None and expiry <= now_epoch_seconds
