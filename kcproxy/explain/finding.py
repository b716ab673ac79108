"""What one rule found: a cause, how sure it is, and the evidence. Nothing is put into words before the decision (``wording``)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kcproxy.explain.context import Context
from kcproxy.model import NOTHING, Cause, Confidence, RoleSet

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
RANK = {CERTAIN: 0, LIKELY: 1, POSSIBLE: 2}

Lines = Callable[[Context], tuple[str, ...]]
Evidence = str | Lines
"""One line, or a function that gives several; it is called only if the finding becomes the verdict. An empty line is left out."""


class Finding(NamedTuple):
    """One cause that the facts allow. ``missing``: the roles that its fix grants, or lets through a scope.

    ``reason``, ``effect`` and ``remedy`` are templates that fit this request better than those of the cause's spec. ``words`` fill their
    placeholders. ``facts`` go into the verdict as they are. A tuple, as it costs a third of a frozen dataclass and each refusal has several.
    """

    cause: Cause
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    missing: RoleSet
    reason: str | None
    effect: str | None
    remedy: str | None
    words: Mapping[str, Any]
    facts: Mapping[str, Any]


Rule = Callable[[Context], Finding | None]
"""Finds one cause (or one of a few similar ones) in a context, or gives None if it does not apply."""
OpenRule = Callable[[Context], list[Finding]]
"""Gives the causes that nothing has ruled out."""


def found(
    cause: Cause,
    confidence: Confidence,
    *evidence: Evidence,
    missing: RoleSet = (),
    reason: str | None = None,
    effect: str | None = None,
    remedy: str | None = None,
    facts: Mapping[str, Any] = NOTHING,
    words: Mapping[str, Any] = NOTHING,
    **more_words: Any,
) -> Finding:
    """A finding; every other named argument is a word for its sentences, too."""
    return Finding(cause, confidence, evidence, missing, reason, effect, remedy, {**words, **more_words} if words else more_words, facts)
