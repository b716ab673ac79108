"""Decides whether a policy holds for a caller. Pure. Unknown facts make the result open, with the reason.

Follows the policy providers of Keycloak 26.7 (`org.keycloak.authorization.policy.provider.*`); differences of earlier versions are
in `Rules`. A condition first permits or denies, then the policy's logic can invert that.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from kcproxy.permissions.model import (
    AggregatedCondition,
    ClientCondition,
    ClientScopeCondition,
    Condition,
    GroupCondition,
    GroupMember,
    Identity,
    Logic,
    OpenCondition,
    PermissionSet,
    Policy,
    RegexCondition,
    Required,
    RoleCondition,
    Rules,
    Span,
    Strategy,
    TimeCondition,
    UserCondition,
)
from kcproxy.permissions.regex import matches

DEPTH = 8
"""The maximum depth of aggregated policies."""
CLOCKS_DIFFER = timedelta(days=2)
"""More than time zones and clocks that are not set differ by."""
MOST_REASONS = 8
"""The maximum number of reasons for an open result."""


class Effect(StrEnum):
    """The result of a policy or permission for a caller."""

    PERMIT = "PERMIT"
    DENY = "DENY"
    OPEN = "OPEN"


class Judgement(Struct, frozen=True, kw_only=True):
    """An effect, and for an open one the missing facts."""

    effect: Effect
    why: tuple[str, ...] = ()


PERMIT, DENY = Judgement(effect=Effect.PERMIT), Judgement(effect=Effect.DENY)


class Situation(Struct, frozen=True, kw_only=True):
    """All that policies are judged by. `now` is the server's local time without a zone; None if it is not known.

    `about`: without `now`, a time in UTC by another clock. The server's local time differs from it by less than `CLOCKS_DIFFER`.
    """

    identity: Identity
    permissions: PermissionSet
    rules: Rules = field(default_factory=Rules)
    now: datetime | None = None
    about: datetime | None = None
    given: frozenset[str] = frozenset()
    """Policies that are assumed to permit, to find out what an addition would do."""


def unknown(why: str) -> Judgement:
    """An open result."""
    return Judgement(effect=Effect.OPEN, why=(why,))


def judge(policy_id: str, situation: Situation, known: dict[str, Judgement] | None = None, depth: int = 0) -> Judgement:
    """The result of a policy, by its id, for the caller. `known` caches results, so that each policy is evaluated once."""
    known = {} if known is None else known
    if policy_id not in known:
        known[policy_id] = _judged(policy_id, situation, known, depth)
    return known[policy_id]


def _judged(policy_id: str, situation: Situation, known: dict[str, Judgement], depth: int) -> Judgement:
    if policy_id in situation.given:
        return PERMIT
    policy = situation.permissions.policies.get(policy_id)
    if policy is None:
        return unknown(f"the policy {policy_id} could not be read")
    if depth > DEPTH:
        return unknown(f"policy {policy.name}: policies are nested too deeply")
    judged = _holds(policy.condition, situation, known, depth)
    if judged.effect is Effect.OPEN:
        return Judgement(effect=Effect.OPEN, why=tuple(_named(policy, why) for why in judged.why[:MOST_REASONS]))
    return _turned(judged) if policy.logic is Logic.NEGATIVE else judged


def rests_on_token(policy_id: str, situation: Situation, depth: int = 0) -> bool:
    """Whether a policy is open because of what only the caller's token shows."""
    policy = situation.permissions.policies.get(policy_id)
    if policy is None or depth > DEPTH or judge(policy_id, situation).effect is not Effect.OPEN:
        return False
    if isinstance(policy.condition, AggregatedCondition):
        return any(rests_on_token(part, situation, depth + 1) for part in policy.condition.policies)
    return isinstance(policy.condition, RoleCondition | RegexCondition | ClientScopeCondition | GroupCondition)


def _named(policy: Policy, why: str) -> str:
    return why if why.startswith("policy ") else f"policy {policy.name}: {why}"


def _turned(judged: Judgement) -> Judgement:
    return DENY if judged.effect is Effect.PERMIT else PERMIT


def _holds(condition: Condition, situation: Situation, known: dict[str, Judgement], depth: int) -> Judgement:
    if isinstance(condition, AggregatedCondition):
        return _aggregated(condition, situation, known, depth)
    return _CONDITIONS[type(condition)](condition, situation)


