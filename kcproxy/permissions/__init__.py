"""Decides fine-grained admin permissions (version 2): who may do what with which object, and which permission decides it. Pure, no I/O."""

from kcproxy.permissions.decide import Considered, Decision, Outcome, applicable, decide
from kcproxy.permissions.model import Identity, Names, Object, Permission, PermissionSet, Policy, Rules, rules_for
from kcproxy.permissions.parse import permission_set
from kcproxy.permissions.policies import Effect, Judgement, Situation, judge

__all__ = [
    "Considered",
    "Decision",
    "Effect",
    "Identity",
    "Judgement",
    "Names",
    "Object",
    "Outcome",
    "Permission",
    "PermissionSet",
    "Policy",
    "Rules",
    "Situation",
    "applicable",
    "decide",
    "judge",
    "permission_set",
    "rules_for",
]
