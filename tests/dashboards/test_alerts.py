"""Alerts: each fires in a promtool case and is quiet in another, has a runbook page, and says what to look at."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dashboards.queries import DASHBOARDS, ROOT, RULES, RUNBOOKS, alerts

CASES = ROOT / "prometheus" / "tests" / "kcproxy.yaml"
ALERTS = [pytest.param(alert, id=alert["alert"]) for alert in alerts()]
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def cases() -> list[str]:
    return [case["name"] for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]]


@needs_promtool
def test_the_rules_are_clean() -> None:
    run = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
def test_every_case_holds() -> None:
    run = promtool("test", "rules", str(CASES))
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
@pytest.mark.parametrize(("expr", "word"), [("vector(0) == 1", "fires"), ("vector(1)", "is quiet")], ids=["never", "always"])
@pytest.mark.parametrize("alert", ALERTS)
def test_the_cases_notice_an_alert_that_never_or_always_fires(alert: dict[str, Any], expr: str, word: str, tmp_path: Path) -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group["rules"] = [{"alert": rule["alert"], "expr": expr} for rule in group["rules"] if rule["alert"] == alert["alert"]]
    rules["groups"] = [group for group in rules["groups"] if group["rules"]]
    own = yaml.safe_load(CASES.read_text(encoding="utf-8"))
    own["tests"] = [case for case in own["tests"] if case["name"].startswith(f"{alert['alert']} {word}")]
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "rules" / "kcproxy.yaml").write_text(yaml.safe_dump(rules))
    (tmp_path / "tests" / "kcproxy.yaml").write_text(yaml.safe_dump(own))
    assert own["tests"]
    assert promtool("test", "rules", str(tmp_path / "tests" / "kcproxy.yaml")).returncode != 0


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_quiet(alert: dict[str, Any]) -> None:
    for word in ("fires", "is quiet"):
        assert any(name.startswith(f"{alert['alert']} {word}") for name in cases())


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_means_and_where_to_look(alert: dict[str, Any]) -> None:
    notes = alert["annotations"]
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert notes["summary"]
    assert notes["description"].endswith((".", "!"))
    assert notes["runbook_url"].endswith(f"/runbooks/{alert['alert']}")
    assert notes["dashboard_url"].partition("?")[0].rsplit("/", 1)[1] in {board["uid"] for board in DASHBOARDS.values()}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_runbook_page_with_every_section(alert: dict[str, Any]) -> None:
    lines = (RUNBOOKS / f"{alert['alert']}.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        f"# {alert['alert']}",
        "## Meaning",
        "## Impact",
        "## Diagnosis",
        "## Mitigation",
    ]


def test_there_is_no_page_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {alert["alert"] for alert in alerts()}
