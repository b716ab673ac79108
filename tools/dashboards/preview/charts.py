"""Time series and state timelines as SVG."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from tools.dashboards.preview.frames import Line
from tools.dashboards.preview.source import View
from tools.dashboards.preview.units import clock, shown

PALETTE = (
    "#7eb26d",
    "#eab839",
    "#6ed0e0",
    "#ef843c",
    "#e24d42",
    "#1f78c1",
    "#ba43a9",
    "#705da0",
    "#508642",
    "#cca300",
    "#447ebc",
    "#c15c17",
)
COLORS = {"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44", "text": "#24292e", "transparent": "#ffffff"}
CALCS: Mapping[str, tuple[str, Callable[[Line], float]]] = {
    "mean": ("Mean", lambda line: line.mean),
    "lastNotNull": ("Last *", lambda line: line.last),
    "max": ("Max", lambda line: max(value for _, value in line.points)),
}
"""Grafana's calculations in legends: heading and value."""
LEGEND_SHARE = 0.35
"""Grafana gives a legend below at most this share of the panel; the rest of it can be scrolled to."""
ROW_PIXELS, LIST_PIXELS = 22, 20
AXIS_PIXELS = 20


def series(panel: Mapping[str, Any], found: Sequence[Line], view: View, size: tuple[int, int]) -> str:
    """A panel of lines or stacked areas with its legend."""
    width, height = size
    if not found:
        return '<div class="empty">No data</div>'
    defaults, legend = panel["fieldConfig"]["defaults"], panel["options"]["legend"]
    text, wanted = _legend(found, defaults, legend, view)
    taken = min(wanted, int(height * LEGEND_SHARE))
    cut = ' class="legend cut"' if wanted > taken else ' class="legend"'
    plot = _plot(found, defaults, view, (width, height - taken))
    return f'{plot}<div{cut} style="height:{taken}px">{text}</div>'


def _legend(found: Sequence[Line], defaults: Mapping[str, Any], legend: Mapping[str, Any], view: View) -> tuple[str, int]:
    unit, decimals = defaults["unit"], defaults.get("decimals")
    marks = [f'<i style="background:{PALETTE[place % len(PALETTE)]}"></i>{escape(line.name)}' for place, line in enumerate(found)]
    if legend["displayMode"] == "list":
        return "".join(f"<span>{mark}</span>" for mark in marks), LIST_PIXELS
    calcs = legend["calcs"]
    rows = "".join(
        f"<tr><td>{mark}</td>{''.join(f'<td>{shown(CALCS[calc][1](line), unit, decimals, now=view.end)}</td>' for calc in calcs)}</tr>"
        for mark, line in zip(marks, found, strict=True)
    )
    heads = "".join(f"<th>{CALCS[calc][0]}</th>" for calc in calcs)
    return f"<table><tr><th>Name</th>{heads}</tr>{rows}</table>", ROW_PIXELS * (len(found) + 1)


