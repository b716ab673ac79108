"""What one rule found: a cause, how sure, and on what evidence. Its sentences come from ``text`` unless the rule has better ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.explain.context import Context, named
from kcproxy.explain.text import SENTENCES, list_of, roles_phrase, sentence
from kcproxy.model import Alternative, Cause, Confidence, RoleSet

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
RANK = {CERTAIN: 0, LIKELY: 1, POSSIBLE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause that the facts allow. ``missing`` are the roles that its cure grants or lets through."""

    cause: Cause
    confidence: Confidence
    summary: str
    check: str
    evidence: tuple[str, ...] = ()
    missing: RoleSet = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alternative(self) -> Alternative:
        """The same, as another cause beside the verdict's."""
        return Alternative(cause=self.cause, confidence=self.confidence, summary=self.summary, check=self.check)


def found(
    context: Context,
    cause: Cause,
    confidence: Confidence,
    *evidence: str,
    missing: RoleSet = (),
    summary: str | None = None,
    facts: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    **words: Any,
) -> Finding:
    """A finding with its sentences filled in. ``summary`` is a template that fits better than the table's."""
    table = SENTENCES[cause]
    values = named(
        context,
        roles=list_of(missing) or "an admin role",
        roles_phrase=roles_phrase(missing, context.words["container"]),
        are="are" if len(missing) > 1 else "is",
        were="were" if len(missing) > 1 else "was",
        **(names or {}),
        **words,
    )
    return Finding(
        cause=cause,
        confidence=confidence,
        summary=sentence((summary or table.summary).format_map(values)),
        check=sentence(table.check.format_map(values)),
        evidence=tuple(sentence(line) for line in evidence if line),
        missing=missing,
        facts=dict(facts or {}),
    )
