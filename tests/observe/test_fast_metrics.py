"""Numbers in slots come out of a scrape as Prometheus' own would."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from kcproxy.observe.fast_metrics import FastCounters, FastHistograms
from kcproxy.observe.metric_specs import Kind, Merge, Spec

VALUES = (0.0, 0.05, 0.1, 0.100001, 0.5, 1.0, 7.0)


def spec(name: str, kind: Kind, *labels: str) -> Spec:
    return Spec(name=name, kind=kind, merge=Merge.SUM, help="Some help.", labels=labels, buckets=(0.1, 1.0, 2.5))


def as_openmetrics(registry: CollectorRegistry) -> bytes:
    text: bytes = openmetrics(registry)  # type: ignore[no-untyped-call]
    return text


def without_created(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if "_created" not in line]


def test_they_expose_what_prometheus_own_metrics_expose() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    requests = FastCounters(spec("x_requests_total", Kind.COUNTER, "operation", "code"), ours)
    flying = FastCounters(spec("x_flying", Kind.GAUGE), ours).labels()
    seconds = FastHistograms(spec("x_seconds", Kind.HISTOGRAM, "operation"), ours)
    their_requests = Counter("x_requests_total", "Some help.", ["operation", "code"], registry=theirs)
    their_flying = Gauge("x_flying", "Some help.", registry=theirs)
    their_seconds = Histogram("x_seconds", "Some help.", ["operation"], buckets=(0.1, 1.0, 2.5), registry=theirs)
    for counter in (requests, their_requests):
        counter.labels("GET /a", "200").inc()
        counter.labels("GET /a", "200").inc(2)
        counter.labels('a "b"\n', "403").inc(0.5)
    for gauge in (flying, their_flying):
        gauge.inc(3)
        gauge.dec()
    for histogram in (seconds, their_seconds):
        for value in VALUES:
            histogram.labels("GET /a").observe(value)
    assert without_created(generate_latest(ours)) == without_created(generate_latest(theirs))
    assert without_created(as_openmetrics(ours)) == without_created(as_openmetrics(theirs))


def test_a_metric_without_labels_is_there_before_anything_is_counted() -> None:
    registry = CollectorRegistry()
    FastCounters(spec("x_total", Kind.COUNTER), registry)
    FastHistograms(spec("x_seconds", Kind.HISTOGRAM), registry)
    assert registry.get_sample_value("x_total") == 0
    assert registry.get_sample_value("x_seconds_count") == 0


def test_the_last_example_of_each_bucket_is_kept() -> None:
    registry = CollectorRegistry()
    child = FastHistograms(spec("x_seconds", Kind.HISTOGRAM), registry, now=lambda: 1234.5).labels()
    child.observe(0.2, {"trace_id": "first"})
    child.observe(0.3, {"trace_id": "second"})
    child.observe(9.0, {"trace_id": "third"})
    child.observe(0.4)
    lines = [line for line in as_openmetrics(registry).decode().splitlines() if "trace_id" in line]
    assert lines == [
        'x_seconds_bucket{le="1.0"} 3.0 # {trace_id="second"} 0.3 1234.5',
        'x_seconds_bucket{le="+Inf"} 4.0 # {trace_id="third"} 9.0 1234.5',
    ]
