"""A reported refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.model import Cause, Confidence, Facts


@dataclass(frozen=True, kw_only=True)
class Case:
    """One situation. ``facts`` None: nothing more can be looked up, so the explanation without look-ups is final."""

    id: str
    says: str
    method: str
    path: str
    truth: Cause
    ask: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts | None = None
    sure: Confidence = Confidence.CERTAIN
    missing: tuple[str, ...] | None = None
