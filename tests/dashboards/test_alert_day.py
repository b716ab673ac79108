"""A scripted day in a real Prometheus and a real Alertmanager: every alert is announced and ends, and a rolling restart is quiet."""

from pathlib import Path

import pytest

from tests.dashboards.queries import RULES, alerts
from tools.dashboards import alert_day


@pytest.mark.live_long
@pytest.mark.skipif(alert_day.programs() is None, reason="prometheus and prometheus-alertmanager (Debian packages) are not installed")
@pytest.mark.timeout(400)
async def test_every_alert_is_announced_and_ends_and_a_rolling_restart_is_quiet(tmp_path: Path) -> None:
    day = await alert_day.play(tmp_path)
    assert alert_day.missing(day) == [], (tmp_path / "prometheus.log").read_text()[-2000:]
    for alert in day.messages.values():
        text = "".join(alert["annotations"].values())
        assert "<no value>" not in text
        assert "error" not in text.lower()


def test_the_rules_of_the_day_are_the_rules_with_shorter_times() -> None:
    quick = alert_day.faster(RULES.read_text(encoding="utf-8"))
    assert "[10000ms]" in quick
    assert "offset 1440000ms" in quick
    assert "time() - 15" in quick
    assert quick.count("alert:") == len(alerts())


def test_the_message_of_every_alert_is_in_the_documentation() -> None:
    text = alert_day.DOCUMENT.read_text(encoding="utf-8")
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == sorted(
        alert["alert"] for alert in alerts()
    )
