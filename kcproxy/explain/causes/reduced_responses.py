"""The cause of a response that contains less than it could: a success, not a refusal."""

from kcproxy.explain.causes.spec import CauseSpec
from kcproxy.explain.context import Context
from kcproxy.explain.evidence import token_evidence
from kcproxy.explain.finding import LIKELY, Finding, found
from kcproxy.explain.fixes.build import grant
from kcproxy.explain.text import list_of
from kcproxy.model import Cause


def response_reduced(context: Context) -> Finding | None:
    """The caller gets a response, and more roles would get all of it."""
    if context.requirement is None or not context.requirement.any_of or not context.missing:
        return None
    detail = _lack(context) or f"all of it requires {list_of(context.missing)} of {context.words['container']}"
    return found(Cause.RESPONSE_REDUCED, LIKELY, token_evidence, missing=context.missing, detail=detail)


def _lack(context: Context) -> str | None:
    """What callers with these roles do not see, as measured."""
    reduced = context.requirement.reduced if context.requirement else {}
    for roles, says in reduced.items():
        if context.catalog.satisfies(context.held, (tuple(filter(None, roles.split("+"))),)):
            return says
    return None


RESPONSE_REDUCED = CauseSpec(
    cause=Cause.RESPONSE_REDUCED,
    meaning="The call succeeded, but the response contains less than an administrator would see: no items, or fewer fields. Keycloak filters silently. kcproxy does not change the body and adds the field `Kcproxy-Notice`.",
    reason="The response to {operation}{where} may be reduced for {who}",
    effect=": {detail}.",
    check="Compare with the response that a caller with {roles} gets.",
    rules=(response_reduced,),
    fixer=grant,
    states_confidence=False,
)

SPECS = (RESPONSE_REDUCED,)
