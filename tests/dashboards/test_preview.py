"""The preview draws what Grafana would show: variables, units, joined tables, states, and a notice that it is no Grafana."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.queries import DASHBOARDS
from tools.dashboards.preview import charts, frames, page, pictures
from tools.dashboards.preview.frames import Line
from tools.dashboards.preview.source import Answer, Series, View
from tools.dashboards.preview.units import shown

VIEW = View(url="http://127.0.0.1:1", begin=1000.0, end=1600.0, scrape_seconds=15.0)
NAN = float("nan")

TEXTS: tuple[tuple[float | None, str, int | None, str], ...] = (
    (0, "reqpm", None, "0 req/m"),
    (1234, "reqpm", None, "1.23 K req/m"),
    (12.345, "reqps", None, "12.3 req/s"),
    (414.0, "short", 0, "414"),
    (0.0125, "percentunit", None, "1.25%"),
    (1, "percentunit", None, "100%"),
    (0.0123, "s", None, "12.3 ms"),
    (0.00018, "s", None, "180 µs"),
    (97.2, "s", None, "1.62 min"),
    (-21.5, "s", None, "-21.5 s"),
    (7200, "s", None, "2 hours"),
    (71_303_168, "bytes", None, "68 MiB"),
    (46_500, "Bps", None, "46.5 kB/s"),
    (1_590_000, "dateTimeFromNow", None, "a few seconds ago"),
    (1_480_000, "dateTimeFromNow", None, "2 minutes ago"),
    (None, "short", None, "none"),
    (NAN, "s", None, "none"),
)


@pytest.mark.parametrize(("value", "unit", "decimals", "expected"), TEXTS)
def test_a_number_is_shown_with_its_unit(value: float | None, unit: str, decimals: int | None, expected: str) -> None:
    assert shown(value, unit, decimals, now=1600.0) == expected


def test_variables_are_filled_as_grafana_fills_them() -> None:
    text = VIEW.filled('rate(x{job=~"$job", realm=~"$realm"}[$__rate_interval]) [$__range] $__range_s $__interval_ms $__interval', 600)
    assert text == 'rate(x{job=~".+", realm=~".+"}[60s]) [600s] 600 15000 15s'


def test_a_chosen_value_of_a_variable_is_used() -> None:
    chosen = View(url="", begin=0, end=60, variables={"realm": "shop"})
    assert chosen.filled('x{realm=~"$realm", instance=~"$instance"}', 100) == 'x{realm=~"shop", instance=~".+"}'


@pytest.mark.parametrize(("range_seconds", "width", "step"), [(600, 600, 15), (86400, 600, 300), (604800, 1400, 600)])
def test_the_step_is_a_round_number_and_not_below_the_scrape_interval(range_seconds: int, width: int, step: float) -> None:
    assert View(url="", begin=0, end=range_seconds).step_seconds(width) == step


def answer(name: str, *series: tuple[dict[str, str], float], legend: str = "__auto") -> Answer:
    return Answer(name=name, legend=legend, series=[Series(labels=labels, points=[(1600.0, value)]) for labels, value in series])


TABLE: dict[str, Any] = {
    "transformations": [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "renameByName": {"role": "Role", "instance": "Instance", "Value #A": "Denials", "Value #B": "Fixed"},
                "indexByName": {"role": 0, "instance": 1, "Value #A": 2, "Value #B": 3},
                "includeByName": {"role": True, "instance": True, "Value #A": True, "Value #B": True},
            },
        },
    ],
    "options": {"sortBy": [{"displayName": "Denials", "desc": True}]},
}


def test_the_results_of_several_queries_are_one_row_for_the_labels_they_share() -> None:
    answers = [
        answer("A", ({"role": "view-users"}, 3.0), ({"role": "view-events"}, 7.0)),
        answer("B", ({"role": "view-users", "instance": "i-1"}, 1.0)),
    ]
    assert frames.table(TABLE, answers).rows == [["view-events", None, 7.0, None], ["view-users", "i-1", 3.0, 1.0]]


def test_a_row_without_the_sorted_value_comes_last() -> None:
    answers = [answer("A", ({"role": "view-users"}, 3.0)), answer("B", ({"role": "none"}, 1.0))]
    assert [row[0] for row in frames.table(TABLE, answers).rows] == ["view-users", "none"]


def test_a_line_is_named_by_the_legend_and_leaves_out_what_is_no_number() -> None:
    series = Series(labels={"code": "403"}, points=[(1.0, NAN), (2.0, 4.0), (3.0, 6.0)])
    (line,) = frames.lines([Answer(name="A", legend="code {{code}}", series=[series])])
    assert (line.name, line.points, line.mean, line.last) == ("code 403", [(2.0, 4.0), (3.0, 6.0)], 5.0, 6.0)


def test_a_line_without_any_number_is_not_shown() -> None:
    assert frames.lines([answer("A", ({}, NAN))]) == []


def board(name: str) -> dict[str, Any]:
    return DASHBOARDS[name]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_pictures_of_a_dashboard_have_every_panel_once_and_whole_rows(name: str) -> None:
    parts = page.parts(board(name))
    assert [panel["id"] for part in parts for panel in part["panels"]] == [panel["id"] for panel in board(name)["panels"]]
    for part in parts:
        assert (part["panels"][0]["type"], part["panels"][0]["gridPos"]["y"]) == ("row", 0)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_picture_says_that_it_is_no_grafana_and_has_each_title(name: str) -> None:
    for part in page.parts(board(name)):
        html = page.page(part, {panel["id"]: [] for panel in part["panels"]}, VIEW, "a <test>")
        assert "Preview, not Grafana: no Grafana server was available." in html
        assert "a &lt;test&gt;" in html
        assert html.count("<h3>") == sum(panel["type"] != "row" for panel in part["panels"])


def test_a_kind_of_panel_that_cannot_be_drawn_is_an_error() -> None:
    panel = {"id": 1, "type": "heatmap", "title": "Heat", "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8}}
    with pytest.raises(ValueError, match=r"no preview of the panel type 'heatmap': Heat"):
        page.page({"title": "t", "templating": {"list": []}, "panels": [panel]}, {1: []}, VIEW, "")


def panel_of(name: str, title: str) -> dict[str, Any]:
    return next(panel for panel in board(name)["panels"] if panel["title"] == title)


def test_a_name_from_prometheus_is_escaped() -> None:
    lines = [Line(name="<script>", points=[(1000.0, 1.0), (1015.0, 2.0)])]
    html = charts.series(panel_of("health", "In flight by instance"), lines, VIEW, (600, 250))
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_a_timeline_has_one_bar_for_each_state() -> None:
    lines = [Line(name="billing", points=[(1000.0, 1.0), (1015.0, 1.0), (1030.0, 0.0), (1300.0, 1.0)])]
    html = charts.timeline(panel_of("denials", "Did the fix work?"), lines, VIEW, (1200, 300))
    assert html.count("<rect") == 3
    assert html.count(charts.COLORS["green"]) == 2  # its bar, and the legend


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    lines = [Line(name="a", points=[(1000.0, 1.0), (1015.0, 1.0), (1300.0, 1.0), (1315.0, 1.0)])]
    html = charts.series(panel_of("health", "In flight by instance"), lines, VIEW, (600, 250))
    assert html.count('fill="none" stroke') == 2


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium (Debian package chromium) is not installed")
async def test_pictures_are_drawn_in_a_real_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pages(*_: object) -> dict[str, str]:
        part = page.parts(board("least-privilege"))[0]
        return {"dashboard-least-privilege-1": page.page(part, {panel["id"]: [] for panel in part["panels"]}, VIEW, "a test")}

    monkeypatch.setattr(pictures, "pages", pages)
    (drawn,) = await pictures.draw(VIEW, tmp_path, source="a test")
    assert drawn.read_bytes().startswith(b"\x89PNG")
