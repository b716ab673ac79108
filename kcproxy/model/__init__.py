"""The frozen values that flow through kcproxy, in the order in which they are made.

    request ─▶ Target ─▶ Requirement ─▶ Caller, Answer, Facts ─▶ Verdict ─▶ Fix, Explanation

Nothing here knows sockets, clocks or files. Every value is complete; what is not known is ``None``, and never a default that could be
mistaken for a fact.
"""

from kcproxy.model.causes import Cause
from kcproxy.model.explanations import Alternative, Explanation, Fix, Verdict
from kcproxy.model.facts import Facts, RoleElsewhere
from kcproxy.model.requests import AccountEntry, Answer, Caller, CallerKind, RequestFacts, Withheld
from kcproxy.model.requirements import Operation, Requirement, Target, TargetKind
from kcproxy.model.vocabulary import NOTHING, Basis, Confidence, Detail, RoleSet

__all__ = [
    "NOTHING",
    "AccountEntry",
    "Alternative",
    "Answer",
    "Basis",
    "Caller",
    "CallerKind",
    "Cause",
    "Confidence",
    "Detail",
    "Explanation",
    "Facts",
    "Fix",
    "Operation",
    "RequestFacts",
    "Requirement",
    "RoleElsewhere",
    "RoleSet",
    "Target",
    "TargetKind",
    "Verdict",
    "Withheld",
]
