"""What is decided about a refusal, apart from whose turn it was: verdict, fixes, hints.

A 403 of a known operation is judged without the names in its path: what is told of it is the same for every user or client that the
path may name, but for one hint about the form of ids. So whoever asks again and again can be given the same judgement again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kcproxy.catalog import Catalog
from kcproxy.explain.context import MASTER, context
from kcproxy.explain.decide import decide, is_known
from kcproxy.explain.fixes.build import fixes
from kcproxy.explain.hints import Hints, hints
from kcproxy.explain.rules.not_keycloak import READ_HEADERS
from kcproxy.model import NOTHING, Answer, Caller, Explanation, Facts, Fix, RequestFacts, Requirement, TargetKind, Verdict

DOCUMENTATION = "docs/causes"
READ_REQUEST_HEADERS = frozenset({"accept", "origin", "x-forwarded-proto"})
"""The header fields of requests that any rule for a 403 looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All of an explanation but its id and what its request alone has. ``general``: no name of the request's path had a part in it.

    ``kept`` is for texts made of it, which whoever makes a second explanation of it need not make again.
    """

    caller: Caller
    requirement: Requirement | None
    verdict: Verdict
    fixes: tuple[Fix, ...]
    hints: Hints
    docs_url: str
    general: bool
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def explanation(
        self, explanation_id: str, request: RequestFacts, answer: Answer, facts: Facts | None, *, again: bool = False
    ) -> Explanation:
        """The explanation of one request. ``again``: it is not the first one of this judgement."""
        return Explanation(
            id=explanation_id,
            summary=str(self.verdict.facts["summary"]),
            request=request,
            caller=self.caller,
            answer=answer,
            requirement=self.requirement,
            verdict=self.verdict,
            fixes=self.fixes,
            docs_url=self.docs_url,
            hints=self.hints.about(request.target.parameters),
            looked_up=facts,
            kept=self.kept if again else None,
        )


def diagnose(
    *,
    request: RequestFacts,
    caller: Caller,
    answer: Answer,
    catalog: Catalog,
    facts: Facts | None,
    now_epoch_seconds: float,
    keycloak_version: str | None = None,
    require_audience: bool | None = None,
    console_base_url: str | None = None,
    docs_url: str | None = None,
) -> Diagnosis | None:
    """Arguments as of ``explanation.explain``; None where there is nothing to explain."""
    if answer.status < 400:
        return None
    general = is_general(request, caller, answer, catalog)
    judged = context(
        request=general_request(request, catalog) if general else request,
        caller=caller,
        answer=general_response(answer) if general else answer,
        catalog=catalog,
        facts=facts,
        now_epoch_seconds=now_epoch_seconds,
        keycloak_version=keycloak_version,
        require_audience=require_audience,
    )
    verdict = decide(judged)
    if verdict is None:
        return None
    console = console_base_url or (request.public_url + request.base_path if request.public_url else None)
    return Diagnosis(
        caller=judged.caller,
        requirement=judged.requirement,
        verdict=verdict,
        fixes=fixes(judged, verdict, console),
        hints=hints(judged, verdict),
        docs_url=page(verdict.cause, docs_url),
        general=general,
    )


def is_general(request: RequestFacts, caller: Caller, answer: Answer, catalog: Catalog) -> bool:
    """Whether the names in the path have no part in the judgement: a 403 of an operation whose roles are known."""
    if answer.status != 403 or request.target.kind is not TargetKind.ADMIN:
        return False
    requirement = catalog.requirement(request.target, query=request.query, body=request.body, master=caller.realm == MASTER)
    return is_known(requirement)


def general_request(request: RequestFacts, catalog: Catalog) -> RequestFacts:
    """The request without the names in its path, and without header fields and a query that no rule for a 403 looks at."""
    target = request.target
    return replace(
        request,
        target=replace(target, raw_path=target.operation.path if target.operation else "", parameters=NOTHING, ambiguous=None),
        query=telling_query(request, catalog),
        headers=_only(request.headers, READ_REQUEST_HEADERS),
    )


def telling_query(request: RequestFacts, catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    """The query, where the operation has variants that it may choose from."""
    entry = catalog.entry(request.target)
    return request.query if entry is not None and entry.variants else NOTHING


def general_response(answer: Answer) -> Answer:
    """The answer without header fields that no rule looks at, such as Date."""
    return replace(answer, headers=_only(answer.headers, READ_HEADERS))


def _only(headers: Mapping[str, str], names: frozenset[str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name in names}


def page(cause: str, docs_url: str | None = None) -> str:
    """Where a cause's documentation page is: below the published address, or its place in the project."""
    return f"{docs_url.rstrip('/')}/{cause}" if docs_url else f"{DOCUMENTATION}/{cause}.md"
