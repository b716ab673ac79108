"""A whole dashboard as one HTML page: the grid, stats, tables and charts."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tools.dashboards.panels import Json
from tools.dashboards.preview import charts, frames
from tools.dashboards.preview.frames import Value
from tools.dashboards.preview.source import Answer, View
from tools.dashboards.preview.units import clock, shown

WIDTH = 1440
COLUMNS, CELL_PIXELS, GAP = 24, 30, 8
TITLE_PIXELS, PADDING = 32, 8
TABLE_ROW_PIXELS = 30
MAX_UNITS = 40
"""Height of a picture in units of Grafana's grid, unless one row of panels is higher."""
STYLE = """
*{box-sizing:border-box}body{margin:0;background:#f4f5f5;color:#24292e;font:12px Inter,Helvetica,Arial,sans-serif;width:1440px}
header{padding:10px 16px 4px}header b{font-size:17px;margin-right:14px}header p{margin:6px 0 0;padding:5px 10px;background:#fff3c4;border:1px solid #e0c14b}
main{position:relative;margin:8px}section{position:absolute;background:#fff;border:1px solid #dcdfe3;border-radius:2px;overflow:hidden}
section>h3{margin:0;padding:8px;font-size:13px;font-weight:500;height:32px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
h2{position:absolute;margin:0;font-size:14px;font-weight:500;padding:6px 8px}h2:before{content:"⌄ "}
.body{padding:0 8px 8px;position:relative}svg text{font-size:11px;fill:#5a6069}svg .on{fill:#fff}.grid{stroke:#e7e9ec;fill:none}
.stat{display:flex;align-items:center;justify-content:center;margin:0 -8px;height:112px;font-weight:500}.empty{padding:30px;text-align:center;color:#5a6069}
.legend{overflow:hidden}.legend.cut{border-bottom:3px double #b5bac1}.legend i{display:inline-block;width:14px;height:4px;margin:0 6px 2px 2px;border-radius:2px}
.legend span{margin-right:12px}.legend table{width:100%;border-collapse:collapse;table-layout:auto}.legend td,.legend th{height:22px;padding:0 8px 0 0;text-align:right;white-space:nowrap}
.legend td:first-child,.legend th:first-child{text-align:left;width:80%;max-width:0;overflow:hidden;text-overflow:ellipsis}.legend th{color:#1f62e0;font-weight:500}
.table{width:100%;border-collapse:collapse}.table th{color:#1f62e0;font-weight:500;text-align:left;height:30px;padding:0 6px;border-bottom:1px solid #dcdfe3}
.table td{height:30px;padding:0 6px;border-bottom:1px solid #eceef0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;max-width:420px}.table .n{text-align:right}.table a{color:#24292e}
.more{position:absolute;bottom:0;left:0;right:0;background:#eef0f2;padding:3px 10px;color:#5a6069}
"""


def parts(board: Mapping[str, Any]) -> list[Json]:
    """A tall dashboard as several, each with complete rows, so that every picture can be read on a page and says what it is."""
    found: list[list[Json]] = []
    for panel in board["panels"]:
        if panel["type"] == "row" and (not found or _height([*found[-1], *_row_of(board, panel)]) > MAX_UNITS):
            found.append([])
        found[-1].append(panel)
    return [{**board, "panels": [_moved(panel, -panels[0]["gridPos"]["y"]) for panel in panels]} for panels in found]


def _row_of(board: Mapping[str, Any], heading: Json) -> list[Json]:
    begin = board["panels"].index(heading)
    following = board["panels"][begin + 1 :]
    end = next((place for place, panel in enumerate(following) if panel["type"] == "row"), len(following))
    return [heading, *following[:end]]


def _height(panels: Sequence[Json]) -> int:
    return int(max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) - panels[0]["gridPos"]["y"])


def _moved(panel: Json, by: int) -> Json:
    return {**panel, "gridPos": {**panel["gridPos"], "y": panel["gridPos"]["y"] + by}}


