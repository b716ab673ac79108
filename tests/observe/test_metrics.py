"""Metrics: what each event counts, that label sets stay closed, and that promtool likes the page."""

import shutil
import subprocess
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from kcproxy.errors import KcproxyError, SettingsError, UpstreamError
from kcproxy.model import CallerKind, TargetKind
from kcproxy.observe.metric_specs import DENIAL_LABELS, LABELS, SPECS, Kind
from kcproxy.observe.metrics import MAX_DENIAL_SERIES, Metrics
from kcproxy.settings import MetricSettings
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import KnownCaller
from tests.observe.samples import CLIENT, REALM, caller, explanation, record, target
from tools.docs.metrics import FILE, documents

OPERATION = "GET /admin/realms/{realm}/users/{user-id}"


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_request_is_counted_by_operation_and_status() -> None:
    metrics = Metrics()
    metrics.request_started()
    assert value(metrics, "kcproxy_requests_in_flight") == 1
    metrics.request_finished(record(status=403, received_bytes=3))
    assert value(metrics, "kcproxy_requests_in_flight") == 0
    assert value(metrics, "kcproxy_requests_total", operation=OPERATION, code="403") == 1
    assert value(metrics, "kcproxy_received_bytes_total") == 3
    assert value(metrics, "kcproxy_sent_bytes_total") == 412


def test_the_proxys_own_time_does_not_include_the_upstreams() -> None:
    metrics = Metrics()
    metrics.request_finished(record(duration_seconds=0.5, upstream_seconds=0.4))
    assert value(metrics, "kcproxy_request_duration_seconds_sum", operation=OPERATION) == pytest.approx(0.5)
    assert value(metrics, "kcproxy_upstream_duration_seconds_sum", operation=OPERATION) == pytest.approx(0.4)
    assert value(metrics, "kcproxy_overhead_duration_seconds_sum") == pytest.approx(0.1)


def test_waiting_for_a_slow_body_does_not_count_as_the_proxys_time() -> None:
    metrics = Metrics()
    metrics.request_finished(record(duration_seconds=2.0, upstream_seconds=0.4, waited_seconds=1.5))
    assert value(metrics, "kcproxy_overhead_duration_seconds_sum") == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kind", "label"), [(TargetKind.ADMIN_UNKNOWN, "admin-unknown"), (TargetKind.TOKEN, "token"), (TargetKind.OTHER, "other")]
)
def test_requests_outside_the_catalog_are_labeled_by_kind_never_by_path(kind: TargetKind, label: str) -> None:
    metrics = Metrics()
    metrics.request_finished(record(target(template=None, kind=kind)))
    assert value(metrics, "kcproxy_requests_total", operation=label, code="200") == 1


@pytest.mark.parametrize("changes", [{"denial_id": "d-1", "status": 403}, {"error_kind": "connect", "status": 502}])
def test_look_ups_of_a_refusal_and_failed_connections_are_not_the_proxys_own_time(changes: dict[str, Any]) -> None:
    metrics = Metrics()
    metrics.request_finished(record(duration_seconds=2.0, upstream_seconds=0.5, **changes))
    assert value(metrics, "kcproxy_overhead_duration_seconds_count") == 0


def test_a_status_that_http_does_not_know_is_other() -> None:
    metrics = Metrics()
    metrics.request_finished(record(status=99999))
    assert value(metrics, "kcproxy_requests_total", operation=OPERATION, code="other") == 1


def test_a_denial_is_counted_by_operation_realm_cause_and_missing_role() -> None:
    metrics = Metrics(now=lambda: 1000.0)
    metrics.denied(explanation())
    labels = {"operation": OPERATION, "realm": REALM, "cause": "role-missing", "role": "view-users", "client": CLIENT}
    assert value(metrics, "kcproxy_denials_total", **labels) == 1
    assert value(metrics, "kcproxy_denial_first_timestamp_seconds", **labels) == 1000
    assert value(metrics, "kcproxy_explanations_total", confidence="certain") == 1


def test_roles_that_are_needed_together_are_joined_and_made_up_ones_are_other() -> None:
    metrics = Metrics()
    assert metrics.denied(explanation(missing=("manage-users", "view-realm")))[3] == "manage-users+view-realm"
    assert metrics.denied(explanation(missing=("role-of-a-stranger",)))[3] == "other"
    assert metrics.denied(explanation(missing=()))[3] == "none"


