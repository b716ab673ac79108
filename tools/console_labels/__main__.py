"""`python -m tools.console_labels [VERSION…]`: write the labels of these versions, or of all that have a table of role needs."""

import json
import sys
from pathlib import Path

from devkit.realserver import fetch_distribution
from kcproxy.catalog import versions
from tools.console_labels.read import document, read

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "explain" / "fixes" / "data" / "console.json"


def main(wanted: list[str]) -> int:
    """Fetches each distribution that is not there yet."""
    released = [version for version in wanted or versions() if version.count(".") == 2]
    found = {version: read(fetch_distribution(version)) for version in released}
    DATA.write_text(json.dumps(document(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{DATA.name}: {', '.join(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
