"""The metrics of several processes as one page in Prometheus' text format: counters, histograms and what is in use add up.

A gauge that is no amount is merged by what it says: the latest of times that tell of something done, the earliest of an end, the worst of states.
"""

from collections.abc import Callable, Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_MERGES: Mapping[str, Callable[[float, float], float]] = {
    "kcproxy_denial_first_timestamp_seconds": min,
    "kcproxy_token_expiry_timestamp_seconds": min,
    "kcproxy_role_granted": max,
    "kcproxy_role_first_use_timestamp_seconds": min,
    "kcproxy_config_last_reload_successful": min,
    "process_start_time_seconds": min,
}
_OWN = frozenset({"kcproxy_ready", "kcproxy_denials_stored", "kcproxy_page_subscribers"})
"""What only the process with the admin port knows."""


def _add(one: float, other: float) -> float:
    return one + other


def _merge_of(name: str) -> Callable[[float, float], float]:
    if name in _MERGES:
        return _MERGES[name]
    return max if name.endswith(("_timestamp_seconds", "_info", "_max_fds")) else _add


def merged(own: str, others: Iterable[str]) -> str:
    """One page of several. ``own`` is the page of the process with the admin port, and the order of what all pages have."""
    lines: dict[str, float | None] = {}
    for number, page in enumerate((own, *others)):
        for line in page.splitlines():
            if line.startswith("#") or not line:
                lines.setdefault(line, None)
                continue
            _take(lines, line, own=number == 0)
    return "".join(f"{line}\n" if value is None else f"{line} {_text(value)}\n" for line, value in _in_families(lines))


def _take(lines: dict[str, float | None], line: str, *, own: bool) -> None:
    key, _, text = line.rpartition(" ")
    name = key.partition("{")[0]
    if name in _OWN and not own:
        return
    before = lines.get(key)
    value = float(text)
    lines[key] = value if before is None else _merge_of(name)(before, value)


def _in_families(lines: Mapping[str, float | None]) -> Iterable[tuple[str, float | None]]:
    """Samples stand below the TYPE line of their family, whichever process had them first."""
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