def test_clients_are_shown_unless_the_settings_say_otherwise() -> None:
    assert Metrics().denied(explanation())[4] == CLIENT
    assert Metrics(MetricSettings(clients=False)).denied(explanation())[4] == ""


def test_the_end_of_a_kind_of_denial_has_a_time_and_zero_before() -> None:
    metrics = Metrics(now=lambda: 1000.0)
    key = metrics.denied(explanation())
    labels = dict(zip(DENIAL_LABELS, key, strict=True))
    assert value(metrics, "kcproxy_denial_resolved_timestamp_seconds", **labels) == 0
    metrics.resolved(key)
    assert value(metrics, "kcproxy_denial_resolved_timestamp_seconds", **labels) == 1000


def test_realms_beyond_the_cap_are_other_and_configured_ones_never() -> None:
    metrics = Metrics(MetricSettings(realms=("mine",), max_realms=4))
    shown = {metrics.denied(explanation(target=target(realm=f"r{n}")))[1] for n in range(20)}
    assert shown == {"r0", "r1", "r2", "r3", "other"}
    assert metrics.denied(explanation(target=target(realm="mine")))[1] == "mine"
    assert value(metrics, "kcproxy_label_overflow_total", label="realm") == 16


def test_invented_realms_take_a_quarter_of_the_places_at_most() -> None:
    metrics = Metrics(MetricSettings(max_realms=8))
    invented = {metrics.denied(explanation(target=target(realm=f"x{n}"), status=401))[1] for n in range(50)}
    assert len(invented - {"other"}) == 2
    metrics.request_finished(record(target(realm="real")))
    assert metrics.denied(explanation(target=target(realm="real"), status=401))[1] == "real"


@pytest.mark.parametrize("name", ["a\nb", "\ud800", "", "x" * 300, "a\x00b"])
def test_names_that_cannot_be_shown_are_other_and_the_page_is_still_written(name: str) -> None:
    metrics = Metrics(MetricSettings(clients=True))
    metrics.denied(explanation(target=target(realm=name), caller=caller(name)))
    assert 'realm="other"' in generate_latest(metrics.registry).decode()


def test_combinations_of_denial_labels_have_an_end() -> None:
    metrics = Metrics(MetricSettings(max_realms=10_000))
    keys = {metrics.denied(explanation(target=target(realm=f"r{n}"))) for n in range(MAX_DENIAL_SERIES + 50)}
    assert len(keys) == MAX_DENIAL_SERIES + 1
    assert ("overflow", "other", "role-missing", "other", "") in keys


def test_a_role_that_was_taken_away_from_an_account_goes_to_zero() -> None:
    metrics = Metrics(accounts=["app"])
    metrics.token_roles("app", ("view-users", "manage-users"))
    metrics.token_roles("app", ("view-users",))
    assert value(metrics, "kcproxy_role_granted", account="app", role="view-users") == 1
    assert value(metrics, "kcproxy_role_granted", account="app", role="manage-users") == 0


def test_a_fetched_token_shows_when_it_came_and_when_it_ends() -> None:
    metrics = Metrics(accounts=["app"], now=lambda: 5000.0)
    metrics.token_fetched("app", "ok", 0.02, 300)
    assert value(metrics, "kcproxy_token_fetched_timestamp_seconds", account="app") == 5000
    assert value(metrics, "kcproxy_token_expiry_timestamp_seconds", account="app") == 5300
    assert value(metrics, "kcproxy_token_failed_timestamp_seconds", account="app") is None


def test_a_failed_fetch_is_dated_and_leaves_the_present_token_as_it_is() -> None:
    times = [5000.0]
    metrics = Metrics(accounts=["app"], now=lambda: times[-1])
    metrics.token_fetched("app", "ok", 0.02, 300)
    times.append(5200.0)
    metrics.token_fetched("app", "invalid_client", 0.02, None)
    dated = [value(metrics, f"kcproxy_token_{name}_timestamp_seconds", account="app") for name in ("fetched", "expiry", "failed")]
    assert dated == [5000, 5300, 5200]


