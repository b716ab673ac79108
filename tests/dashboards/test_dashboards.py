"""The rules of good dashboards (those of Grafana's public linter, in our words), and that every name in a query exists."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcproxy.observe.metric_specs import LABELS, SPECS
from tests.dashboards.queries import DASHBOARDS, ROOT, SELECTOR, Target, alerts, filled, panels, targets
from tools.dashboards import generate

PANELS = [pytest.param(name, panel, id=f"{name}: {panel['title']}") for name, panel in panels()]
WITH_LEGEND = [pytest.param(name, panel, id=f"{name}: {panel['title']}") for name, panel in panels() if "legend" in panel["options"]]
TARGETS = [pytest.param(target, id=target.id) for target in targets()]
BOARDS = [pytest.param(board, id=name) for name, board in DASHBOARDS.items()]
EXCLUSIONS = yaml.safe_load((ROOT / "grafana" / "dashboards" / ".lint").read_text(encoding="utf-8"))["exclusions"]
COUNTED_FROM_THE_FIRST = {entry["dashboard"] for entry in EXCLUSIONS["target-counter-agg-rule"]["entries"]}
SERIES = {name: spec for spec in SPECS for name in spec.series}
UNITS = {"short", "s", "reqpm", "reqps", "percentunit", "opm", "ops", "eps", "bytes", "Bps", "dateTimeFromNow"}
OF_THE_PROCESS = frozenset(
    {
        "python_gc_collections_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    }
)
WHOLE_RANGE = {"stat", "table"}
"""Kinds of panel that may count over the whole range shown ($__range): they show one number, not a line."""


def test_what_is_committed_is_what_the_source_makes() -> None:
    for path, text in generate.documents().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text.rstrip("\n") + "\n", f"{path}: make docs"
    assert set(DASHBOARDS) == {Path(name).stem for name in generate.dashboards()}


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_has_its_variables(board: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        variable = variables[name]
        assert (variable["multi"], variable["includeAll"], variable["allValue"], variable["refresh"]) == (True, True, ".+", 2)
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["definition"].startswith("label_values(kcproxy_")


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_is_read_only_and_has_a_stable_name(board: dict[str, Any]) -> None:
    assert board["editable"] is False
    assert board["uid"].startswith("kcproxy-")
    assert board["title"].startswith("kcproxy / ")
    assert board["description"].endswith(".")
    assert "kcproxy" in board["tags"]


@pytest.mark.parametrize("board", BOARDS)
def test_every_variable_that_is_used_is_there(board: dict[str, Any]) -> None:
    built_in = {"__rate_interval", "__range", "__range_s", "__interval", "__interval_ms", "__all", "__data"}
    used = set(re.findall(r"\$\{?(\w+)", str(board)))
    assert used <= built_in | {variable["name"] for variable in board["templating"]["list"]}


@pytest.mark.parametrize("board", BOARDS)
def test_panels_do_not_overlap_and_have_numbers_of_their_own(board: dict[str, Any]) -> None:
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_says_what_it_shows(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith((".", "?"))
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_single_number_is_of_now_and_does_not_outlive_its_process(name: str, panel: dict[str, Any]) -> None:
    assert all(target["instant"] is (panel["type"] in WHOLE_RANGE) for target in panel["targets"])


@pytest.mark.parametrize(("name", "panel"), WITH_LEGEND)
def test_a_legend_has_the_fields_that_grafanas_schema_requires(name: str, panel: dict[str, Any]) -> None:
    assert set(panel["options"]["legend"]) == {"showLegend", "displayMode", "placement", "calcs"}


@pytest.mark.parametrize("target", TARGETS)
def test_every_selector_matches_job_and_instance(target: Target) -> None:
    names = re.findall(r"\b(?:kcproxy|process|python)_\w+", target.expr)
    selectors = SELECTOR.findall(target.expr)
    assert len(names) == len(selectors) > 0
    for _, matchers in selectors:
        assert 'job=~"$job"' in matchers
        assert 'instance=~"$instance"' in matchers


@pytest.mark.parametrize("target", TARGETS)
def test_rates_are_over_grafanas_own_interval(target: Target) -> None:
    for function, window in re.findall(r"\b(\w+)\([^\[()]*\[([^\]]+)\]", target.expr):
        if window == "$__range":
            assert function in {"increase", "last_over_time", "max_over_time", "min_over_time", "resets"}
            at_end = re.findall(r"\[\$__range\](?! @ end\(\))", target.expr) == []  # which series are shown at every point
            assert target.kind in WHOLE_RANGE or at_end
        else:
            assert window == "$__rate_interval"
            assert function in {"rate", "last_over_time"}


@pytest.mark.parametrize("target", TARGETS)
def test_raw_counters_are_shown_only_if_it_is_known_when_they_began(target: Target) -> None:
    for match in re.finditer(r"\b\w+_(?:total|bucket|sum|count)\{", target.expr):
        if not re.search(r"(rate|increase)\($", target.expr[: match.start()]):
            assert DASHBOARDS[target.board]["title"] in COUNTED_FROM_THE_FIRST
            assert re.search(r"(_first_\w*timestamp|process_start_time)_seconds\{", target.expr), match.group()


@pytest.mark.parametrize("target", TARGETS)
def test_every_metric_and_label_exists(target: Target) -> None:
    for name, matchers in SELECTOR.findall(target.expr):
        if not name.startswith("kcproxy_"):
            assert name in OF_THE_PROCESS
            continue
        assert name in SERIES
        labels = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers)) - {"job", "instance"}
        assert labels <= set(SERIES[name].labels) | {"le"}
    grouped = {label for group in re.findall(r"\bby \(([^)]*)\)", target.expr) for label in re.split(r",\s*", group)}
    assert grouped <= set(LABELS) | {"instance", "job", "generation"}


def test_every_metric_is_looked_at_by_a_panel_or_an_alert() -> None:
    text = " ".join([target.expr for target in targets()] + [alert["expr"] for alert in alerts()])
    unused = [spec.name for spec in SPECS if not any(re.search(rf"\b{name}\b", text) for name in spec.series)]
    assert unused == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")
def test_every_query_is_valid(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": filled(target.expr)} for number, target in enumerate(targets())]
    annotations = [note["expr"] for board in DASHBOARDS.values() for note in board["annotations"]["list"]]
    rules += [{"record": f"annotation:{number}", "expr": filled(expr)} for number, expr in enumerate(annotations)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    run = subprocess.run(["promtool", "check", "rules", "--lint=none", str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_linters_exclusions_have_a_reason() -> None:
    assert all(rule["reason"] for rule in EXCLUSIONS.values())


def test_provisioning_points_at_the_dashboards_and_the_datasource() -> None:
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/kcproxy.yaml").read_text(encoding="utf-8"))["providers"][0]
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8"))["datasources"][0]
    assert provider["allowUiUpdates"] is False
    assert source["type"] == "prometheus"
