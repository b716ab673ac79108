"""The metrics of the scripted day: one job for each event. A second of the day is a minute of the rules."""

from collections.abc import Callable, Mapping, Sequence

Sample = tuple[str, Mapping[str, str], float]
Metrics = Callable[[float, float], Sequence[Sample] | None]
"""From seconds since the begin of the day, and the time in seconds since the epoch, to samples; None if the process does not respond."""

BEGIN, END = 10.0, 32.0
"""When each event begins and ends."""
ROLLING = "kcproxy-rolling"
KIND = {"operation": "GET /admin/realms/{realm}/users", "realm": "shop", "role": "view-users", "client": "billing"}
MISSING, REVOKED = {**KIND, "cause": "role-missing"}, {**KIND, "cause": "role-revoked"}
AUDIENCE = {**KIND, "cause": "audience-missing", "role": "none"}


def _since(at: float) -> float:
    """Seconds of the event so far."""
    return max(0.0, min(at, END) - BEGIN)


def _is_on(at: float) -> bool:
    return BEGIN <= at < END


def _always() -> list[Sample]:
    return [("kcproxy_ready", {}, 1.0), ("kcproxy_config_last_reload_successful", {}, 1.0)]


def _times(labels: Mapping[str, str], first: float, last: float, resolved: float) -> list[Sample]:
    names = ("first", "last", "resolved")
    return [(f"kcproxy_denial_{name}_timestamp_seconds", labels, value) for name, value in zip(names, (first, last, resolved), strict=True)]


def new_kind(at: float, now: float) -> list[Sample]:
    """A first denial."""
    began = now - at + BEGIN
    return _always() + (_times(MISSING, began, began, 0.0) if at >= BEGIN else [])


def revoked(at: float, now: float) -> list[Sample]:
    """A role is taken away, and given back."""
    began, ended = now - at + BEGIN, now - at + END
    return _always() + (_times(REVOKED, began, min(now, ended), ended + 0.5 if at >= END else 0.0) if at >= BEGIN else [])


def surge(at: float, now: float) -> list[Sample]:
    """A retry loop."""
    long_ago = now - 86400
    return [*_always(), ("kcproxy_denials_total", MISSING, round(4 * _since(at))), *_times(MISSING, long_ago, long_ago, 0.0)]


def audience(at: float, now: float) -> list[Sample]:
    """Tokens without the audience."""
    last = now - at + min(at, END)
    return [*_always(), ("kcproxy_denials_total", AUDIENCE, round(_since(at))), *_times(AUDIENCE, now - 86400, last, 0.0)]


def unexplained(at: float, _: float) -> list[Sample]:
    """Half of the explanations are only possible."""
    return _always() + [("kcproxy_explanations_total", {"confidence": name}, round(2 * _since(at))) for name in ("certain", "possible")]


def token(at: float, now: float) -> list[Sample]:
    """A secret is rotated, and the file follows later."""
    return _always() + _token("billing", "invalid_client", at, now)


def _token(account: str, outcome: str, at: float, now: float, *, begin: float = BEGIN, end: float = END) -> list[Sample]:
    labels, began = {"account": account}, now - at
    fetched = began + (end + 0.5 if at >= end else 0.0)
    failed: list[Sample] = [("kcproxy_token_failed_timestamp_seconds", labels, began + min(at, end))] if at >= begin else []
    fetches = ("kcproxy_token_fetches_total", {**labels, "outcome": outcome}, float(round(2 * max(0.0, min(at, end) - begin))))
    return [("kcproxy_token_fetched_timestamp_seconds", labels, fetched), fetches, *failed]


def upstream(at: float, now: float) -> list[Sample]:
    """Keycloak does not respond, and meanwhile an account gets no token either."""
    requests = ("kcproxy_requests_total", {"operation": KIND["operation"], "code": "502"}, float(round(20 * max(at, 0))))
    errors = ("kcproxy_errors_total", {"kind": "connect"}, float(round(20 * _since(at))))
    tokens = _token("billing", "invalid_client", at, now, begin=BEGIN + 4, end=END - 6)
    return [*_always(), requests, errors, *tokens]


