"""On a scripted day before a real Prometheus, each number of each panel is what the program counted; the documentation shows the result."""

import re
from pathlib import Path

import pytest

from tests.dashboards.queries import DASHBOARDS, panels
from tools.dashboards import alert_day
from tools.dashboards.day import compare, document, script
from tools.dashboards.day.seen import Number, about, between, exactly

MAX_PICTURE_BYTES = 300_000


@pytest.mark.live_long
@pytest.mark.skipif(alert_day.programs() is None, reason="prometheus (Debian package) is not installed")
@pytest.mark.timeout(600)
async def test_every_number_of_every_panel_is_what_was_counted(tmp_path: Path) -> None:
    async with script.played(tmp_path) as day:
        numbers = await compare.compared(day)
    assert compare.wrong(numbers) == []
    compared = {(name, number.panel) for name, found in numbers.items() for number in found}
    assert compared == {(name, panel["title"]) for name, panel in panels()}


@pytest.mark.parametrize(
    ("number", "is_right"),
    [
        (exactly("p", "w", 5, 5.0), True),
        (exactly("p", "w", 5, 4.9), False),
        (exactly("p", "w", None, None), True),
        (exactly("p", "w", None, 0.0), False),
        (exactly("p", "w", 0, None), False),
        (about("p", "w", 100, 96.5), True),
        (about("p", "w", 100, 95.9), False),
        (between("p", "w", 1, 2, 2.1), False),
        (between("p", "w", 1, 2, 1.0), True),
    ],
)
def test_a_number_is_right_within_its_bounds_only(number: Number, *, is_right: bool) -> None:
    assert number.is_right is is_right
    assert (compare.wrong({"board": [number]}) == []) is is_right


def test_titles_of_a_dashboards_panels_differ() -> None:
    for name in DASHBOARDS:
        titles = [panel["title"] for board, panel in panels() if board == name]
        assert len(set(titles)) == len(titles)


def test_each_panel_has_numbers_in_the_documentation() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    sections = {
        name: text.split(f"### Numbers: {board['title'].removeprefix('kcproxy / ').lower()}\n")[1].split("\n## ")[0]
        for name, board in DASHBOARDS.items()
    }
    for name, panel in panels():
        assert f"\n| {panel['title']} | " in sections[name]


def test_each_picture_is_shown_once_and_none_is_large() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    files = sorted(document.IMAGES.glob("dashboard-*.png"))
    assert sorted(re.findall(r"\(images/(dashboard-[\w-]+\.png)\)", text)) == [file.name for file in files]
    assert [file.name for file in files if file.stat().st_size > MAX_PICTURE_BYTES] == []


def test_the_documentation_says_that_no_grafana_drew_the_pictures() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert "No Grafana server was available" in text
    assert "**not\nGrafana's**" in text
