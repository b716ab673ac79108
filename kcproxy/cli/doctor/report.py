"""What the inspector finds about one client: obstacles, the effective roles of its service account, and the result of one call."""

import asyncio
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.context import context, grants_are_live, owner_of_roles, version_key
from kcproxy.explain.fixes.own_client import is_built_in
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.offline import Asked
from kcproxy.explain.permission_view import permission_decision, permission_outcome
from kcproxy.keycloak.inspector import inspector_of
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Answer, Caller, CallerKind, Explanation, Facts, RequestFacts, Requirement, RoleSet
from kcproxy.observe.events import Observer
from kcproxy.permissions import Outcome
from kcproxy.settings import Settings
from kcproxy.upstream.pool import side_upstream

_FORBIDDEN = Answer(status=403, json={"error": "HTTP 403 Forbidden"})


class Verdict(StrEnum):
    """The result of the call."""

    YES = "yes"
    REDUCED = "reduced"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_ASKED = "not-asked"


class Patient(Struct, frozen=True, kw_only=True):
    """The client, its realm, and the call (without one, any call of its realm)."""

    realm: str
    client_id: str
    call: Asked

    @property
    def caller(self) -> Caller:
        """Its service account, as a new token would show it. Roles are looked up, not read from the token."""
        return Caller(
            kind=CallerKind.SERVICE_ACCOUNT,
            client_id=self.client_id,
            username=f"service-account-{self.client_id.lower()}",
            realm=self.realm,
            lightweight=False,
        )

    @property
    def request(self) -> RequestFacts:
        """The call as a request."""
        call = self.call
        return RequestFacts(target=call.target, base_path=call.base_path, query=call.query, body=call.body, public_url=call.public_url)


class Examination(Struct, frozen=True, kw_only=True):
    """``counting``: roles that are granted and in scope, with composites resolved. ``obstacles``: sentences. ``opened``: number of allowed operations.

    ``open_because``: what policies of permissions rest on and doctor cannot see, such as a claim of the token.
    """

    container: str
    facts: Facts
    counting: RoleSet
    obstacles: tuple[str, ...]
    opened: int
    verdict: Verdict
    open_because: tuple[str, ...] = ()
    explanation: Explanation | None = None


async def look(settings: Settings, patient: Patient) -> Facts | None:
    """Return what the inspector finds, or None if it finds nothing."""
    upstream = side_upstream(settings.upstream)
    tokens = TokenSource(settings.upstream, upstream, Observer())
    inspector = inspector_of(settings, upstream, tokens, Observer())
    # No request waits for this one, so it may take longer.
    inspector.budget_seconds = 20.0
    try:
        if settings.inspector is not None:
            await tokens.token(settings.inspector.account)  # its own error is more precise than an empty result
        return await inspector.facts(patient.request, patient.caller, _FORBIDDEN)
    finally:
        await inspector.close()
        await tokens.close()
        await upstream.close()


def examine(settings: Settings, catalog: Catalog, patient: Patient, *, version: str | None, asked: bool, now: float) -> Examination | None:
    """Look up the client and judge the call. None if the inspector cannot see the client."""
    facts = asyncio.run(look(settings, patient))
    if facts is None or facts.client_known is None:
        return None
    container, _ = owner_of_roles(patient.caller, patient.call.target.realm)
    live = grants_are_live(version_key(version or catalog.version), patient.caller, _FORBIDDEN, facts)
    counting = _counting(catalog, facts, live=live)
    inputs = _inputs(catalog, patient, facts, version, now)
    verdict = _by_permissions(_verdict(catalog, patient, counting, facts), inputs) if asked else Verdict.NOT_ASKED
    return Examination(
        container=container,
        facts=facts,
        counting=counting,
        obstacles=tuple(_obstacles(patient, facts, live=live)),
        opened=catalog.unlocked(counting),
        verdict=verdict,
        open_because=_open_because(inputs) if verdict is Verdict.UNKNOWN else (),
        explanation=_explained(inputs, facts) if verdict is Verdict.NO else None,
    )


def _counting(catalog: Catalog, facts: Facts, *, live: bool) -> RoleSet:
    """Effective roles of the service account: granted, in scope, and on older versions also in its tokens."""
    if not live and facts.fresh_token_roles is not None:
        return tuple(sorted(catalog.closure(facts.fresh_token_roles)))
    if not live and facts.role_mapper_attached is False:
        return ()
    roles = catalog.closure(facts.granted or ())
    if not facts.full_scope:
        roles &= catalog.closure(facts.in_scope or ())
    return tuple(sorted(roles))


