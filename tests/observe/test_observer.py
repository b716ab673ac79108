"""The observer: every event reaches metrics, log and store; and a denial counts as resolved only when the same caller passes."""

import json
from collections.abc import Iterator

import pytest

from kcproxy import catalog
from kcproxy.model import Caller, CallerKind, Cause, Facts
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.observe.log import Log
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, Direction, ListenerName, Slowness
from kcproxy.settings import LogSettings, MetricSettings
from kcproxy.usage.model import UseCaller
from kcproxy.usage.tally import UseTally
from tests.catalog.conftest import DOCUMENT
from tests.observe.samples import CLIENT, REALM, caller, explanation, record, target
from tests.observe.test_log import Captured

OPERATION = "GET /admin/realms/{realm}/users/{user-id}"
DENIAL = {"operation": OPERATION, "realm": REALM, "cause": "role-missing", "role": "view-users", "client": CLIENT}


@pytest.fixture
def observer() -> Iterator[LiveObserver]:
    made = LiveObserver(
        Metrics(accounts=["app"]), Log(LogSettings(level="debug"), sink=Captured()), DenialStore(), catalog=catalog.parse(DOCUMENT)
    )
    yield made
    made.close()


def value(observer: LiveObserver, name: str, **labels: str) -> float | None:
    return observer.metrics.registry.get_sample_value(name, labels)


def resolved(observer: LiveObserver) -> float | None:
    return value(observer, "kcproxy_denials_resolved_total", **DENIAL)


def test_the_base_class_ignores_every_event() -> None:
    silent = Observer()
    silent.request_started()
    silent.request_finished(record())
    silent.denied(explanation(), record(status=403))
    silent.token_cache_read("app", hit=True)
    silent.settings_reloaded(successful=True)
    assert not silent.awaits(target())
    assert vars(silent) == {}


def test_the_live_observer_handles_every_event(observer: LiveObserver) -> None:
    events = {name for name in vars(Observer) if not name.startswith("_")}
    assert events <= set(vars(type(observer)))


def test_a_denial_reaches_metrics_log_and_store(observer: LiveObserver) -> None:
    observer.denied(explanation(), record(status=403))
    assert value(observer, "kcproxy_denials_total", **DENIAL) == 1
    assert value(observer, "kcproxy_denials_stored") == 1
    assert observer.denials.find("d-1") is not None
    assert isinstance(observer.log.sink, Captured)
    assert '"event":"denial"' in observer.log.sink.lines[0]


@pytest.mark.parametrize(
    ("denied_for", "passes_for", "count"),
    [
        (record(status=403), record(caller=caller()), 1),
        (record(status=403), record(caller=caller("somebody-else")), 0),
        (record(status=403), record(caller=None), 0),
        (record(status=403), record(injected_account="app"), 0),
        (record(status=403, injected_account="app"), record(injected_account="app"), 1),
        (record(status=403), record(target(realm="another"), caller=caller()), 0),
        (record(status=403), record(target(method="DELETE"), caller=caller()), 0),
        (record(status=403), record(status=404, caller=caller()), 0),
    ],
)
def test_a_denial_is_resolved_when_the_same_caller_passes_with_the_same(
    observer: LiveObserver, denied_for: RequestRecord, passes_for: RequestRecord, count: int
) -> None:
    observer.denied(explanation(), denied_for)
    observer.request_finished(passes_for)
    assert resolved(observer) == count
    assert (next(observer.denials.groups()).resolved_at is not None) == bool(count)


def test_it_is_resolved_once(observer: LiveObserver) -> None:
    observer.denied(explanation(), record(status=403))
    for _ in range(3):
        observer.request_finished(record(caller=caller()))
    assert resolved(observer) == 1
    assert isinstance(observer.log.sink, Captured)
    assert sum('"event":"denial_resolved"' in line for line in observer.log.sink.lines) == 1


def test_what_an_accounts_requests_need_is_counted_beside_what_it_holds(observer: LiveObserver) -> None:
    observer.token_roles("app", ("manage-users",))
    observer.request_finished(record(injected_account="app"))
    assert value(observer, "kcproxy_role_granted", account="app", role="manage-users") == 1
    assert value(observer, "kcproxy_role_uses_total", account="app", role="view-users") == 1


def test_a_role_that_comes_with_another_is_not_shown_as_granted(observer: LiveObserver) -> None:
    observer.token_roles("app", ("query-groups", "query-users", "view-users"))
    assert value(observer, "kcproxy_role_granted", account="app", role="view-users") == 1
    assert value(observer, "kcproxy_role_granted", account="app", role="query-users") is None


