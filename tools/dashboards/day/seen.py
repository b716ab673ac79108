"""What the dashboards show of a day, as numbers: the same frames that the preview draws."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from tools.dashboards import generate
from tools.dashboards.day.script import Day
from tools.dashboards.panels import Json
from tools.dashboards.preview import frames, page
from tools.dashboards.preview.frames import Line, Table
from tools.dashboards.preview.pictures import answers_of
from tools.dashboards.preview.source import Answer, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a panel: what the program counted, from least to most where it cannot know exactly, and what the panel shows."""

    panel: str
    what: str
    least: float | None
    most: float | None
    shown: float | None

    @property
    def is_right(self) -> bool:
        """Whether the panel shows what was counted."""
        if self.shown is None or self.least is None or self.most is None:
            return self.shown == self.least
        return self.least <= self.shown <= self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One dashboard with the answers of Prometheus, and the day that was counted."""

    board: Json
    answers: Mapping[int, Sequence[Answer]]
    view: View
    day: Day

    def panel(self, title: str) -> Json:
        """A panel by its title."""
        (found,) = (panel for panel in self.board["panels"] if panel["title"] == title and panel["type"] != "row")
        return dict(found)

    def stat(self, title: str) -> float | None:
        """The number of a stat."""
        return frames.number(self.answers[self.panel(title)["id"]])

    def table(self, title: str) -> Table:
        """The rows of a table."""
        panel = self.panel(title)
        return frames.table(panel, self.answers[panel["id"]])

    def lines(self, title: str) -> dict[str, Line]:
        """The lines of a panel by name."""
        return {line.name: line for line in frames.lines(self.answers[self.panel(title)["id"]])}

    def amounts(self, title: str) -> dict[str, float]:
        """The events that each line of rates amounts to: its area."""
        panel = self.panel(title)
        step = self.view.step_seconds(page.pixels(panel)[2])
        minutes = panel["fieldConfig"]["defaults"]["unit"] in {"reqpm", "opm"}
        return {name: sum(value for _, value in line.points) * step / (60 if minutes else 1) for name, line in self.lines(title).items()}


RATE_SHARE = 0.1
"""How far the area of a line of rates may be from the count: ``rate`` extrapolates at both ends of its window, but not below zero."""


def exactly(panel: str, what: str, counted: float | None, shown: float | None) -> Number:
    """Nothing less and nothing more."""
    return Number(panel=panel, what=what, least=counted, most=counted, shown=shown)


def about(panel: str, what: str, counted: float, shown: float | None, *, share: float = 0.03, and_: float = 1.0) -> Number:
    """Within a share of it and a constant: ``rate`` and ``increase`` extrapolate."""
    return Number(panel=panel, what=what, least=counted * (1 - share) - and_, most=counted * (1 + share) + and_, shown=shown)


def between(panel: str, what: str, least: float, most: float, shown: float | None) -> Number:
    """At least and at most."""
    return Number(panel=panel, what=what, least=least, most=most, shown=shown)


def amounts(seen: Seen, title: str, counted: Mapping[str, float]) -> Iterator[Number]:
    """Each line of rates amounts to what was counted, and there is no further line. ``rate`` shows less of the first events after zero."""
    shown = seen.amounts(title)
    for name in sorted({name for name, count in counted.items() if count} | shown.keys()):
        yield about(title, f"events, {name}", counted.get(name, 0.0), shown.get(name, 0.0), share=RATE_SHARE, and_=2)


def unclear_after_grant(seen: Seen) -> int:
    """Calls with a token from before a grant: Keycloak already allows them everything, but the token does not show the role until it is renewed."""
    restored = seen.day.ledger.moments["restored"]
    return sum(1 for call in seen.day.ledger.calls if call.account == "shop/billing" and restored <= call.ended <= restored + 20)


async def seen_of(day: Day) -> dict[str, Seen]:
    """All dashboards, by the name of the file without the suffix."""
    view = view_of(day)
    async with aiohttp.ClientSession() as session:
        return {
            name.removesuffix(".json"): Seen(board=board, answers=await answers_of(session, board, view), view=view, day=day)
            for name, board in generate.dashboards().items()
        }


def view_of(day: Day) -> View:
    """The whole day."""
    return View(url=day.prometheus_url, begin=day.began, end=day.ended, scrape_seconds=1)