def _verdict(catalog: Catalog, patient: Patient, counting: RoleSet, facts: Facts) -> Verdict:
    call = patient.call
    requirement = catalog.requirement(call.target, query=call.query, body=call.body, master=patient.realm == "master")
    if requirement is None or requirement.undetermined:
        return Verdict.UNKNOWN
    if not _can_call(facts):
        return Verdict.NO
    if catalog.satisfies(counting, requirement.any_of) or _holds_realm_role(requirement, facts):
        return Verdict.YES
    return Verdict.REDUCED if catalog.satisfies(counting, requirement.admits) else Verdict.NO


def _can_call(facts: Facts) -> bool:
    """Whether the client gets tokens for its service account at all."""
    return facts.client_enabled is not False and bool(facts.service_accounts_enabled) and facts.realm_enabled is not False


def _by_permissions(verdict: Verdict, inputs: Inputs) -> Verdict:
    """If no role allows the call: what fine-grained permissions say of it."""
    facts = inputs.facts
    if verdict is not Verdict.NO or facts is None or not _can_call(facts):
        return verdict
    outcome = permission_outcome(context(inputs))
    return {Outcome.GRANTED: Verdict.YES, Outcome.OPEN: Verdict.UNKNOWN}.get(outcome, verdict) if outcome else verdict


def _open_because(inputs: Inputs) -> tuple[str, ...]:
    view = permission_decision(context(inputs)) if inputs.facts is not None and _can_call(inputs.facts) else None
    if view is None:
        return ()
    terms = (each for alternative in view.decision.alternatives for each in alternative)
    return tuple(dict.fromkeys(why for each in terms if each.decision and each.outcome is Outcome.OPEN for why in each.decision.why))


def _holds_realm_role(requirement: Requirement, facts: Facts) -> bool:
    """Whether a realm role of master that is granted and in scope allows a server-wide operation."""
    counting = set(facts.realm_roles_granted or ())
    if not facts.full_scope:
        counting &= set(facts.realm_roles_in_scope or ())
    return any(counting.issuperset(roles) for roles in requirement.master_realm_roles)


def _inputs(catalog: Catalog, patient: Patient, facts: Facts, version: str | None, now: float) -> Inputs:
    return Inputs(
        request=patient.request,
        caller=patient.caller,
        answer=_FORBIDDEN,
        catalog=catalog,
        facts=facts,
        now_epoch_seconds=now,
        keycloak_version=version,
        for_operator=True,
    )


def _explained(inputs: Inputs, facts: Facts) -> Explanation | None:
    if not facts.client_known or not facts.service_accounts_enabled or facts.client_enabled is False:
        return None
    return explain("doctor", inputs)


def _without_service_account(client: str, realm: str) -> str:
    if is_built_in(client, realm):
        return f"Client {client} is one of Keycloak's own and stays as it is. Use a client of your own with a service account."
    return f"Client {client} has no service account: switch on Service accounts roles in its Capability config."


def _obstacles(patient: Patient, facts: Facts, *, live: bool) -> Iterator[str]:
    client, realm = patient.client_id, patient.realm
    if not facts.client_known:
        yield f"Realm {realm} has no client {client}. Client ids are case-sensitive, and a client belongs to one realm."
        return
    if facts.realm_enabled is False:
        yield f"Realm {realm} is disabled: its token endpoint issues no tokens."
    if facts.client_enabled is False:
        yield f"Client {client} is disabled."
    if facts.client_public:
        yield f"Client {client} is public. Only a confidential client (Client authentication on) has a service account."
    if not facts.service_accounts_enabled:
        yield _without_service_account(client, realm)
    if not live and facts.role_mapper_attached is False:
        yield f"No mapper writes client roles into the tokens of {client}: the client scope roles is missing, and this version reads roles from the token."
    unwritten = (
        sorted(set(facts.granted or ()) - set(facts.fresh_token_roles or ())) if not live and facts.fresh_token_roles is not None else []
    )
    if unwritten and facts.full_scope and facts.role_mapper_attached:
        yield f"A new token of {client} would not contain {', '.join(unwritten)}: a mapper is restricted, and this version reads roles from the token."
    kept_back = sorted(set(facts.granted or ()) - set(facts.in_scope or ())) if facts.full_scope is False else []
    if kept_back:
        yield f"Full scope is off, and these roles are not in the scope of {client}: {', '.join(kept_back)}."
    if not facts.granted and facts.service_accounts_enabled:
        yield f"The service account of {client} has no admin role."