def test_series_of_closed_sets_exist_before_their_first_event() -> None:
    metrics = Metrics(accounts=["app"])
    assert value(metrics, "kcproxy_token_fetches_total", account="app", outcome="ok") == 0
    assert value(metrics, "kcproxy_token_fetches_total", account="app", outcome="unauthorized_client") == 0
    assert value(metrics, "kcproxy_upstream_errors_total", kind="timeout") == 0
    assert value(metrics, "kcproxy_errors_total", kind="token") == 0


def test_no_series_exists_that_can_never_move() -> None:
    metrics = Metrics()
    for name, kinds in (("kcproxy_upstream_errors_total", kinds_below(UpstreamError)), ("kcproxy_errors_total", kinds_below(KcproxyError))):
        shown = {sample.labels["kind"] for family in metrics.registry.collect() for sample in family.samples if sample.name == name}
        assert shown <= kinds
    assert value(metrics, "kcproxy_denials_total", operation="other", realm="none", cause="role-missing", role="none", client="") is None


def kinds_below(error: type[KcproxyError]) -> set[str]:
    return {error.kind}.union(*(kinds_below(narrower) for narrower in error.__subclasses__()))


def test_the_first_need_of_a_role_is_dated_because_no_increase_shows_it() -> None:
    times = [1000.0]
    metrics = Metrics(accounts=["app"], now=lambda: times[-1])
    metrics.role_used("app", ("view-users",))
    times.append(2000.0)
    metrics.role_used("app", ("view-users",))
    assert value(metrics, "kcproxy_role_first_use_timestamp_seconds", account="app", role="view-users") == 1000


def test_a_request_with_a_trace_leaves_an_exemplar_in_openmetrics() -> None:
    metrics = Metrics()
    metrics.request_finished(record(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"))
    assert '# {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"}' in openmetrics(metrics.registry).decode()  # type: ignore[no-untyped-call]


def test_two_apps_in_one_process_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.token_replaced("app")
    assert value(second, "kcproxy_token_replacements_total", account="app") is None


def test_a_multi_process_directory_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match="unset it"):
        Metrics()


def test_every_metric_says_what_it_is_and_every_label_what_bounds_it() -> None:
    for spec in SPECS:
        assert spec.name.startswith("kcproxy_")
        assert spec.help.endswith(".")
        assert (spec.kind is Kind.COUNTER) == spec.name.endswith("_total")
        assert set(spec.labels) <= set(LABELS)
        assert (spec.kind is Kind.HISTOGRAM) == bool(spec.buckets)
    assert len({spec.name for spec in SPECS}) == len(SPECS)


def test_the_registry_holds_the_table_and_nothing_else_of_ours() -> None:
    exposed = {family.name for family in Metrics().registry.collect() if family.name.startswith("kcproxy")}
    assert exposed == {spec.name.removesuffix("_total") for spec in SPECS}


def test_the_documentation_names_every_metric_and_every_label() -> None:
    text = documents()[FILE]
    assert all(f"| `{spec.name}` | {spec.kind.value} |" in text for spec in SPECS)
    assert all(f"| `{label}` |" in text for label in LABELS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")
def test_promtool_finds_nothing_to_say_about_the_page() -> None:
    metrics = Metrics(accounts=["app"])
    metrics.request_started()
    metrics.request_finished(record())
    metrics.denied(explanation())
    metrics.token_fetched("app", "ok", 0.1, 60)
    metrics.looked_up("grants", "ok", 0.01)
    run = subprocess.run(["promtool", "check", "metrics"], input=generate_latest(metrics.registry), capture_output=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, b"")


def test_callers_and_operations_of_uses_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.observe.metrics.MAX_CACHED", 4)
    metrics = Metrics(MetricSettings(clients=True, max_clients=2))
    for number in range(6):
        known = KnownCaller(UseCaller(client=f"c-{number}", token_realm="r", kind=CallerKind.USER))
        for operation in ("a", "b"):
            metrics.operation_used(known, operation, Outcome.FULL)
    found = {
        (s.labels["caller"], s.labels["operation"]): s.value
        for f in metrics.registry.collect()
        for s in f.samples
        if s.name == "kcproxy_operation_uses_total"
    }
    assert found == {("r/c-0", "a"): 1, ("r/c-0", "b"): 1, ("r/c-1", "a"): 1, ("r/c-1", "b"): 1, ("other", "other"): 8}
