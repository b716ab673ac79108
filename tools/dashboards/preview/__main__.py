"""Draw the dashboards of grafana/dashboards from a Prometheus that scrapes kcproxy, as pictures.

    python -m tools.dashboards.preview http://127.0.0.1:9090 --minutes 60 --scrape 15 --into pictures

Needs Chromium (Debian package ``chromium``) and the group ``test`` (playwright).
"""

import argparse
import asyncio
import time
from pathlib import Path

from tools.dashboards.preview.pictures import draw
from tools.dashboards.preview.source import View


def main() -> None:
    """Draw all dashboards."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.dashboards.preview", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="the address of the Prometheus")
    parser.add_argument("--minutes", type=float, default=60, help="the displayed range, until now (60)")
    parser.add_argument("--scrape", type=float, default=15, help="the scrape interval in seconds (15)")
    parser.add_argument("--into", type=Path, default=Path(), help="the folder of the pictures")
    chosen = parser.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    now = time.time()
    view = View(url=chosen.url, begin=now - 60 * chosen.minutes, end=now, scrape_seconds=chosen.scrape)
    for picture in asyncio.run(draw(view, chosen.into, source=f"the Prometheus at {chosen.url}")):
        print(picture)


if __name__ == "__main__":
    main()