def test_a_refused_request_uses_no_role(observer: LiveObserver) -> None:
    observer.request_finished(record(status=403, injected_account="app"))
    assert value(observer, "kcproxy_role_uses_total", account="app", role="view-users") is None


def test_it_says_for_which_requests_it_is_worth_knowing_who_passes(observer: LiveObserver) -> None:
    assert not observer.awaits(target())
    observer.denied(explanation(), record(status=403))
    assert observer.awaits(target())
    assert not observer.awaits(target(method="DELETE"))
    assert not observer.awaits(target(realm="another"))
    observer.request_finished(record(caller=caller()))
    assert not observer.awaits(target())


def test_unresolved_denials_are_bounded(observer: LiveObserver) -> None:
    for number in range(3000):
        one = caller(f"c-{number}")
        observer.denied(explanation(f"d-{number}", caller=one), record(status=403))
    assert len(observer._unresolved) == 1000
    assert observer._awaited.total() == 1000


def test_all_other_events_are_counted(observer: LiveObserver) -> None:
    observer.request_started()
    observer.response_reduced(target(), "shorter")
    observer.token_fetched("app", "ok", 0.1, 60)
    observer.token_fetched("app", "token", 0.1, None)
    observer.token_cache_read("app", hit=True)
    observer.token_replaced("app")
    observer.upstream_failed("connect")
    observer.looked_up("grants", "late", 0.3)
    observer.settings_reloaded(successful=False)
    assert value(observer, "kcproxy_requests_in_flight") == 1
    assert value(observer, "kcproxy_reduced_answers_total", operation=OPERATION) == 1
    assert value(observer, "kcproxy_token_fetches_total", account="app", outcome="ok") == 1
    assert value(observer, "kcproxy_token_fetches_total", account="app", outcome="token") == 1
    assert value(observer, "kcproxy_token_cache_reads_total", account="app", result="hit") == 1
    assert value(observer, "kcproxy_token_replacements_total", account="app") == 1
    assert value(observer, "kcproxy_upstream_errors_total", kind="connect") == 1
    assert value(observer, "kcproxy_lookups_total", what="grants", outcome="late") == 1
    assert value(observer, "kcproxy_config_last_reload_successful") == 0


def test_dropped_log_lines_are_a_metric(observer: LiveObserver) -> None:
    assert observer.log.sink.on_drop is not None
    observer.log.sink.on_drop()
    assert value(observer, "kcproxy_log_dropped_total") == 1


def test_a_success_ends_the_revoked_and_the_missing_role_which_are_one_kind_on_the_page(observer: LiveObserver) -> None:
    observer.denied(explanation(cause=Cause.ROLE_REVOKED), record(status=403))
    observer.denied(explanation("d-2"), record(status=403))
    observer.request_finished(record(caller=caller()))
    for cause in ("role-revoked", "role-missing"):
        assert value(observer, "kcproxy_denials_resolved_total", **{**DENIAL, "cause": cause}) == 1
    assert [group.summary()["state"] for group in observer.denials.groups()] == ["fixed"]


def test_an_anonymous_refusal_is_never_resolved(observer: LiveObserver) -> None:
    nobody = Caller(kind=caller().kind)
    observer.denied(explanation(caller=nobody), record(status=401))
    observer.request_finished(record(caller=caller()))
    assert value(observer, "kcproxy_denials_resolved_total", **{**DENIAL, "client": "none"}) == 0


def test_a_denial_that_cannot_be_stored_is_counted_and_logged(observer: LiveObserver) -> None:
    broken = explanation(looked_up=Facts(granted=5))  # type: ignore[arg-type]
    observer.denied(broken, record(status=403))
    assert value(observer, "kcproxy_denials_total", **DENIAL) == 1
    assert isinstance(observer.log.sink, Captured)
    assert '"event":"denial_not_stored"' in observer.log.sink.lines[-1]


def test_another_table_is_what_the_build_info_and_the_page_show(observer: LiveObserver) -> None:
    other = catalog.parse({**DOCUMENT, "keycloak": "24.0.5"})
    observer.use_catalog(other)
    shown = [sample.labels["catalog"] for family in observer.metrics.gauge("kcproxy_build_info").collect() for sample in family.samples]
    assert shown == ["24.0.5"]
    assert observer.catalog is other


