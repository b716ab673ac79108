"""Play the scripted day, compare every number of every panel with the count by hand, and draw the dashboards.

    python -m tools.dashboards.day              writes docs/dashboards.md and its pictures, if every number is right
    python -m tools.dashboards.day --check      compares only

It takes two and a half minutes, and needs neither Keycloak nor Grafana: the simulator plays Keycloak, and a preview is drawn in place of Grafana.
Needs the Debian packages ``prometheus`` and ``chromium``, and the group ``test`` (playwright).
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tools.dashboards.day.compare import compared, wrong
from tools.dashboards.day.document import DOCUMENT, IMAGES, document
from tools.dashboards.day.script import played
from tools.dashboards.day.seen import view_of
from tools.dashboards.preview.pictures import draw

SOURCE = "a Prometheus that scraped three proxies on a scripted day (tools.dashboards.day)"


async def run(folder: Path, *, writes: bool) -> list[str]:
    """What is wrong, in words."""
    async with played(folder) as day:
        numbers = await compared(day)
        problems = wrong(numbers)
        if writes and not problems:
            pictures = await draw(view_of(day), IMAGES, source=SOURCE)
            text = document(numbers, pictures, day)
            await asyncio.to_thread(DOCUMENT.write_text, text, encoding="utf-8")
    return problems


def main() -> int:
    """0 if every number is right."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.dashboards.day", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        problems = asyncio.run(run(Path(folder), writes=not chosen.check))
    for problem in problems:
        print(problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
