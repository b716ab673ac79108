"""Numbers with their units, as Grafana formats them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_RATES = {"reqps": "req/s", "reqpm": "req/m", "ops": "ops/s", "opm": "ops/m", "eps": "evt/s"}
_THOUSANDS = ("", " K", " Mil", " Bil")
_BYTES = ("B", "KiB", "MiB", "GiB")
_SI_BYTES = ("B/s", "kB/s", "MB/s", "GB/s")
_DURATIONS = (
    (31536000, "year"),
    (604800, "week"),
    (86400, "day"),
    (3600, "hour"),
    (60, "min"),
    (1, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
    (1e-9, "ns"),
)
_AGES = ((31536000, "year"), (2592000, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def shown(value: float | None, unit: str, decimals: int | None = None, *, none: str = "none", now: float = 0.0) -> str:
    """The text of a number. ``now`` (seconds since the epoch) is the end of the displayed range, for ages."""
    if value is None or math.isnan(value):
        return none
    match unit:
        case "dateTimeFromNow":
            text = _age(now - value / 1000)
        case "percentunit":
            text = f"{_rounded(value * 100, decimals)}%"
        case "s":
            text = _duration(value, decimals)
        case "bytes":
            text = _scaled(value, _BYTES, 1024, decimals, " ")
        case "Bps":
            text = _scaled(value, _SI_BYTES, 1000, decimals, " ")
        case _:
            text = _scaled(value, _THOUSANDS, 1000, decimals, "") + (f" {_RATES[unit]}" if unit in _RATES else "")
    return text


def _rounded(value: float, decimals: int | None) -> str:
    places = _decimals(value) if decimals is None else decimals
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if decimals is None and "." in text else text


def _decimals(value: float) -> int:
    """Enough for three digits, none for whole numbers."""
    if value == 0 or value == int(value):
        return 0
    return max(0, 2 - math.floor(math.log10(abs(value))))


def _scaled(value: float, names: Sequence[str], base: int, decimals: int | None, blank: str) -> str:
    place = 0
    while abs(value) >= base and place < len(names) - 1:
        value, place = value / base, place + 1
    return f"{_rounded(value, decimals if place == 0 else None)}{blank}{names[place]}"


def _duration(value: float, decimals: int | None) -> str:
    size, name = next(((size, name) for size, name in _DURATIONS if abs(value) >= size), (1, "s"))
    text = _rounded(value / size, decimals)
    plural = "s" if name in {"hour", "day", "week", "year"} and text != "1" else ""
    return f"{text} {name}{plural}"


def _age(seconds: float) -> str:
    if abs(seconds) < 45:
        return "a few seconds ago"
    size, name = next(((size, name) for size, name in _AGES if seconds >= size * 0.75), (60, "minute"))
    count = max(1, round(seconds / size))
    return f"{'an' if name == 'hour' else 'a'} {name} ago" if count == 1 else f"{count} {name}s ago"


def clock(at: float, *, seconds: bool) -> str:
    """A time on the axis, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S" if seconds else "%H:%M")