def _plot(found: Sequence[Line], defaults: Mapping[str, Any], view: View, size: tuple[int, int]) -> str:
    width, height = size[0], max(30, size[1])
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    drawn = _stacked(found) if stacked else [[(at, 0.0, value) for at, value in line.points] for line in found]
    low = min(0.0, *(min(high for _, _, high in points) for points in drawn))
    top = max(max(high for _, _, high in points) for points in drawn)
    ticks = _ticks(low, top if top > low else low + 1, max(2, height // 45), base=2 if defaults["unit"] == "bytes" else 10)
    labels = [shown(tick, defaults["unit"], defaults.get("decimals")) for tick in ticks]
    left = 12 + 6 * max(map(len, labels))
    low, top = min(ticks[0], low), max(ticks[-1], top)

    def x(at: float) -> float:
        return left + (at - view.begin) / (view.end - view.begin) * (width - left - 8)

    def y(value: float) -> float:
        return height - AXIS_PIXELS - (value - low) / (top - low) * (height - AXIS_PIXELS - 8)

    parts = [
        f'<path class="grid" d="M{left} {y(tick):.1f}H{width - 8}"/><text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        for tick, label in zip(ticks, labels, strict=True)
    ]
    parts += _times(view, x, height, (width - left) // 110)
    step = _step(found)
    for place, points in enumerate(drawn):
        color, fill = PALETTE[place % len(PALETTE)], 0.6 if stacked else 0.08
        for run in _runs(points, step):
            upper = "L".join(f"{x(at):.1f} {y(high):.1f}" for at, _, high in run)
            lower = "L".join(f"{x(at):.1f} {y(base):.1f}" for at, base, _ in reversed(run))
            parts.append(
                f'<path d="M{upper}L{lower}Z" fill="{color}" fill-opacity="{fill}"/><path d="M{upper}" fill="none" stroke="{color}"/>'
            )
            if len(run) == 1:
                parts.append(f'<circle cx="{x(run[0][0]):.1f}" cy="{y(run[0][2]):.1f}" r="2" fill="{color}"/>')
    return f'<svg width="{width}" height="{height}">{"".join(parts)}</svg>'


def _stacked(found: Sequence[Line]) -> list[list[tuple[float, float, float]]]:
    below: dict[float, float] = {}
    drawn = []
    for line in found:
        points = [(at, below.get(at, 0.0), below.get(at, 0.0) + value) for at, value in line.points]
        below |= {at: high for at, _, high in points}
        drawn.append(points)
    return drawn


def _step(found: Sequence[Line]) -> float:
    gaps = [later[0] - earlier[0] for line in found for earlier, later in zip(line.points, line.points[1:], strict=False)]
    return min(gaps, default=1.0)


def _runs(points: Sequence[tuple[float, float, float]], step: float) -> list[list[tuple[float, float, float]]]:
    """The parts of a line between gaps."""
    runs: list[list[tuple[float, float, float]]] = []
    for point in points:
        if not runs or point[0] - runs[-1][-1][0] > 1.5 * step:
            runs.append([])
        runs[-1].append(point)
    return runs


def _ticks(low: float, top: float, count: int, *, base: int) -> list[float]:
    raw = (top - low) / count
    size = float(base) ** math.floor(math.log(raw, base))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    return [round(number * step, 12) for number in range(first, math.ceil(top / step - 1e-9) + 1)]


def _times(view: View, x: Any, height: int, count: int) -> list[str]:
    span = view.end - view.begin
    step = next(
        (size for size in (1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 86400) if span / size <= max(2, count)),
        86400,
    )
    first = math.ceil(view.begin / step)
    return [
        f'<path class="grid" d="M{x(number * step):.1f} 8V{height - AXIS_PIXELS}"/><text x="{x(number * step):.1f}" y="{height - 5}" text-anchor="middle">'
        f"{clock(number * step, seconds=step < 60)}</text>"
        for number in range(first, math.floor(view.end / step) + 1)
        if x(number * step) < x(view.end) - 20  # a label at the edge would be cut off
    ]


def timeline(panel: Mapping[str, Any], found: Sequence[Line], view: View, size: tuple[int, int]) -> str:
    """A panel with one bar for each series, in the color of its state."""
    width, height = size
    if not found:
        return '<div class="empty">No data</div>'
    states = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    left = min(width // 3, 14 + int(6.2 * max(len(line.name) for line in found)))
    plot_height = height - AXIS_PIXELS - LIST_PIXELS
    row = plot_height / len(found)
    step = _step(found)

    def x(at: float) -> float:
        return left + (at - view.begin) / (view.end - view.begin) * (width - left - 8)

    parts = _times(view, x, height - LIST_PIXELS, (width - left) // 110)
    for place, line in enumerate(found):
        middle = (place + 0.5) * row
        name = line.name if len(line.name) * 6.2 < left else line.name[: int(left / 6.2) - 2] + "…"
        parts.append(f'<text x="{left - 6}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for begin, end, value in _states(line, step):
            state = states.get(f"{value:g}", {"text": f"{value:g}", "color": "text"})
            bar = max(1.0, x(min(end, view.end)) - x(begin))
            parts.append(
                f'<rect x="{x(begin):.1f}" y="{middle - row * 0.425:.1f}" width="{bar:.1f}" height="{row * 0.85:.1f}" fill="{COLORS[state["color"]]}" fill-opacity="0.8"/>'
            )
            if bar > 6.5 * len(state["text"]) + 8:
                parts.append(f'<text class="on" x="{x(begin) + 5:.1f}" y="{middle + 4:.1f}">{escape(state["text"])}</text>')
    legend = "".join(
        f'<span><i style="background:{COLORS[state["color"]]}"></i>{escape(state["text"])}</span>' for state in states.values()
    )
    return f'<svg width="{width}" height="{height - LIST_PIXELS}">{"".join(parts)}</svg><div class="legend" style="height:{LIST_PIXELS}px">{legend}</div>'


def _states(line: Line, step: float) -> list[tuple[float, float, float]]:
    """Begin, end and value of each state; equal neighbours are one."""
    found: list[tuple[float, float, float]] = []
    for at, value in line.points:
        if found and found[-1][2] == value and at - found[-1][1] <= 0.5 * step:
            found[-1] = (found[-1][0], at + step, value)
        else:
            found.append((at, at + step, value))
    return found
