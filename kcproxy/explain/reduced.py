"""Reduced responses: the call is allowed but returns partial data; suggests the roles for the full response."""

from kcproxy.explain.causes.reduced_responses import response_reduced
from kcproxy.explain.context import context
from kcproxy.explain.decide import verdict
from kcproxy.explain.engine import page
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.remedies import fixes
from kcproxy.model import Answer, Explanation

OK = Answer(status=200, headers={"content-type": "application/json"})


def explain_reduced(explanation_id: str, inputs: Inputs) -> Explanation | None:
    """What a reduced response lacks and which roles complete it, with commands; None if no role does. Its status code counts as 200."""
    judged = context(inputs._replace(answer=OK))
    finding = response_reduced(judged)
    if finding is None:
        return None
    found = verdict(judged, finding)
    return Explanation(
        id=explanation_id,
        summary=str(found.facts["summary"]),
        request=inputs.request,
        caller=inputs.caller,
        answer=OK,
        requirement=judged.requirement,
        verdict=found,
        fixes=fixes(judged, found, inputs.console_base_url),
        docs_url=page(found.cause, inputs.docs_url),
    )
