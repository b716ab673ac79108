"""Asks a Prometheus what a panel asks, with Grafana's variables filled in as Grafana fills them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

ROUND_INTERVALS_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A Prometheus and the displayed range (seconds since the epoch). ``variables``: values of the dashboard's variables; others are *All*."""

    url: str
    begin: float
    end: float
    scrape_seconds: float = 15.0
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def range_seconds(self) -> int:
        """The length of the displayed range."""
        return round(self.end - self.begin)

    def step_seconds(self, width_pixels: int) -> float:
        """Grafana's interval: about one point for each pixel, at least the scrape interval, and a round number."""
        wanted = self.range_seconds / max(1, width_pixels)
        return max(self.scrape_seconds, next((step for step in ROUND_INTERVALS_SECONDS if step >= wanted), ROUND_INTERVALS_SECONDS[-1]))

    def filled(self, expr: str, width_pixels: int) -> str:
        """A query with values for all variables."""
        step = self.step_seconds(width_pixels)
        rate = max(step + self.scrape_seconds, 4 * self.scrape_seconds)
        values = {
            "$__rate_interval": f"{rate:g}s",
            "$__range_s": str(self.range_seconds),
            "$__range": f"{self.range_seconds}s",
            "$__interval_ms": f"{step * 1000:g}",
            "$__interval": f"{step:g}s",
        } | {f"${name}": value for name, value in self.variables.items()}
        for name, value in values.items():
            expr = expr.replace(name, value)
        for name in ("job", "instance", "realm", "account"):
            expr = expr.replace(f"${name}", ".+")
        return expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line: labels, and points (seconds since the epoch, value)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Prometheus returned for one query of a panel. Of an instant query, each series has one point."""

    name: str
    legend: str
    series: Sequence[Series]


async def asked(session: aiohttp.ClientSession, view: View, panel: Mapping[str, Any], width_pixels: int) -> list[Answer]:
    """The answers to all queries of a panel. Raises RuntimeError if Prometheus refuses one."""
    return [await _answer(session, view, target, width_pixels) for target in panel["targets"]]


async def _answer(session: aiohttp.ClientSession, view: View, target: Mapping[str, Any], width_pixels: int) -> Answer:
    query = {"query": view.filled(target["expr"], width_pixels)}
    if target["instant"]:
        found = await _get(session, f"{view.url}/api/v1/query", query | {"time": f"{view.end:.3f}"})
        series = [Series(labels=each["metric"], points=[_point(each["value"])]) for each in found]
    else:
        step = view.step_seconds(width_pixels)
        begin, end = view.begin // step * step, view.end // step * step  # Grafana aligns to the step
        found = await _get(session, f"{view.url}/api/v1/query_range", query | {"start": str(begin), "end": str(end), "step": str(step)})
        series = [Series(labels=each["metric"], points=[_point(value) for value in each["values"]]) for each in found]
    return Answer(name=target["refId"], legend=target["legendFormat"], series=series)


async def _get(session: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> list[Any]:
    async with session.post(url, data=query) as answer:
        found = await answer.json()
    if found["status"] != "success":
        raise RuntimeError(f"{found['error']}: {query['query']}")
    result: list[Any] = found["data"]["result"]
    return result


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
