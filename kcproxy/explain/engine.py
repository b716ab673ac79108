"""The reusable part of an explanation: verdict, fixes and hints without names that only one request has.

A 403 of a known operation is judged without the names in its path: the result is the same for every user or client in the path, except
for one hint about the form of IDs. So the same diagnosis can be used for later requests of the same kind.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from kcproxy.catalog import Catalog
from kcproxy.explain.context import MASTER, context, facts_for
from kcproxy.explain.decide import decide, is_known
from kcproxy.explain.hints import Hints, hints
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.keycloak_responses import READ_HEADERS
from kcproxy.explain.remedies import fixes
from kcproxy.explain.targets import is_named_specially
from kcproxy.model import NOTHING, Answer, Caller, Explanation, Fix, RequestFacts, Requirement, Target, TargetKind, Verdict

DOCUMENTATION = "docs/causes"
READ_REQUEST_HEADERS = frozenset({"accept", "origin", "x-forwarded-proto"})
"""The request fields that any rule for a 403 reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An explanation without its ID and without what only one request has. ``general``: no name in the path played a part.

    ``kept``: texts made from it, cached for further explanations with this diagnosis.
    """

    caller: Caller
    requirement: Requirement | None
    verdict: Verdict
    fixes: tuple[Fix, ...]
    hints: Hints
    docs_url: str
    general: bool
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def explanation(self, explanation_id: str, inputs: Inputs, *, again: bool = False) -> Explanation:
        """The explanation of one request. ``again``: it is not the first one with this diagnosis."""
        return Explanation(
            id=explanation_id,
            summary=str(self.verdict.facts["summary"]),
            request=inputs.request,
            caller=self.caller,
            answer=inputs.answer,
            requirement=self.requirement,
            verdict=self.verdict,
            fixes=self.fixes,
            docs_url=self.docs_url,
            hints=self.hints.about(inputs.request.target.parameters),
            looked_up=inputs.facts,
            kept=self.kept if again else None,
        )


def diagnose(inputs: Inputs) -> Diagnosis | None:
    """The diagnosis, or None if there is nothing to explain."""
    if inputs.answer.status < 400:
        return None
    general = is_general(inputs)
    judged = context(general_inputs(inputs) if general else inputs)
    verdict = decide(judged)
    if verdict is None:
        return None
    request = inputs.request
    console = inputs.console_base_url or (request.public_url + request.base_path if request.public_url else None)
    return Diagnosis(
        caller=judged.caller,
        requirement=_requirement(judged.requirement, verdict),
        verdict=verdict,
        fixes=fixes(judged, verdict, console),
        hints=hints(judged, verdict),
        docs_url=page(verdict.cause, inputs.docs_url),
        general=general,
    )


def _requirement(requirement: Requirement | None, verdict: Verdict) -> Requirement | None:
    """What the operation requires of this caller. Roles in the table are for tokens that can be let in: without those, no set is enough."""
    if requirement is None or not verdict.facts.get("no_role_is_enough"):
        return requirement
    return replace(requirement, any_of=(), admits=(), useful=(), least=None, full=None)


def with_operators_view(explanation: Explanation, inputs: Inputs) -> Explanation:
    """The explanation, with that for the operator if look-ups found what is hidden from the caller: permissions, owners of roles."""
    if inputs.facts is None or (inputs.facts.permissions is None and facts_for(inputs) is inputs.facts):
        return explanation
    diagnosis = diagnose(inputs._replace(for_operator=True))
    return dataclasses.replace(explanation, operator=None if diagnosis is None else diagnosis.explanation(explanation.id, inputs))


def is_general(inputs: Inputs) -> bool:
    """Whether the names in the path play no part: a 403 of an operation whose required roles are known."""
    request = inputs.request
    if inputs.facts is not None and inputs.facts.permissions is not None:
        return False  # permissions are about the objects in the path
    if inputs.answer.status != 403 or request.target.kind is not TargetKind.ADMIN or is_named_specially(request.target, inputs.catalog):
        return False
    master = inputs.caller.realm == MASTER
    return is_known(inputs.catalog.requirement(request.target, query=request.query, body=request.body, master=master))


def general_inputs(inputs: Inputs) -> Inputs:
    """The inputs without the names in the path, and without fields that no rule for a 403 reads."""
    return Inputs(  # named one by one: replace() looks at every field, and this is done for each refusal
        request=general_request(inputs.request, inputs.catalog),
        caller=inputs.caller,
        answer=general_response(inputs.answer),
        catalog=inputs.catalog,
        now_epoch_seconds=inputs.now_epoch_seconds,
        facts=inputs.facts,
        keycloak_version=inputs.keycloak_version,
        require_audience=inputs.require_audience,
        console_base_url=inputs.console_base_url,
        docs_url=inputs.docs_url,
        for_operator=inputs.for_operator,
    )


def general_request(request: RequestFacts, catalog: Catalog) -> RequestFacts:
    """The request without the names in its path, and without fields and a query that no rule for a 403 reads."""
    target = request.target
    return RequestFacts(
        target=Target(
            kind=target.kind,
            method=target.method,
            raw_path=target.operation.path if target.operation else "",
            realm=target.realm,
            operation=target.operation,
        ),
        base_path=request.base_path,
        query=telling_query(request, catalog),
        headers=_only(request.headers, READ_REQUEST_HEADERS),
        body=request.body,
        body_unseen=request.body_unseen,
        form=request.form,
        assertion_audiences=request.assertion_audiences,
        assertion_issuer=request.assertion_issuer,
        assertion_subject=request.assertion_subject,
        called_at=request.called_at,
        public_url=request.public_url,
        withheld=request.withheld,
        account=request.account,
        token_in_query=request.token_in_query,
        in_process=request.in_process,
    )


def telling_query(request: RequestFacts, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    """The query if it may select a variant of the operation."""
    entry = catalog.entry(request.target)
    return request.query if entry is not None and entry.variants else NOTHING


def general_response(answer: Answer) -> Answer:
    """The response without fields that no rule reads, such as Date."""
    return answer if READ_HEADERS.issuperset(answer.headers) else replace(answer, headers=_only(answer.headers, READ_HEADERS))


def _only(headers: Mapping[str, str], names: frozenset[str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name in names} if headers else headers


def page(cause: str, docs_url: str | None = None) -> str:
    """The documentation page of a cause: below the published address, or its path in the project."""
    return f"{docs_url.rstrip('/')}/{cause}" if docs_url else f"{DOCUMENTATION}/{cause}.md"