def _of(holds: bool | None, missing: str) -> Judgement:
    return unknown(missing) if holds is None else PERMIT if holds else DENY


def _among(value: str | None, accepted: frozenset[str]) -> bool | None:
    return None if value is None else value in accepted


def _user(condition: UserCondition, situation: Situation) -> Judgement:
    identity, as_client = situation.identity, acts_as_client(situation.identity, situation.rules)
    if as_client:
        return _of(_among(identity.client_id, condition.users), "the caller's client")
    holds = _among(identity.account_id, condition.users)
    if holds and as_client is None:
        return unknown("whether the caller counts as the account or as its client")
    return _of(holds, "the caller's account")


def acts_as_client(identity: Identity, rules: Rules) -> bool | None:
    """Whether policies treat the caller as a client instead of an account; None if that is not known."""
    if identity.service_account is False:
        return False
    if identity.service_account is None:
        return None if rules.service_accounts_are_clients or identity.authorization_services is not False else False
    return True if rules.service_accounts_are_clients else identity.authorization_services


def _required(items: Iterable[tuple[Required, bool | None]], missing: str) -> Judgement:
    """All required ones, and at least one of all."""
    known = list(items)
    if any(item.required and has is False for item, has in known):
        return DENY
    if any(item.required and has is None for item, has in known):
        return unknown(missing)
    if any(has for _, has in known):
        return PERMIT
    return unknown(missing) if any(has is None for _, has in known) else DENY


def _role(condition: RoleCondition, situation: Situation) -> Judgement:
    fetched = condition.fetch_roles
    roles = ((role, _has_role(role.id, situation, fetched=fetched)) for role in condition.roles)
    return _required(roles, "the caller's roles")


def _has_role(role: str, situation: Situation, *, fetched: bool) -> bool | None:
    identity = situation.identity
    held = None if identity.held is None else role in identity.held
    in_token = None if identity.in_token is None else role in identity.in_token
    if fetched:
        return held
    if not situation.rules.roles_are_live:
        return in_token
    in_scope = True if identity.full_scope else None if identity.in_scope is None else role in identity.in_scope
    if in_scope is None:
        return held if held == in_token else None
    return held if in_scope else in_token


def _group(condition: GroupCondition, situation: Situation) -> Judgement:
    identity = situation.identity
    named: Sequence[str] | None = None
    if condition.claim:
        if identity.claims is None:
            return unknown("the token's claims")
        named = _texts(identity.claims.get(condition.claim))
    groups = named or identity.groups
    if groups is None:
        return unknown("the caller's groups")
    results = [_is_member(group, groups, situation) for group in condition.groups]
    if True in results:
        return PERMIT
    return unknown("the path of a group") if None in results else DENY


def _is_member(group: GroupMember, groups: Sequence[str], situation: Situation) -> bool | None:
    names = situation.permissions.names
    path = names.group_paths.get(group.id)
    if path is None:
        return None if groups else False
    name = names.group_names.get(group.id, path.rpartition("/")[2])
    below = path if situation.rules.child_groups_by_prefix else f"{path}/"
    return any(value in (path, name) or (group.extend_children and "/" in value and value.startswith(below)) for value in groups)


def _client_scope(condition: ClientScopeCondition, situation: Situation) -> Judgement:
    claims = situation.identity.claims
    if claims is None or not isinstance(claims.get("scope"), str):
        return unknown("the token's scope")
    held = claims["scope"].split(" ")
    names = situation.permissions.names.client_scope_names
    scopes = ((scope, names[scope.id] in held if scope.id in names else None) for scope in condition.scopes)
    return _required(scopes, "the name of a client scope")


def _client(condition: ClientCondition, situation: Situation) -> Judgement:
    return _of(_among(situation.identity.client_id, condition.clients), "which client the token was issued to")


def _time(condition: TimeCondition, situation: Situation) -> Judgement:
    if situation.now is not None:
        return _of(_in_time(condition, situation.now), "")
    return _of(None if situation.about is None else _in_time_about(condition, situation.about), "the server's time")


