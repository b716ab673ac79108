"""The assembly: from the facts of one refused request to its Explanation, or None where there is nothing to explain."""

from kcproxy.catalog import Catalog
from kcproxy.explain.decide import decide
from kcproxy.explain.fixes import fixes
from kcproxy.explain.hints import hints
from kcproxy.explain.situation import situation
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts

DOCUMENTATION = "docs/causes"


def explain(
    *,
    explanation_id: str,
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
) -> Explanation | None:
    """Why Keycloak answered so, how sure that is, and the smallest fix. Pure.

    ``keycloak_version``: the server's, where it is known (None: the catalog's is a guess). ``console_base_url``: where operators
    open Keycloak, base path included; otherwise the address by which the proxy reaches it. ``docs_url``: where the pages of
    ``docs/causes`` are published. None for every answer that is a success, or that no rule knows anything about.
    """
    if answer.status < 400:
        return None
    judged = situation(
        request=request,
        caller=caller,
        answer=answer,
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
    return Explanation(
        id=explanation_id,
        summary=str(verdict.facts["summary"]),
        request=request,
        caller=judged.caller,
        answer=answer,
        requirement=judged.requirement,
        verdict=verdict,
        fixes=fixes(judged, verdict, console),
        docs_url=page(verdict.cause, docs_url),
        hints=hints(judged, verdict),
        looked_up=facts,
    )


def page(cause: str, docs_url: str | None = None) -> str:
    """Where a cause's documentation page is: below the published address, or its place in the project."""
    return f"{docs_url.rstrip('/')}/{cause}" if docs_url else f"{DOCUMENTATION}/{cause}.md"
