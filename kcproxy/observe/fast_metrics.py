"""The metrics that every request touches, without the locks of prometheus_client: one event loop counts, and whoever scrapes only reads.

Ten of its counters and histograms cost a request as much as matching it against the table. These are numbers in slots, turned into
Prometheus' families when somebody scrapes, perhaps from another thread: what may grow meanwhile is copied first.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from math import inf

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from kcproxy.observe.metric_specs import Kind, Spec


class FastCounter:
    """One number."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        """Zero."""
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """So much more."""
        self.value += amount

    def dec(self) -> None:
        """One less; for gauges."""
        self.value -= 1.0


class FastCounters(Collector):
    """A counter or a gauge with its children by label values."""

    def __init__(self, spec: Spec, registry: CollectorRegistry) -> None:
        """Registered; one without labels has its only child from the start."""
        self._spec = spec
        self._children: dict[tuple[str, ...], FastCounter] = {} if spec.labels else {(): FastCounter()}
        registry.register(self)

    def labels(self, *values: str) -> FastCounter:
        """The child with these label values, made where there is none yet."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = FastCounter()
        return child

    def collect(self) -> Iterable[Metric]:
        """For a scrape."""
        family = CounterMetricFamily if self._spec.kind is Kind.COUNTER else GaugeMetricFamily
        found = family(self._spec.name, self._spec.help, labels=self._spec.labels)
        for values, child in tuple(self._children.items()):
            found.add_metric(values, child.value)
        yield found


class FastHistogram:
    """How often which value came; and for each bucket the last example with a trace."""

    __slots__ = ("_bounds", "_now", "counts", "examples", "total")

    def __init__(self, bounds: tuple[float, ...], now: Callable[[], float]) -> None:
        """``bounds`` are the buckets' upper edges, in order."""
        self._bounds = bounds
        self._now = now
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.examples: dict[int, Exemplar] = {}

    def observe(self, value: float, exemplar: Mapping[str, str] | None = None) -> None:
        """One more."""
        place = bisect_left(self._bounds, value)
        self.counts[place] += 1
        self.total += value
        if exemplar is not None:
            self.examples[place] = Exemplar(dict(exemplar), value, self._now())


class FastHistograms(Collector):
    """A histogram with its children by label values."""

    def __init__(self, spec: Spec, registry: CollectorRegistry, now: Callable[[], float] = time.time) -> None:
        """Registered; one without labels has its only child from the start. ``now`` dates the examples, in seconds since the epoch."""
        self._spec = spec
        self._now = now
        self._edges = tuple(_edge(bound) for bound in (*spec.buckets, inf))
        self._children: dict[tuple[str, ...], FastHistogram] = {} if spec.labels else {(): FastHistogram(spec.buckets, now)}
        registry.register(self)

    def labels(self, *values: str) -> FastHistogram:
        """The child with these label values, made where there is none yet."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = FastHistogram(self._spec.buckets, self._now)
        return child

    def collect(self) -> Iterable[Metric]:
        """For a scrape."""
        found = HistogramMetricFamily(self._spec.name, self._spec.help, labels=self._spec.labels)
        for values, child in tuple(self._children.items()):
            buckets = [_bucket(edge, count, child.examples.get(place)) for place, (edge, count) in enumerate(self._cumulated(child))]
            found.add_metric(values, buckets, child.total)
        yield found

    def _cumulated(self, child: FastHistogram) -> Iterable[tuple[str, int]]:
        return zip(self._edges, accumulate(tuple(child.counts)), strict=True)


def _edge(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


def _bucket(edge: str, count: int, example: Exemplar | None) -> tuple[str, float] | tuple[str, float, Exemplar]:
    return (edge, count) if example is None else (edge, count, example)
