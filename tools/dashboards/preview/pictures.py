"""Turns dashboards into PNG files: asks Prometheus, lays the page out, and has Chromium draw it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import async_playwright

from tools.dashboards import generate
from tools.dashboards.preview import page
from tools.dashboards.preview.source import Answer, View, asked

Answers = Mapping[int, Sequence[Answer]]


async def answers_of(session: aiohttp.ClientSession, board: Mapping[str, Any], view: View) -> dict[int, Sequence[Answer]]:
    """What Prometheus says to each panel, by the panel's id."""
    return {panel["id"]: await asked(session, view, panel, page.pixels(panel)[2]) for panel in board["panels"] if panel["type"] != "row"}


async def pages(view: View, source: str) -> dict[str, str]:
    """The HTML of each picture by its name, such as ``dashboard-health-2``."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for name, board in generate.dashboards().items():
            answers = await answers_of(session, board, view)
            for number, part in enumerate(page.parts(board), start=1):
                found[f"dashboard-{Path(name).stem}-{number}"] = page.page(part, answers, view, source)
    return found


async def draw(view: View, folder: Path, *, source: str) -> list[Path]:
    """Write the pictures to the folder, which exists, and return the paths."""
    found = await pages(view, source)
    drawn = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-lcd-text"])
        tab = await browser.new_page(viewport={"width": page.WIDTH, "height": 600})
        for name, html in found.items():
            await tab.set_content(html)
            drawn.append(folder / f"{name}.png")
            await tab.screenshot(path=drawn[-1], full_page=True)
        await browser.close()
    return drawn
