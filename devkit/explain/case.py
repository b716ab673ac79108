"""The structure of a reported refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.model import Cause, Confidence, Facts


@dataclass(frozen=True, kw_only=True)
class Case:
    """One situation. If ``facts`` is None, nothing can be looked up, so only the explanation without look-ups is checked."""

    id: str
    says: str
    method: str
    path: str
    truth: Cause
    ask: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts | None = None
    sure: Confidence = Confidence.CERTAIN
    missing: tuple[str, ...] | None = None
