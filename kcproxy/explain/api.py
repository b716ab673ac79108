"""The assembly: from the facts of one refused request to its Explanation, or None where there is nothing to explain."""

from kcproxy.catalog import Catalog
from kcproxy.explain.engine import diagnose
from kcproxy.model import Answer, Caller, Explanation, Facts, RequestFacts


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
    diagnosis = diagnose(
        request=request,
        caller=caller,
        answer=answer,
        catalog=catalog,
        facts=facts,
        now_epoch_seconds=now_epoch_seconds,
        keycloak_version=keycloak_version,
        require_audience=require_audience,
        console_base_url=console_base_url,
        docs_url=docs_url,
    )
    return None if diagnosis is None else diagnosis.explanation(explanation_id, request, answer, facts)
