"""Panels as plain dictionaries, in the shape of Grafana's dashboard JSON (schema version 41, Grafana 12).

A query names a metric by ``of("kcproxy_ready")``, so that every one carries the matchers of the variables ``job`` and ``instance``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
MATCHERS = 'job=~"$job", instance=~"$instance"'
RATE = "$__rate_interval"
RANGE = "$__range"
START = "process_start_time_seconds"

GREEN, AMBER, RED = "green", "orange", "red"
GOOD_WHEN_ZERO = ((None, GREEN), (0.000001, RED))
GOOD_WHEN_ONE = ((None, RED), (1, GREEN))


def of(metric: str, more: str = "") -> str:
    """A selector of a metric with the matchers of the variables and further ones."""
    return f"{metric}{{{MATCHERS}{', ' + more if more else ''}}}"


def rate(metric: str, more: str = "") -> str:
    """Rate per second over Grafana's interval."""
    return f"rate({of(metric, more)}[{RATE}])"


def increase(metric: str, more: str = "") -> str:
    """Increase over the whole displayed range, for tables and single numbers only."""
    return f"increase({of(metric, more)}[{RANGE}])"


def counted(total: str, first: str, more: str = "", by: str = "") -> str:
    """Events in the displayed range, including those of series that began in it: ``increase`` does not see the first value of a series.

    ``first`` is the gauge with the time of a series' first event. A series that began in the range has nothing in it but events of the range.
    """
    return _counted(total, f"min_over_time({of(first, more)}[{RANGE}]) > time() - {RANGE}_s", more, by)


def counted_from_start(total: str, more: str = "", by: str = "") -> str:
    """The same for counters without such a gauge: a series began in the range if its process did, or if the process was known without it."""
    process = f"min_over_time({of(START)}[{RANGE}]) > time() - {RANGE}_s or {of(START)} offset {RANGE}"
    begun = f"(last_over_time({of(total, more)}[{RANGE}]) unless {of(total, more)} offset {RANGE}) and on (job, instance) ({process})"
    return _counted(total, begun, more, by)


def _counted(total: str, begun: str, more: str, by: str) -> str:
    """The value of a series that began in the range is the number of its events. If its process was restarted, there are those from before:
    exactly known if it was once, and the value has not yet reached the one from before; otherwise as far as ``increase`` knows.
    """
    value, most = (f"{function}({of(total, more)}[{RANGE}])" for function in ("last_over_time", "max_over_time"))
    resets, grown = f"resets({of(total, more)}[{RANGE}])", increase(total, more)
    once = f"({most} + {value} and {resets} == 1 and {value} < {most} and {begun})"
    return f"sum{_by(by)} ({once} or ({grown} and {resets} > 0) or ({value} and {begun}) or {grown})"


def counted_per_minute(total: str, first: str, more: str = "", by: str = "") -> str:
    """Events per minute over time. The first value of a new series counts for the step in which it appears.

    After a gap in the scrapes series reappear; only those whose first event is at most five minutes old are taken for new.
    """
    known = f"last_over_time({of(total, more)}[{RATE}] offset $__interval)"
    young = f"(time() - {of(first, more)}) * 1000 < $__interval_ms + 300000"
    begun = f"({of(total, more)} unless {known} and {young})"
    grown = f"{rate(total, more)} * 60"
    step = "60000 / $__interval_ms"
    return f"sum{_by(by)} (({grown} + {begun} * {step}) or {begun} * {step} or {grown})"


def rate_from_start(total: str, more: str = "", by: str = "") -> str:
    """Events per second over time. The first value of a new series counts for the step in which it appears, if its process was known before,
    or is at most five minutes old.
    """
    known, scraped = (f"last_over_time({name}[{RATE}] offset $__interval)" for name in (of(total, more), of(START)))
    young = f"(time() - {of(START)}) * 1000 < $__interval_ms + 300000"
    begun = f"(({of(total, more)} unless {known}) and on (job, instance) ({scraped} or {young}))"
    grown, step = rate(total, more), "1000 / $__interval_ms"
    return f"sum{_by(by)} (({grown} + {begun} * {step}) or {begun} * {step} or {grown})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def quantile(share: float, metric: str, by: str = "") -> str:
    """A quantile of a classic histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) ({rate(metric + '_bucket')}))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a panel; ``legend`` in Grafana's format, ``{{label}}``."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel without its position; ``width`` of 24 columns."""

    title: str
    description: str
    kind: str
    queries: Sequence[Query]
    unit: str
    width: int = 12
    height: int = 8
    thresholds: Sequence[tuple[float | None, str]] = ((None, GREEN),)
    options: Mapping[str, Any] | None = None
    custom: Mapping[str, Any] | None = None
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    decimals: int | None = None
    mappings: Sequence[Json] = ()

    def json(self, number: int, x: int, y: int) -> Json:
        """The JSON of Grafana."""
        defaults: Json = {
            "unit": self.unit,
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in self.thresholds]},
            "custom": dict(self.custom or {}),
            "mappings": list(self.mappings),
            "noValue": "0" if self.kind == "stat" and self.unit != "s" else "none",
        }
        if self.decimals is not None:
            defaults["decimals"] = self.decimals
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": dict(self.options or {}),
            "targets": [_target(query, "ABCDEFGH"[place]) for place, query in enumerate(self.queries)],
            "transformations": list(self.transformations),
        }


