"""What is concluded from all of it: verdict, fixes, explanation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.model.causes import Cause
from kcproxy.model.facts import Facts
from kcproxy.model.requests import Answer, Caller, RequestFacts
from kcproxy.model.requirements import Requirement
from kcproxy.model.vocabulary import Confidence, RoleSet, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another cause that the evidence allows, and the check that would tell."""

    cause: Cause
    confidence: Confidence
    summary: str
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision: one cause, how sure, on what evidence, what is missing, and what else it could be.

    ``missing`` are the roles to grant; ``container`` the client that owns them (``realm-management`` or ``{realm}-realm``)
    and ``container_realm`` the realm in which that client lives; ``grantee`` the user name that should receive them.
    ``facts`` are the few values that sentences and fixes are made of (ages in seconds, names), keyed by plain words.
    """

    cause: Cause
    confidence: Confidence
    evidence: tuple[str, ...] = ()
    missing: RoleSet = ()
    container: str | None = None
    container_realm: str | None = None
    grantee: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One way to end a refusal, least power first. Commands can be pasted: real names, quoted for a POSIX shell.

    ``gives`` is there if several fixes differ in what the call gets afterwards: ``full``, or ``all but`` and the fields that are not in the answer.
    """

    summary: str
    roles: RoleSet = ()
    console: tuple[str, ...] = ()
    console_url: str | None = None
    kcadm: tuple[str, ...] = ()
    curl: tuple[str, ...] = ()
    terraform: str | None = None
    ansible: str | None = None
    warning: str | None = None
    gives: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one refusal; what of it reaches the caller is decided when it is rendered (``Detail``)."""

    id: str
    summary: str
    request: RequestFacts
    caller: Caller
    answer: Answer
    requirement: Requirement | None
    verdict: Verdict
    fixes: tuple[Fix, ...] = ()
    docs_url: str | None = None
    hints: tuple[str, ...] = ()
    """What is worth knowing besides: a hidden second call of a client library, a role that would do less."""
    looked_up: Facts | None = None
    """What look-ups gave, for the page of the operator; how much of it the caller sees is decided elsewhere."""
    kept: dict[str, Any] | None = field(default=None, repr=False, compare=False)
    """Where several explanations differ in id, request and hints about it alone: what renders them keeps here what they have in common."""