def overhead(at: float, _: float) -> list[Sample]:
    """One request in five waits in the proxy."""
    slow, all_of_them = round(4 * _since(at)), round(20 * max(at, 0))
    buckets = {"0.025": all_of_them - slow, "0.1": all_of_them, "+Inf": all_of_them}
    name = "kcproxy_overhead_duration_seconds"
    return [
        *_always(),
        *((f"{name}_bucket", {"le": le}, float(count)) for le, count in buckets.items()),
        (f"{name}_count", {}, float(all_of_them)),
    ]


def settings(at: float, _: float) -> list[Sample]:
    """Changed settings that cannot be used."""
    return [("kcproxy_ready", {}, 1.0), ("kcproxy_config_last_reload_successful", {}, float(not _is_on(at)))]


def accept(at: float, _: float) -> list[Sample]:
    """No file descriptors left."""
    labels = {"listener": "listen", "reason": "descriptors"}
    return [*_always(), ("kcproxy_accept_failures_total", labels, float(round(20 * _since(at))))]


def down(at: float, _: float) -> list[Sample] | None:
    """The process is gone."""
    return None if _is_on(at) else _always()


def lost_lines(at: float, _: float) -> list[Sample]:
    """Standard output is not read."""
    return [*_always(), ("kcproxy_log_dropped_total", {}, float(round(7 * _since(at))))]


def lost_records(at: float, _: float) -> list[Sample]:
    """The OTLP endpoint is away."""
    return [*_always(), ("kcproxy_log_export_dropped_total", {}, float(round(5 * _since(at))))]


def lost_history(at: float, _: float) -> list[Sample]:
    """The disk of the history is full."""
    return [*_always(), ("kcproxy_history_dropped_total", {}, float(round(3 * _since(at))))]


def lost_calls(at: float, _: float) -> list[Sample]:
    """The record of use is full."""
    return [*_always(), ("kcproxy_use_dropped_total", {}, float(round(2 * _since(at))))]


def behind(at: float, _: float) -> list[Sample]:
    """The database of the history is away."""
    waiting = 60.0 * max(at - BEGIN, 0.0) if _is_on(at) else 0.0  # a second of the script is a minute
    return [*_always(), ("kcproxy_history_behind_seconds", {}, waiting)]


def rolling(at: float, now: float) -> list[Sample] | None:
    """A process with some denials is replaced: one failed scrape, then counters from zero and the times of the history."""
    if BEGIN <= at < BEGIN + 0.6:
        return None
    counted = max(at, 0) if at < BEGIN else at - BEGIN
    long_ago = now - 86400
    refused = ("kcproxy_denials_total", MISSING, float(round(0.1 * counted)))
    answered = ("kcproxy_requests_total", {"operation": KIND["operation"], "code": "200"}, float(round(20 * counted)))
    fetched: list[Sample] = [
        ("kcproxy_token_fetched_timestamp_seconds", {"account": "billing"}, now - at + (BEGIN if at >= BEGIN else 0)),
        ("kcproxy_token_fetches_total", {"account": "billing", "outcome": "ok"}, 1.0),
        ("kcproxy_explanations_total", {"confidence": "certain"}, float(round(0.1 * counted))),
    ]
    return [*_always(), refused, answered, *fetched, *_times(MISSING, long_ago, now, 0.0)]


JOBS: Mapping[str, Metrics] = {
    "kcproxy-new-kind": new_kind,
    "kcproxy-revoked": revoked,
    "kcproxy-surge": surge,
    "kcproxy-audience": audience,
    "kcproxy-unexplained": unexplained,
    "kcproxy-token": token,
    "kcproxy-upstream": upstream,
    "kcproxy-overhead": overhead,
    "kcproxy-settings": settings,
    "kcproxy-accept": accept,
    "kcproxy-down": down,
    "kcproxy-log": lost_lines,
    "kcproxy-log-export": lost_records,
    "kcproxy-history": lost_history,
    "kcproxy-record": lost_calls,
    "kcproxy-behind": behind,
    ROLLING: rolling,
}