def _target(query: Query, name: str) -> Json:
    return {
        "refId": name,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": "table" if query.instant else "time_series",
        "exemplar": not query.instant and "_bucket" in query.expr,
    }


NEUTRAL = "text"
NOTHING = "transparent"
"""The color behind a number that does not exist."""
YEAR = 31_536_000
NOT_JUDGED = ((None, NEUTRAL),)


def positive(expr: str) -> str:
    """Only values above zero, so that what does not happen takes no line in the legend."""
    return f"({expr}) > 0"


def busiest(count: int, metric: str, by: str, more: str = "") -> str:
    """The rates of the series with the most events in the displayed range: the same ones at every point, where topk alone chooses for each."""
    chosen = f"topk({count}, sum by ({by}) (increase({of(metric, more)}[{RANGE}] @ end())))"
    return f"({rate_from_start(metric, more, by)}) and on ({by}) {chosen}"


def texts(states: Mapping[int, str]) -> Json:
    """Words in place of numbers."""
    options = {str(value): {"text": text, "index": place} for place, (value, text) in enumerate(states.items())}
    return {"type": "value", "options": options}


def timeline(title: str, description: str, query: Query, states: Mapping[int, tuple[str, str]], **more: Any) -> Panel:
    """One bar for each series, whose color is its state. ``states``: text and color for each value."""
    options = {str(value): {"text": text, "color": color, "index": place} for place, (value, (text, color)) in enumerate(states.items())}
    return Panel(
        title=title,
        description=description,
        kind="state-timeline",
        queries=[query],
        unit="short",
        mappings=[{"type": "value", "options": options}],
        custom={"lineWidth": 0, "fillOpacity": 80},
        options={
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        **more,
    )


def stat(title: str, description: str, expr: str, *, unit: str = "short", width: int = 4, **more: Any) -> Panel:
    """One current number on the color of its threshold; without thresholds it is neutral. It is an instant query: the last value of the range would outlive its process."""
    more.setdefault("thresholds", NOT_JUDGED)
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "none" if more["thresholds"] == NOT_JUDGED else "background",
        "graphMode": "none",
        "textMode": "value",
        "orientation": "auto",
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    queries = [Query(expr=expr, instant=True)]
    return Panel(
        title=title, description=description, kind="stat", queries=queries, unit=unit, width=width, height=4, options=options, **more
    )


def series(title: str, description: str, *queries: Query, unit: str, stacked: bool = False, **more: Any) -> Panel:
    """Lines over time, or stacked areas if the parts make up a whole.

    The legend has mean and last value; of lines that exist only where something happens (``> 0``) it has the highest one instead, because their
    last value may be long past.
    """
    passing = any(query.expr.endswith("> 0") for query in queries)
    custom = {
        "lineWidth": 1,
        "fillOpacity": 60 if stacked else 8,
        "showPoints": "auto",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    options = {
        "legend": {
            "showLegend": True,
            "displayMode": "table",
            "placement": "bottom",
            "calcs": ["max"] if passing else ["mean", "lastNotNull"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        title=title, description=description, kind="timeseries", queries=queries, unit=unit, custom=custom, options=options, **more
    )


def table(
    title: str, description: str, *queries: Query, columns: Mapping[str, str], sort_by: str, unit: str = "short", **more: Any
) -> Panel:
    """Instant queries joined by their labels. ``columns``: field name (a label, or ``Value #A``) to heading, in order; others are hidden."""
    organise = {
        "id": "organize",
        "options": {
            "renameByName": dict(columns),
            "indexByName": {name: place for place, name in enumerate(columns)},
            "includeByName": dict.fromkeys(columns, True),
        },
    }
    return Panel(
        title=title,
        description=description,
        kind="table",
        queries=queries,
        unit=unit,
        width=more.pop("width", 24),
        height=more.pop("height", 10),
        options={"showHeader": True, "frameIndex": 0, "sortBy": [{"displayName": sort_by, "desc": True}]},
        custom={"filterable": True, "align": "auto", "inspect": False, "cellOptions": {"type": "auto"}},
        transformations=[{"id": "merge", "options": {}}, organise],
        **more,
    )


def column(heading: str, *, unit: str | None = None, link: tuple[str, str] | None = None, width: int | None = None) -> Json:
    """An override for a table column: unit, link (title, address), width in pixels."""
    properties: list[Json] = []
    if unit is not None:
        properties.append({"id": "unit", "value": unit})
    if link is not None:
        properties.append({"id": "links", "value": [{"title": link[0], "url": link[1], "targetBlank": True}]})
    if width is not None:
        properties.append({"id": "custom.width", "value": width})
    return {"matcher": {"id": "byName", "options": heading}, "properties": properties}
