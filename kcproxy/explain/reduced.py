"""A call that is let in and answered with less than there is: no refusal, so nobody is told off, but what makes it whole can be asked for."""

from kcproxy.catalog import Catalog
from kcproxy.explain.context import Context, context, named
from kcproxy.explain.engine import page
from kcproxy.explain.finding import LIKELY
from kcproxy.explain.fixes.build import grant
from kcproxy.explain.rules.roles import token_evidence
from kcproxy.explain.text import SENTENCES, list_of, sentence
from kcproxy.model import Answer, Caller, Cause, Explanation, RequestFacts, Verdict

_OK = Answer(status=200, headers={"content-type": "application/json"})


def thinner(
    *,
    explanation_id: str,
    request: RequestFacts,
    caller: Caller,
    catalog: Catalog,
    now_epoch_seconds: float,
    keycloak_version: str | None = None,
    console_base_url: str | None = None,
    docs_url: str | None = None,
) -> Explanation | None:
    """What a thinner answer lacks and which roles complete it, with the commands; None where no role does. Arguments as of ``explain``."""
    judged = context(
        request=request,
        caller=caller,
        answer=_OK,
        catalog=catalog,
        facts=None,
        now_epoch_seconds=now_epoch_seconds,
        keycloak_version=keycloak_version,
    )
    if judged.requirement is None or not judged.requirement.any_of or not judged.missing:
        return None
    verdict = _verdict(judged)
    return Explanation(
        id=explanation_id,
        summary=str(verdict.facts["summary"]),
        request=request,
        caller=caller,
        answer=_OK,
        requirement=judged.requirement,
        verdict=verdict,
        fixes=grant(judged, verdict, console_base_url),
        docs_url=page(verdict.cause, docs_url),
    )


def _verdict(judged: Context) -> Verdict:
    reason = _lack(judged) or f"all of it takes {list_of(judged.missing)} of {judged.words['container']}"
    summary = sentence(SENTENCES[Cause.RESPONSE_REDUCED].summary.format_map(named(judged, reason=reason)))
    return Verdict(
        cause=Cause.RESPONSE_REDUCED,
        confidence=LIKELY,
        evidence=tuple(map(sentence, token_evidence(judged))),
        missing=judged.missing,
        container=judged.container,
        container_realm=judged.container_realm,
        grantee=judged.caller.username,
        facts={"summary": summary, "grants_live": judged.grants_live},
    )


def _lack(judged: Context) -> str | None:
    """What callers with these roles miss, as it was measured."""
    reduced = judged.requirement.reduced if judged.requirement else {}
    return next(
        (says for roles, says in reduced.items() if judged.catalog.satisfies(judged.held, (tuple(filter(None, roles.split("+"))),))), None
    )
