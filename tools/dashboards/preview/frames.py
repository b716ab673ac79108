"""What a panel shows: lines with their names, or a table after Grafana's transformations *merge* and *organize*."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.dashboards.preview.source import Answer

Value = float | str | None
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named line. Points: seconds since the epoch, value."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]

    @property
    def mean(self) -> float:
        """The mean of the values that exist."""
        return math.fsum(value for _, value in self.points) / len(self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headings and rows in the order in which they are shown."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Value]]

    def records(self) -> list[dict[str, Value]]:
        """The rows by heading."""
        return [dict(zip(self.headings, row, strict=True)) for row in self.rows]


def lines(answers: Sequence[Answer]) -> list[Line]:
    """The lines of a panel, without points that are no numbers."""
    found = []
    for answer in answers:
        for series in answer.series:
            points = [(at, value) for at, value in series.points if not math.isnan(value)]
            if points:
                found.append(Line(name=_named(answer.legend, series.labels), points=points))
    return found


def _named(legend: str, labels: Mapping[str, str]) -> str:
    if legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items()) or "Value"
    return _LABEL.sub(lambda match: labels.get(match[1], ""), legend)


def number(answers: Sequence[Answer]) -> float | None:
    """The one number of a stat; None if there is none."""
    found = [line.last for line in lines(answers)]
    return found[0] if found else None


def table(panel: Mapping[str, Any], answers: Sequence[Answer]) -> Table:
    """The table of a panel."""
    organize = next(step["options"] for step in panel["transformations"] if step["id"] == "organize")
    shown = sorted(organize["includeByName"], key=lambda name: organize["indexByName"][name])
    headings = [organize["renameByName"][name] for name in shown]
    rows = [[record.get(name) for name in shown] for record in _merged(answers)]
    (by,) = panel["options"]["sortBy"]
    place = headings.index(by["displayName"])
    rows.sort(key=lambda row: _sortable(row[place]), reverse=by["desc"])
    return Table(headings=headings, rows=rows)


def _merged(answers: Sequence[Answer]) -> list[dict[str, Value]]:
    """One row for all results that have the same labels, as far as every query has these labels."""
    names = [set(series.labels) for answer in answers for series in answer.series]
    shared = set.intersection(*names) if names else set()
    found: dict[tuple[str, ...], dict[str, Value]] = {}
    for answer in answers:
        for series in answer.series:
            key = tuple(series.labels[name] for name in sorted(shared))
            value = "Value" if len(answers) == 1 else f"Value #{answer.name}"
            found.setdefault(key, {}).update({**series.labels, value: series.points[-1][1]})
    return list(found.values())


def _sortable(value: Value) -> tuple[int, float, str]:
    if isinstance(value, str):
        return 1, 0.0, value
    return (0, -math.inf, "") if value is None or math.isnan(value) else (1, value, "")