def _in_time_about(condition: TimeCondition, about: datetime) -> bool | None:
    """The result if it is the same for all times that the server's clock can have; None otherwise."""
    dates = replace(condition, day_of_month=None, month=None, hour=None, minute=None)
    before, after = _in_time(dates, about - CLOCKS_DIFFER), _in_time(dates, about + CLOCKS_DIFFER)
    if before and after:
        return True if dates == condition else None
    return False if _is_over(condition, about) or _is_to_come(condition, about) else None


def _is_over(condition: TimeCondition, about: datetime) -> bool:
    earliest = about - CLOCKS_DIFFER
    year = condition.year
    return (condition.not_after is not None and earliest > condition.not_after) or (year is not None and year[0] <= year[1] < earliest.year)


def _is_to_come(condition: TimeCondition, about: datetime) -> bool:
    latest, year = about + CLOCKS_DIFFER, condition.year
    return (condition.not_before is not None and latest < condition.not_before) or (year is not None and latest.year < year[0] <= year[1])


def _open(condition: OpenCondition, _: Situation) -> Judgement:
    return unknown(condition.why)


def _in_time(condition: TimeCondition, now: datetime) -> bool:
    now = now.replace(microsecond=0)
    if condition.not_before is not None and now < condition.not_before:
        return False
    if condition.not_after is not None and now > condition.not_after:
        return False
    parts = (
        (condition.day_of_month, now.day),
        (condition.month, now.month),
        (condition.year, now.year),
        (condition.hour, now.hour),
        (condition.minute, now.minute),
    )
    return all(_within(span, value) for span, value in parts)


def _within(span: Span | None, value: int) -> bool:
    return span is None or span[0] <= value <= span[1]


def _regex(condition: RegexCondition, situation: Situation) -> Judgement:
    identity = situation.identity
    if condition.context or condition.claim.startswith("kc."):
        return unknown(f"the request's context, of which {condition.claim} is a part")
    if identity.claims is None:
        return unknown(f"the claim {condition.claim}")
    found, value = _claim(condition.claim, identity.claims)
    if not found:
        return unknown(f"the claim {condition.claim}")
    if value is None:
        return DENY
    return _of(matches(condition.pattern, value), f"whether the pattern matches the claim {condition.claim}")


def _claim(claim: str, claims: Mapping[str, Any]) -> tuple[bool, str | None]:
    """Whether the claim could be read, and its value: the first of a list, or a member of nested objects if the name has dots."""
    if "\\" in claim:
        return False, None
    first, *rest = claim.split(".")
    value: Any = claims.get(first)
    for part in rest:
        if value is None:
            return True, None
        if not isinstance(value, Mapping):
            return False, None
        value = value.get(part)
    texts = _texts(value)
    return True, texts[0] if texts else None


def _texts(value: Any) -> list[str]:
    """A claim as the list of texts that policies read: booleans and numbers in JSON's words, objects as JSON."""
    if value is None or value in ("", []):
        return []
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, str) else json.dumps(item, separators=(",", ":")) for item in items]


def _aggregated(condition: AggregatedCondition, situation: Situation, known: dict[str, Judgement], depth: int) -> Judgement:
    if not condition.policies:
        return DENY
    parts = [judge(policy, situation, known, depth + 1) for policy in condition.policies]
    permits = sum(part.effect is Effect.PERMIT for part in parts)
    maybe = sum(part.effect is Effect.OPEN for part in parts)
    least, most = (agrees(condition.strategy, count, len(parts)) for count in (permits, permits + maybe))
    if least == most:
        return PERMIT if least else DENY
    return Judgement(effect=Effect.OPEN, why=tuple(why for part in parts for why in part.why))


def agrees(strategy: Strategy, permits: int, of: int) -> bool:
    """Whether so many permitting policies, of all, are enough."""
    if strategy is Strategy.AFFIRMATIVE:
        return permits > 0
    return permits * 2 > of if strategy is Strategy.CONSENSUS else permits == of


_CONDITIONS: Mapping[type, Callable[[Any, Situation], Judgement]] = {
    UserCondition: _user,
    RoleCondition: _role,
    GroupCondition: _group,
    ClientCondition: _client,
    ClientScopeCondition: _client_scope,
    TimeCondition: _time,
    RegexCondition: _regex,
    OpenCondition: _open,
}
