"""``kcproxy who-can``: who may make a call by fine-grained admin permissions, although no role allows it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from kcproxy.catalog import Catalog
from kcproxy.explain.context import context
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.offline import Asked
from kcproxy.explain.permission_view import View, permission_decision
from kcproxy.keycloak.inspector import Inspector
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.permission_candidates import Candidates, PermissionCandidates
from kcproxy.model import Answer, Caller, CallerKind, RequestFacts
from kcproxy.permissions import Outcome

CONSOLE = "security-admin-console"
"""The client with which users are judged: that of the Admin console."""
_FORBIDDEN = Answer(status=403, json={"error": "HTTP 403 Forbidden"})
_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """An account that permissions let in. ``answer``: ``yes``, ``reduced`` (a part is visible) or ``unknown``. ``by``: the permissions."""

    username: str
    client_id: str | None
    answer: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedAccounts:
    """``complete``: whether nobody else can be allowed."""

    accounts: tuple[Permitted, ...]
    complete: bool


async def permitted(lookups: LookupClient, catalog: Catalog, call: Asked, *, realm: str, version: str | None) -> PermittedAccounts:
    """Judge every candidate of the realm."""
    candidates = await PermissionCandidates(lookups, realm).find()
    inspector = Inspector(lookups)
    inspector.budget_seconds = _SECONDS
    request = RequestFacts(target=call.target, base_path=call.base_path, query=call.query, body=call.body, public_url=call.public_url)
    found = []
    for caller in _callers(candidates, realm):
        facts = await inspector.facts(request, caller, _FORBIDDEN)
        inputs = Inputs(
            request=request,
            caller=caller,
            answer=_FORBIDDEN,
            catalog=catalog,
            facts=facts,
            now_epoch_seconds=time.time(),
            keycloak_version=version,
            for_operator=True,
        )
        account = _judged(caller, permission_decision(context(inputs)))
        found += [account] if account is not None else []
    return PermittedAccounts(accounts=tuple(found), complete=candidates.complete)


def _callers(candidates: Candidates, realm: str) -> Iterator[Caller]:
    for client in candidates.clients:
        name = f"service-account-{client.lower()}"
        yield Caller(kind=CallerKind.SERVICE_ACCOUNT, client_id=client, username=name, realm=realm, lightweight=False)
    for identity, name in candidates.users.items():
        yield Caller(kind=CallerKind.USER, client_id=CONSOLE, username=name, subject=identity, realm=realm, lightweight=False)


def _judged(caller: Caller, view: View | None) -> Permitted | None:
    if view is None or view.decision.outcome not in {Outcome.GRANTED, Outcome.OPEN}:
        return None
    answer = "unknown" if view.decision.outcome is Outcome.OPEN else "yes" if view.full else "reduced"
    granting = {considered.permission.name for term in view.decision.alternative if term.decision for considered in term.decision.granting}
    client = caller.client_id if caller.kind is CallerKind.SERVICE_ACCOUNT else None
    return Permitted(username=caller.username or "", client_id=client, answer=answer, by=tuple(sorted(granting)))
