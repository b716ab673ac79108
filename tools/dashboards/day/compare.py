"""Each number of each panel against the count by hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from tools.dashboards.day import expected_denials, expected_health, expected_privilege, expected_tokens
from tools.dashboards.day.script import Day
from tools.dashboards.day.seen import Number, Seen, seen_of

EXPECTED: Mapping[str, Callable[[Seen], Iterator[Number]]] = {
    "denials": expected_denials.numbers,
    "service-tokens": expected_tokens.numbers,
    "health": expected_health.numbers,
    "least-privilege": expected_privilege.numbers,
}


async def compared(day: Day) -> dict[str, Sequence[Number]]:
    """The numbers of each dashboard."""
    return {name: list(EXPECTED[name](seen)) for name, seen in (await seen_of(day)).items()}


def wrong(numbers: Mapping[str, Sequence[Number]]) -> list[str]:
    """Numbers that are not what was counted, in words."""
    return [
        f"{board}: {number.panel}: {number.what}: counted {counted(number)}, shown {plain(number.shown)}"
        for board, found in numbers.items()
        for number in found
        if not number.is_right
    ]


def counted(number: Number) -> str:
    """What was counted, as text."""
    if number.least == number.most:
        return plain(number.least)
    return f"{plain(number.least)} to {plain(number.most)}"


def plain(value: float | None) -> str:
    """A number for people."""
    if value is None:
        return "none"
    return f"{value:.0f}" if value == round(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
