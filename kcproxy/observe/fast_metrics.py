"""Metrics without the locks of prometheus_client, for those that every request touches: only the event loop writes, a scrape only reads.

Ten counters and histograms of prometheus_client cost a request as much as matching it against the catalog. These are numbers in slots.
A scrape, possibly in another thread, converts them to Prometheus' metric families. It copies first what may grow at the same time.
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
    """A number that is counted up or down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        self.value += amount

    def dec(self) -> None:
        self.value -= 1.0


class FastCounters(Collector):
    """A counter or gauge with its children by label values."""

    def __init__(self, spec: Spec, registry: CollectorRegistry) -> None:
        """Register it. Without labels, its only child exists from the start."""
        self._spec = spec
        self._children: dict[tuple[str, ...], FastCounter] = {} if spec.labels else {(): FastCounter()}
        registry.register(self)

    def labels(self, *values: str) -> FastCounter:
        """The child with these label values; created if necessary."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = FastCounter()
        return child

    def collect(self) -> Iterable[Metric]:
        """The samples of a scrape."""
        family = CounterMetricFamily if self._spec.kind is Kind.COUNTER else GaugeMetricFamily
        found = family(self._spec.name, self._spec.help, labels=self._spec.labels)
        for values, child in tuple(self._children.items()):
            found.add_metric(values, child.value)
        yield found


class FastHistogram:
    """Counts by bucket, the sum, and the last exemplar of each bucket."""

    __slots__ = ("_bounds", "_now", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...], now: Callable[[], float]) -> None:
        """``bounds``: ascending upper bounds of the buckets. ``now`` gives seconds since the epoch."""
        self._bounds = bounds
        self._now = now
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float, exemplar: Mapping[str, str] | None = None) -> None:
        """Count a value."""
        index = bisect_left(self._bounds, value)
        self.counts[index] += 1
        self.total += value
        if exemplar is not None:
            self.exemplars[index] = Exemplar(dict(exemplar), value, self._now())


class FastHistograms(Collector):
    """A histogram with its children by label values."""

    def __init__(self, spec: Spec, registry: CollectorRegistry, now: Callable[[], float] = time.time) -> None:
        """Register it. Without labels, its only child exists from the start. ``now`` gives seconds since the epoch, for exemplars."""
        self._spec = spec
        self._now = now
        self._edges = tuple(_edge(bound) for bound in (*spec.buckets, inf))
        self._children: dict[tuple[str, ...], FastHistogram] = {} if spec.labels else {(): FastHistogram(spec.buckets, now)}
        registry.register(self)

    def labels(self, *values: str) -> FastHistogram:
        """The child with these label values; created if necessary."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = FastHistogram(self._spec.buckets, self._now)
        return child

    def collect(self) -> Iterable[Metric]:
        """The samples of a scrape."""
        found = HistogramMetricFamily(self._spec.name, self._spec.help, labels=self._spec.labels)
        for values, child in tuple(self._children.items()):
            buckets = [_bucket(edge, count, child.exemplars.get(index)) for index, (edge, count) in enumerate(self._cumulative(child))]
            found.add_metric(values, buckets, child.total)
        yield found

    def _cumulative(self, child: FastHistogram) -> Iterable[tuple[str, int]]:
        return zip(self._edges, accumulate(tuple(child.counts)), strict=True)


def _edge(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


def _bucket(edge: str, count: int, exemplar: Exemplar | None) -> tuple[str, float] | tuple[str, float, Exemplar]:
    return (edge, count) if exemplar is None else (edge, count, exemplar)
