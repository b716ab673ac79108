"""A finding in words: its sentence, the check that tells it from other causes, and its remedy."""

from typing import Any

from kcproxy.explain.causes.spec import CauseSpec
from kcproxy.explain.context import Context
from kcproxy.explain.finding import CERTAIN, Finding
from kcproxy.explain.text import list_of, roles_phrase, sentence, sentences
from kcproxy.model import Alternative, RoleSet

Words = dict[str, Any]


def words_of(context: Context, finding: Finding, shared: dict[RoleSet, Words]) -> Words:
    """The values of the placeholders. ``shared``: the words for sets of missing roles, because most findings have the same set."""
    words = shared.get(finding.missing)
    if words is None:
        words = shared[finding.missing] = role_words(context, finding.missing)
    own = finding.words
    if own:
        words = {**words, **own}
        phrase = words["roles_phrase"]
        words["Roles_phrase"] = phrase[:1].upper() + phrase[1:]
    return words


def role_words(context: Context, missing: RoleSet) -> Words:
    """The words of the context and those for the missing roles."""
    several = len(missing) > 1
    phrase = roles_phrase(missing, context.container)
    return {
        **context.words,
        "roles": list_of(missing) or "an admin role",
        "roles_phrase": phrase,
        "Roles_phrase": phrase[:1].upper() + phrase[1:],
        "are": "are" if several else "is",
        "were": "were" if several else "was",
    }


def summary(spec: CauseSpec, finding: Finding, words: Words) -> str:
    """The sentence, with its confidence if it is not certain."""
    reason, effect = finding.reason or spec.reason, finding.effect or spec.effect
    text = (reason + effect).format_map(words)
    if finding.confidence is CERTAIN or not spec.states_confidence:
        return sentence(text)
    return sentence(f"{text.removesuffix('.')} ({finding.confidence.value}).")


def alternative(spec: CauseSpec, finding: Finding, words: Words) -> Alternative:
    """The finding as one more possible cause. Who and the operation are in the summary of the verdict and are not repeated."""
    return Alternative(
        cause=finding.cause,
        confidence=finding.confidence,
        summary=sentence((finding.reason or spec.reason).format_map(words) + "."),
        check=sentence(spec.check.format_map(words)),
    )


def evidence(finding: Finding, context: Context) -> tuple[str, ...]:
    """All lines of evidence."""
    lines: list[str] = []
    for item in finding.evidence:
        lines.extend((item,) if isinstance(item, str) else item(context))
    return sentences([line for line in lines if line])
