"""The conclusions: verdict, fixes, explanation."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from kcproxy.model.causes import Cause
from kcproxy.model.facts import Facts
from kcproxy.model.requests import Answer, Caller, RequestFacts
from kcproxy.model.requirements import Requirement
from kcproxy.model.vocabulary import Confidence, RoleSet, nothing


class Alternative(Struct, frozen=True, kw_only=True):
    """Another cause that the evidence allows. ``summary``: its reason alone; ``check``: how to tell it from the other causes."""

    cause: Cause
    confidence: Confidence
    summary: str
    check: str


class Verdict(Struct, frozen=True, kw_only=True):
    """The decision: one cause, its confidence and evidence, what is missing, and the alternatives.

    ``missing``: the roles to grant. ``container``: the client that owns them (``realm-management`` or ``{realm}-realm``);
    ``container_realm``: its realm. ``grantee``: the user name of the account that should get them.
    ``facts``: a few further values, such as the summary and ages in seconds.
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


class Fix(Struct, frozen=True, kw_only=True):
    """One way to resolve a refusal, least power first. Commands can be pasted: real names, quoted for a POSIX shell.

    ``gives`` is set if several fixes differ in the response that the call gets afterwards: ``full``, or ``all but`` and the fields that are missing.
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that is known about one refusal. How much of it the caller gets is decided when it is rendered (``Detail``)."""

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
    """Further remarks: a hidden second call of a client library, a role with less power."""
    looked_up: Facts | None = None
    """Results of look-ups, for the admin page."""
    operator: "Explanation | None" = None
    """The same refusal as log and page may show it, if look-ups found what is hidden from the caller."""
    kept: dict[str, Any] | None = dataclasses.field(default=None, repr=False, compare=False)
    """If several explanations differ only in ID, request and hints about it: a cache for texts that they have in common."""
