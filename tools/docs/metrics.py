"""docs/metrics.md, from the declarations of the metrics."""

from kcproxy.observe.metric_specs import LABELS, LATENCY_BUCKETS_SECONDS, OVERHEAD_BUCKETS_SECONDS, SPECS
from tools.docs.markdown import GENERATED, code, table

FILE = "docs/metrics.md"

_INTRODUCTION = f"""\
# Metrics
{GENERATED}

`GET /metrics` on the admin port has Prometheus' text format, or OpenMetrics if `Accept` asks for it. OpenMetrics has exemplars: the label
`trace_id` is the W3C trace id of a request in the bucket. The page also has the metrics of the process (`process_*`).

If there are several `workers`, the page combines them, always in the text format and without exemplars. The column *Workers* says how their values merge. Each
worker counts its own events, so a reload or the end of a kind of denial counts once for each worker.
"""

_LABELS = """\
## Labels and their bounds
"""

_NOTES = f"""\
## Buckets

Latencies: {", ".join(f"{edge:g}" for edge in LATENCY_BUCKETS_SECONDS)} seconds. Time spent in the proxy:
{", ".join(f"{edge:g}" for edge in OVERHEAD_BUCKETS_SECONDS)} seconds.

## Scraping

    scrape_configs:
      - job_name: kcproxy
        static_configs:
          - targets: ["127.0.0.1:9180"]

Prometheus stores exemplars if you start it with `--enable-feature=exemplar-storage`.
"""


def documents() -> dict[str, str]:
    """The document by its path."""
    metrics = [(code(s.name), s.kind.value, ", ".join(map(code, s.labels)) or "-", s.merge.value, s.help) for s in SPECS]
    labels = [(code(name), bound) for name, bound in LABELS.items()]
    lines = [
        _INTRODUCTION,
        *table(("Metric", "Kind", "Labels", "Workers", "Meaning"), metrics),
        "",
        _LABELS,
        *table(("Label", "Bound"), labels),
        "",
        _NOTES,
    ]
    return {FILE: "\n".join(lines)}