def test_what_happens_to_sockets_and_slow_callers_is_counted(observer: LiveObserver) -> None:
    observer.client_too_slow(Direction.REQUEST, Slowness.RATE)
    observer.connection_refused(ListenerName.ADMIN, ConnectionRefusal.DISPLACED)
    observer.watch_connections(ListenerName.DATA, lambda: 7)
    assert value(observer, "kcproxy_slow_transfers_total", direction="request", reason="rate") == 1
    assert value(observer, "kcproxy_slow_transfers_total", direction="response", reason="queue") == 0
    assert value(observer, "kcproxy_connections_refused_total", listener="admin_listen", reason="displaced") == 1
    assert value(observer, "kcproxy_connections", listener="listen") == 7


def test_accepts_that_fail_are_all_counted_and_logged_once_a_minute() -> None:
    now = [1000.0]
    sink = Captured()
    observer = LiveObserver(Metrics(), Log(LogSettings(), sink=sink), DenialStore(), clock=lambda: now[0])
    for _ in range(100):
        observer.accept_failed(ListenerName.DATA, AcceptFailure.DESCRIPTORS, "Too many open files")
        now[0] += 1
    observer.accept_recovered(ListenerName.DATA)
    observer.accept_failed(ListenerName.DATA, AcceptFailure.DESCRIPTORS, "Too many open files")
    observer.accept_recovered(ListenerName.DATA)  # in the same minute: neither of the two is logged
    observer.close()
    assert value(observer, "kcproxy_accept_failures_total", listener="listen", reason="descriptors") == 101
    lines = [json.loads(line) for line in sink.lines]
    assert [(line["event"], line["failures"]) for line in lines] == [
        ("accept_failed", 1),
        ("accept_failed", 61),
        ("accept_recovered", 100),
    ]


@pytest.mark.parametrize(("recording", "counts"), [(True, [("full", 2), ("refused", 1)]), (False, [])])
def test_calls_of_verified_callers_are_counted_if_there_is_a_record(recording: bool, counts: list[tuple[str, int]]) -> None:
    tally = UseTally(recording=recording)
    known = tally.know(UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT))
    live = LiveObserver(Metrics(), Log(LogSettings(), sink=Captured()), DenialStore(), uses=tally)
    for status in (200, 204, 403):
        live.request_finished(record(status=status, used_by=known))
    live.request_finished(record(status=200))
    live.close()
    assert [(key[4].value, number) for key, number in tally.take().counts.items()] == counts


def test_a_reduced_response_is_credited_to_the_role_that_was_let_in() -> None:
    table = catalog.load("26.7.5")
    live = LiveObserver(Metrics(), Log(LogSettings(), sink=Captured()), DenialStore(), catalog=table)
    listed = table.target("GET", f"/admin/realms/{REALM}/users")
    held = caller(roles={"realm-management": ("query-users", "query-groups")})
    for reduced in (True, False):
        live.request_finished(record(listed, injected_account="app", caller=held, reduced=reduced))
    assert value(live, "kcproxy_role_uses_total", account="app", role="query-users") == 1
    assert value(live, "kcproxy_role_uses_total", account="app", role="view-users") == 1
    live.close()


def test_accounts_of_one_name_in_two_realms_are_two() -> None:
    tally = UseTally()
    live = LiveObserver(Metrics(), Log(LogSettings(), sink=Captured()), DenialStore(), catalog=catalog.parse(DOCUMENT), uses=tally)
    for realm in ("one", "two"):
        known = tally.know(UseCaller(client="app", token_realm=realm, kind=CallerKind.SERVICE_ACCOUNT, injected=True))
        live.request_finished(record(injected_account="app", used_by=known))
    assert [value(live, "kcproxy_role_uses_total", account=f"{realm}/app", role="view-users") for realm in ("one", "two")] == [1, 1]
    live.close()


@pytest.mark.parametrize(("shown", "count"), [(True, 1), (False, None)])
def test_calls_are_counted_by_caller_and_operation_if_clients_are_shown(shown: bool, count: int | None) -> None:
    tally = UseTally(recording=False)
    live = LiveObserver(Metrics(MetricSettings(clients=shown)), Log(LogSettings(), sink=Captured()), DenialStore(), uses=tally)
    known = tally.know(UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT))
    live.request_finished(record(used_by=known, status=403))
    assert value(live, "kcproxy_operation_uses_total", caller="shop/sync", operation=OPERATION, use="refused") == count
    live.close()
