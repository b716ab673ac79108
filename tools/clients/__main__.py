"""`python -m tools.clients [VERSION]`: runs every client on a real Keycloak (one that KEYCLOAK_URL names, or one started here) and writes docs/clients.md."""

import asyncio
import os
import sys
from pathlib import Path

from devkit.realserver import RealServer, fetch_distribution
from tools.clients.compare import Comparison, compare
from tools.clients.page import page
from tools.clients.programs import PROGRAMS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"


def main(arguments: list[str]) -> int:
    """Exit code 0 if every client that could be run printed the sentence."""
    version = (arguments or ["26.7.5"])[0]
    given = os.environ.get("KEYCLOAK_URL")
    if given:
        comparisons = _compared(given, fetch_distribution(version))
    else:
        with RealServer(version) as server:
            comparisons = _compared(server.base_url, server.home)
    PAGE.write_text(page(comparisons, version=version), encoding="utf-8")
    for item in comparisons:
        print(f"{item.program.library:50} {item.unavailable or ('prints the sentence' if item.is_printed else 'DOES NOT PRINT IT')}")
    return 0 if all(item.is_printed or item.unavailable for item in comparisons) else 1


def _compared(url: str, home: Path) -> list[Comparison]:
    username = os.environ.get("KEYCLOAK_ADMIN_USERNAME", "admin")
    password = os.environ.get("KEYCLOAK_ADMIN_PASSWORD", "admin")
    return asyncio.run(compare(PROGRAMS, url=url, username=username, password=password, home=home))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