def page(board: Mapping[str, Any], answers: Mapping[int, Sequence[Answer]], view: View, source: str) -> str:
    """The dashboard as HTML. ``answers`` by the panel's id; ``source`` says where the data are from."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) * (CELL_PIXELS + GAP)
    range_text = f"{clock(view.begin, seconds=True)} to {clock(view.end, seconds=True)} UTC"
    panels = "".join(_panel(panel, answers, view) for panel in board["panels"])
    variables = ", ".join(variable["label"] for variable in board["templating"]["list"] if variable["type"] == "query")
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(board["title"])}</title><style>{STYLE}</style>'
        f"<header><b>{escape(board['title'])}</b>{range_text} · {escape(variables)}: All"
        f"<p>Preview, not Grafana: no Grafana server was available. Drawn by <code>tools.dashboards.preview</code> from {escape(source)}.</p></header>"
        f'<main style="height:{height}px">{panels}</main>'
    )


def pixels(panel: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Left, top, width and height of a panel."""
    place, cell = panel["gridPos"], (WIDTH - 2 * GAP + GAP) / COLUMNS
    left, width = round(place["x"] * cell), round(place["w"] * cell) - GAP
    return left, place["y"] * (CELL_PIXELS + GAP), width, place["h"] * (CELL_PIXELS + GAP) - GAP


def _panel(panel: Mapping[str, Any], answers: Mapping[int, Sequence[Answer]], view: View) -> str:
    left, top, width, height = pixels(panel)
    if panel["type"] == "row":
        return f'<h2 style="left:{left}px;top:{top}px">{escape(panel["title"])}</h2>'
    inner = (width - 2 * PADDING - 2, height - TITLE_PIXELS - PADDING - 2)
    body = _body(panel, answers[panel["id"]], view, inner)
    return (
        f'<section style="left:{left}px;top:{top}px;width:{width}px;height:{height}px"><h3>{escape(panel["title"])}</h3>'
        f'<div class="body">{body}</div></section>'
    )


def _body(panel: Mapping[str, Any], answers: Sequence[Answer], view: View, size: tuple[int, int]) -> str:
    match panel["type"]:
        case "stat":
            return _stat(panel, frames.number(answers), view)
        case "table":
            return _table(panel, frames.table(panel, answers), view, size[1])
        case "timeseries":
            return charts.series(panel, frames.lines(answers), view, size)
        case "state-timeline":
            return charts.timeline(panel, frames.lines(answers), view, size)
        case kind:
            raise ValueError(f"no preview of the panel type {kind!r}: {panel['title']}")


def _stat(panel: Mapping[str, Any], value: float | None, view: View) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    text = shown(value, defaults["unit"], defaults.get("decimals"), none=defaults["noValue"], now=view.end)
    for mapping in defaults["mappings"]:
        text = mapping["options"].get(f"{value:g}" if value is not None else "", {}).get("text", text)
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or (value is not None and value >= step["value"])]
    name = steps[-1]["color"]
    judged = panel["options"]["colorMode"] == "background" and name != "transparent"
    color = f"background:{charts.COLORS[name]};color:#fff;" if judged else ""
    pixels_high = min(44, int(1.5 * pixels(panel)[2] / max(4, len(text))))
    return f'<div class="stat" style="{color}font-size:{pixels_high}px">{escape(text)}</div>'


def _table(panel: Mapping[str, Any], found: frames.Table, view: View, height: int) -> str:
    fits = max(1, (height - TABLE_ROW_PIXELS) // TABLE_ROW_PIXELS)
    fits -= len(found.rows) > fits  # room for the line that says how many more there are
    rows = "".join(
        f"<tr>{''.join(_cell(panel, name, value, view) for name, value in zip(found.headings, row, strict=True))}</tr>"
        for row in found.rows[:fits]
    )
    heads = "".join(f"<th>{escape(name)}</th>" for name in found.headings)
    more = (
        f'<div class="more">{len(found.rows) - fits} more rows below, in Grafana behind a scroll bar</div>'
        if len(found.rows) > fits
        else ""
    )
    nothing = "" if found.rows else '<div class="empty">No data</div>'
    return f'<table class="table"><tr>{heads}</tr>{rows}</table>{nothing}{more}'


def _properties(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == name
    }


def _cell(panel: Mapping[str, Any], heading: str, value: Value, view: View) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    if isinstance(value, str):
        text = escape(value)
        return f'<td><a href="#">{text}</a></td>' if heading in _properties(panel, "links") else f"<td>{text}</td>"
    unit = _properties(panel, "unit").get(heading, defaults["unit"])
    return f'<td class="n">{escape(shown(value, unit, defaults.get("decimals"), none="", now=view.end))}</td>'
