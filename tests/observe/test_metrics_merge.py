"""Merging the pages of several workers: every metric by the rule that it declares."""

import pytest

from kcproxy.observe.metric_specs import SPECS, Kind, Merge, Spec
from kcproxy.observe.metrics_merge import merged

OF_9_2_AND_5 = {Merge.SUM: 16.0, Merge.MINIMUM: 2.0, Merge.MAXIMUM: 9.0, Merge.SUPERVISOR: 9.0}
"""The result for the value 9 of the process with the admin port, and 2 and 5 of others."""

NOT_AMOUNTS = {
    "kcproxy_denial_first_timestamp_seconds": Merge.MINIMUM,  # the earliest
    "kcproxy_denial_last_timestamp_seconds": Merge.MAXIMUM,  # the latest
    "kcproxy_denial_resolved_timestamp_seconds": Merge.MAXIMUM,
    "kcproxy_token_fetched_timestamp_seconds": Merge.MAXIMUM,
    "kcproxy_token_failed_timestamp_seconds": Merge.MAXIMUM,
    "kcproxy_token_expiry_timestamp_seconds": Merge.MINIMUM,  # the token that expires first
    "kcproxy_role_granted": Merge.MAXIMUM,  # carried by any token
    "kcproxy_role_first_use_timestamp_seconds": Merge.MINIMUM,
    "kcproxy_config_last_reload_successful": Merge.MINIMUM,  # the worst
    "kcproxy_config_last_reload_success_timestamp_seconds": Merge.MAXIMUM,
    "kcproxy_history_behind_seconds": Merge.MAXIMUM,  # the oldest of all
    "kcproxy_history_connected": Merge.MINIMUM,  # the worst
    "kcproxy_ready": Merge.SUPERVISOR,
    "kcproxy_denials_stored": Merge.SUPERVISOR,
    "kcproxy_page_subscribers": Merge.SUPERVISOR,
    "kcproxy_build_info": Merge.MAXIMUM,
}


def page(sample: str, value: float) -> str:
    return f"# TYPE {sample} gauge\n{sample} {value}\n"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_values_of_several_workers_merge_by_the_declared_rule(spec: Spec) -> None:
    for sample in spec.series:
        own, *others = [page(sample, value) for value in (9, 2, 5)]
        assert merged(own, others).splitlines()[-1] == f"{sample} {OF_9_2_AND_5[spec.merge]}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_rule_fits_the_meaning_of_its_metric(spec: Spec) -> None:
    assert spec.merge is NOT_AMOUNTS.get(spec.name, Merge.SUM)
    assert spec.merge is Merge.SUM or spec.kind in {Kind.GAUGE, Kind.INFO}
    assert spec.merge is not Merge.SUM or "timestamp" not in spec.name


def test_a_value_of_the_supervisor_comes_from_no_worker() -> None:
    assert merged("", [page("kcproxy_ready", 1)]) == "# TYPE kcproxy_ready gauge\n"


@pytest.mark.parametrize(
    ("sample", "result"), [("process_start_time_seconds", 2.0), ("process_max_fds", 9.0), ("process_open_fds", 16.0), ("unknown", 16.0)]
)
def test_metrics_of_the_library_are_amounts_with_named_exceptions(sample: str, result: float) -> None:
    own, *others = [page(sample, value) for value in (9, 2, 5)]
    assert merged(own, others).splitlines()[-1] == f"{sample} {result}"
