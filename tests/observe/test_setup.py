"""From settings to an observer."""

from pathlib import Path

import pytest

from kcproxy import catalog
from kcproxy.errors import SettingsError
from kcproxy.observe.metric_specs import DENIAL_LABELS
from kcproxy.observe.setup import live_observer
from kcproxy.settings import AccountSettings, HistorySettings, InspectorSettings, Settings, UpstreamSettings
from tests.catalog.conftest import DOCUMENT
from tests.observe.samples import REALM, explanation, record, target

UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=8080)
ACCOUNT = AccountSettings(realms=("one", "two"), token_realm="master", client_id="app")


def settings(**changes: object) -> Settings:
    return Settings(upstream=UPSTREAM, accounts=(ACCOUNT,), **changes)  # type: ignore[arg-type]


@pytest.fixture
def table() -> catalog.Catalog:
    return catalog.parse(DOCUMENT)


def test_configured_realms_and_accounts_have_their_labels(table: catalog.Catalog) -> None:
    observer = live_observer(settings(), table)
    samples = observer.metrics.registry.get_sample_value
    assert samples("kcproxy_token_fetches_total", {"account": ACCOUNT.label, "outcome": "ok"}) == 0
    assert observer.metrics.denied(explanation(target=target(realm="two"), status=401))[1] == "two"
    observer.close()


def test_denials_that_a_history_kept_are_counted_as_stored(table: catalog.Catalog, tmp_path: Path) -> None:
    with_history = settings(history=HistorySettings(path=tmp_path / "history.sqlite"))
    first = live_observer(with_history, table)
    first.denied(explanation(), record(status=403))
    first.close()
    again = live_observer(with_history, table)
    assert again.metrics.registry.get_sample_value("kcproxy_denials_stored") == 1
    again.close()


def test_after_a_restart_a_kind_of_denial_has_the_times_of_the_history(table: catalog.Catalog, tmp_path: Path) -> None:
    with_history = settings(history=HistorySettings(path=tmp_path / "history.sqlite"))
    first = live_observer(with_history, table)
    labels = dict(zip(DENIAL_LABELS, first.metrics.denied(explanation()), strict=True))
    first.denied(explanation(), record(status=403))
    first.denials.resolved(next(first.denials.groups()).fingerprint)
    seen = next(first.denials.groups())
    first.close()
    again = live_observer(with_history, table)
    samples = again.metrics.registry.get_sample_value
    assert samples("kcproxy_denials_total", labels) == 0
    assert samples("kcproxy_denial_first_timestamp_seconds", labels) == pytest.approx(seen.first_at)
    assert samples("kcproxy_denial_last_timestamp_seconds", labels) == pytest.approx(seen.last_at)
    assert samples("kcproxy_denial_resolved_timestamp_seconds", labels) == pytest.approx(seen.resolved_at)
    again.denied(explanation("d-2"), record(status=403))
    assert samples("kcproxy_denials_total", labels) == 1
    assert samples("kcproxy_denial_first_timestamp_seconds", labels) == pytest.approx(seen.first_at)
    again.close()


def test_the_inspectors_account_has_its_labels_too(table: catalog.Catalog) -> None:
    inspector = InspectorSettings(account=AccountSettings(realms=("one",), token_realm="one", client_id="inspector"))
    observer = live_observer(settings(inspector=inspector), table)
    assert observer.metrics.registry.get_sample_value("kcproxy_token_fetches_total", {"account": "one/inspector", "outcome": "ok"}) == 0
    observer.close()


def test_the_catalog_says_which_role_a_request_needs(table: catalog.Catalog) -> None:
    observer = live_observer(settings(), table)
    observer.request_finished(record(table.target("GET", f"/admin/realms/{REALM}/users/42"), injected_account="app"))
    assert observer.metrics.registry.get_sample_value("kcproxy_role_uses_total", {"account": "app", "role": "view-users"}) == 1
    observer.close()


def test_a_history_file_that_cannot_be_made_is_a_problem_of_the_settings(table: catalog.Catalog, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"history\.path .* use a file that can be written"):
        live_observer(settings(history=HistorySettings(path=tmp_path / "missing" / "h.sqlite")), table)
