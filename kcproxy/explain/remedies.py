"""The fixes of a verdict: those of its rule, those of its cause with commands, or the remedies of its cause in words."""

from kcproxy.explain.causes import SPECS
from kcproxy.explain.context import Context
from kcproxy.explain.text import list_of, sentence
from kcproxy.model import Cause, Fix, Verdict


def fixes(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """What to do about a verdict, least power first. ``console_base`` is the URL at which operators open Keycloak."""
    remedy = verdict.facts.get("remedy")
    if isinstance(remedy, str):
        return (Fix(summary=remedy),)  # the rule has a better one for exactly this response
    fixer = SPECS[verdict.cause].fixer
    return (fixer(context, verdict, console_base) if fixer else ()) or _in_words(context, verdict)


def _in_words(context: Context, verdict: Verdict) -> tuple[Fix, ...]:
    requirement = context.requirement
    least = requirement.least if requirement is not None and verdict.cause is Cause.TOKEN_OF_OTHER_REALM else None
    words = {**context.words, "roles": list_of(verdict.missing or least or ()) or "the role in question"}
    return tuple(
        Fix(
            summary=sentence(remedy.summary.format_map(words)),
            console=tuple(sentence(step.format_map(words)) for step in remedy.steps),
            warning=remedy.warning,
        )
        for remedy in SPECS[verdict.cause].remedies
    )
