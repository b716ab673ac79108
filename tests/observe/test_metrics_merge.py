"""Every gauge of the table means something when the pages of several processes are made one."""

import pytest

from kcproxy.observe.metric_specs import SPECS, Kind
from kcproxy.observe.metrics_merge import merged

OF_9_2_AND_5 = {
    "kcproxy_connections": 16.0,
    "kcproxy_requests_in_flight": 16.0,  # an amount: added up
    "kcproxy_denial_first_timestamp_seconds": 2.0,  # the earliest
    "kcproxy_denial_last_timestamp_seconds": 9.0,  # the latest
    "kcproxy_token_fetched_timestamp_seconds": 9.0,
    "kcproxy_token_failed_timestamp_seconds": 9.0,
    "kcproxy_token_expiry_timestamp_seconds": 2.0,  # the one that ends first
    "kcproxy_role_granted": 9.0,  # whichever token carries it
    "kcproxy_role_first_use_timestamp_seconds": 2.0,
    "kcproxy_config_last_reload_successful": 2.0,  # the worst
    "kcproxy_config_last_reload_success_timestamp_seconds": 9.0,
    "kcproxy_ready": 9.0,  # what only the process with the admin port knows
    "kcproxy_denials_stored": 9.0,
    "kcproxy_page_subscribers": 9.0,
    "kcproxy_build_info": 9.0,
}


@pytest.mark.parametrize("name", [spec.name for spec in SPECS if spec.kind in {Kind.GAUGE, Kind.INFO}])
def test_a_gauge_of_several_workers_says_what_it_says_of_one(name: str) -> None:
    first, *others = [f"# TYPE {name} gauge\n{name} {value}\n" for value in (9, 2, 5)]
    assert merged(first, others).splitlines()[-1] == f"{name} {OF_9_2_AND_5[name]}"
