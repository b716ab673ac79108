"""Merges the metrics of several workers into one page in Prometheus' text format, by the rule that each metric declares."""

from collections.abc import Callable, Iterable, Mapping
from operator import add
from types import MappingProxyType

from kcproxy.observe.metric_specs import LIBRARY_MERGES, SPECS, Merge

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_RULES: Mapping[str, Merge] = MappingProxyType({**LIBRARY_MERGES, **{name: spec.merge for spec in SPECS for name in spec.series}})
_FUNCTIONS: Mapping[Merge, Callable[[float, float], float]] = MappingProxyType({Merge.SUM: add, Merge.MINIMUM: min, Merge.MAXIMUM: max})


def _rule(sample: str) -> Merge:
    """The rule of a sample. Those that are not declared are amounts of prometheus_client (``process_*``, ``python_gc_*``), which add up."""
    return _RULES.get(sample, Merge.SUM)


def merged(own: str, others: Iterable[str]) -> str:
    """One page of several. ``own`` is the page of the process with the admin port; its order is kept."""
    lines: dict[str, float | None] = {}
    for number, page in enumerate((own, *others)):
        for line in page.splitlines():
            if line.startswith("#") or not line:
                lines.setdefault(line, None)
            else:
                _add(lines, line, is_own=number == 0)
    return "".join(f"{line}\n" if value is None else f"{line} {_text(value)}\n" for line, value in _in_families(lines))


def _add(lines: dict[str, float | None], line: str, *, is_own: bool) -> None:
    key, _, text = line.rpartition(" ")
    rule = _rule(key.partition("{")[0])
    before, value = lines.get(key), float(text)
    if before is None and (is_own or rule is not Merge.SUPERVISOR):
        lines[key] = value
    elif before is not None and rule is not Merge.SUPERVISOR:
        lines[key] = _FUNCTIONS[rule](before, value)


def _in_families(lines: Mapping[str, float | None]) -> Iterable[tuple[str, float | None]]:
    """The lines with all samples of a family below its TYPE line, also those that only another process has."""
    families: dict[str, list[tuple[str, float | None]]] = {}
    names = {line.split(" ")[2] for line in lines if line.startswith("# TYPE ")}
    for line, value in lines.items():
        family = line.split(" ")[2] if line.startswith("# ") else _family(line.partition("{")[0], names)
        families.setdefault(family, []).append((line, value))
    return [entry for family in families.values() for entry in family]


def _family(sample: str, names: set[str]) -> str:
    for suffix in ("", "_bucket", "_sum", "_count", "_total", "_created", "_info"):
        name = sample.removesuffix(suffix)
        if sample.endswith(suffix) and name in names:
            return name
    return sample


def _text(value: float) -> str:
    return repr(value) if value != int(value) or abs(value) >= 1e16 else f"{int(value)}.0"
