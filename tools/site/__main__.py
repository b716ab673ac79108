"""``python -m tools.site``: build the site into dist/site and check it. Exit code 1 if there is any warning, broken link, or foreign resource."""

import os
import shutil
import subprocess
import sys
import time

from tools.site.check import problems
from tools.site.sources import ROOT

FOLDER = ROOT / "dist" / "site"


def main() -> int:
    """Build and check, and say how long it took."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # a notice of the theme's makers about its successor
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "mkdocs", "--quiet", "build", "--strict"], cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        return 1
    built = time.monotonic()
    found = problems(FOLDER)
    for problem in found[:50]:
        print(problem, file=sys.stderr)
    pages = sum(1 for _ in FOLDER.rglob("*.html"))
    print(f"{FOLDER.relative_to(ROOT)}: {pages} pages, built in {built - started:.0f} s, checked in {time.monotonic() - built:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
