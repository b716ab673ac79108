"""A record of use from Prometheus: the counter of calls by caller and operation, and the gauge of granted roles. Pure: queries and results.

A counter that exists at the start of the window counts if it grew since; one that began later counts as a whole. So the first call of a new
process counts too, which ``increase`` would miss.

What metrics do not know: the realm of the target, variants, kinds of callers, first and last times, and the roles in tokens that callers
bring themselves.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kcproxy.model import CallerKind
from kcproxy.usage.audit import REALM_MANAGEMENT
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord
from kcproxy.usage.needs import MASTER

USES, GRANTED = "kcproxy_operation_uses_total", "kcproxy_role_granted"
OTHER = "other"
LIMITS = (
    "From Prometheus: exact numbers after a restart, the realm of the target, what in a request changes the required roles, the first and last time, and the roles of callers with"
    " tokens of their own are not known"
)
OF_MASTER = "Callers with tokens of master are left out, because metrics do not have the realm of the target: {names}"
BEYOND = "Calls beyond the limits of labels (metrics.max_clients) are left out: {count}"
NOTHING = "Prometheus has no calls of callers: set metrics.clients = true, so that the proxy counts them"
_REALM_AND_CLIENT = re.compile(r"([^/]+)/(.+)", re.DOTALL)


class UnusableAnswer(ValueError):
    """Prometheus answered with something else than a vector or matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusReading:
    """The record, and remarks about what it lacks."""

    record: UseRecord
    notes: tuple[str, ...]


def uses_query(seconds: int) -> str:
    """PromQL: the calls of the last ``seconds``, by caller, operation and outcome."""
    window = f"[{seconds}s]"
    begun = f"max_over_time({USES}{window}) unless {USES} offset {seconds}s"
    grown = f"(max_over_time({USES}{window}) - min_over_time({USES}{window}) and {USES} offset {seconds}s) > 0"
    return f"sum by (caller, operation, use) (({begun}) or ({grown}))"


def days_query() -> str:
    """PromQL, evaluated for each day: whether a proxy was there."""
    return "max(max_over_time(kcproxy_ready[1d]))"


def granted_query() -> str:
    """PromQL: the roles that the proxy's accounts hold now."""
    return f"max by (account, role) ({GRANTED}) == 1"


def record_of_metrics(uses: Any, granted: Any, days: Any) -> PrometheusReading:
    """The record. The arguments are the JSON responses of the three queries. Raises UnusableAnswer."""
    roles = _roles(_series(granted))
    found, of_master, beyond = [], set(), 0
    for labels, value in _vector(uses):
        caller = _caller(labels.get("caller", ""), roles)
        outcome = next((each for each in Outcome if each.value == labels.get("use")), None)
        if caller is None or outcome is None or labels.get("operation", OTHER) == OTHER:
            beyond += round(value)
        elif caller.token_realm == MASTER:
            of_master.add(caller.client)
        else:
            counts = {outcome: max(1, round(value))}
            found.append(Use(caller=caller, realm=caller.token_realm, operation=labels["operation"], counts=counts))
    named = {use.caller: NamedRoles(by_owner={REALM_MANAGEMENT: roles[_label(use.caller)]}) for use in found if use.caller.injected}
    notes = [LIMITS] if found else [NOTHING]
    notes += [OF_MASTER.format(names=", ".join(sorted(of_master)))] if of_master else []
    notes += [BEYOND.format(count=beyond)] if beyond else []
    return PrometheusReading(record=UseRecord(uses=tuple(found), roles=named, days=_days(days)), notes=tuple(notes))


def _label(caller: UseCaller) -> str:
    return f"{caller.token_realm}/{caller.client}"


def _caller(label: str, roles: Mapping[str, tuple[str, ...]]) -> UseCaller | None:
    """The caller of a label. An account of the proxy is one whose granted roles are known."""
    found = _REALM_AND_CLIENT.fullmatch(label)
    if found is None:
        return None
    injected = label in roles
    kind = CallerKind.SERVICE_ACCOUNT if injected else CallerKind.UNKNOWN
    return UseCaller(client=found[2], token_realm=found[1], kind=kind, injected=injected)


def _roles(series: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for each in series:
        labels = each.get("metric", {})
        found.setdefault(str(labels.get("account", "")), []).append(str(labels.get("role", "")))
    return {account: tuple(sorted(roles)) for account, roles in found.items()}


def _series(answer: Any) -> list[Mapping[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) and answer.get("status") == "success" else None
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list) or not all(isinstance(each, dict) and isinstance(each.get("metric"), dict) for each in result):
        raise UnusableAnswer
    return result


def _vector(answer: Any) -> Iterable[tuple[Mapping[str, str], float]]:
    for each in _series(answer):
        try:
            yield each["metric"], float(each["value"][1])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UnusableAnswer from error


def _days(answer: Any) -> frozenset[int]:
    """The days since the epoch that have a sample."""
    try:
        return frozenset(int(float(at) // 86_400) for each in _series(answer) for at, _ in each["values"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnusableAnswer from error
