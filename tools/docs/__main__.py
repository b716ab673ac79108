"""Write all generated documents, or with ``--check`` list those that are not up to date.

python -m tools.docs            write
python -m tools.docs --check    exit code 1 and a list, if a document is not up to date
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.dashboards import generate
from tools.deploy.envoy import documents as envoy
from tools.docs import causes, chart, cli, configuration, log, man, metrics, openapi, permissions, roles, settings
from tools.fixloop import page
from tools.permissions.loop import page as permission_loop
from tools.use import page as tools_page

ROOT = Path(__file__).resolve().parents[2]

GENERATORS: Sequence[Callable[[], Mapping[str, str]]] = (
    configuration.documents,
    settings.documents,
    metrics.documents,
    log.documents,
    cli.documents,
    man.documents,
    roles.documents,
    openapi.documents,
    permissions.documents,
    causes.documents,
    chart.documents,
    page.documents,
    permission_loop.documents,
    tools_page.documents,
    generate.documents,
    envoy.documents,
)
"""Each returns documents by their path from the project's root. Add new kinds of documents here."""

OWNED = (roles.FOLDER, permissions.FOLDER, causes.FOLDER, envoy.FOLDER, tools_page.FOLDER)
"""Folders in which every file is generated; other files there are left over."""


def generated() -> dict[str, str]:
    """All documents by path."""
    return {path: text.rstrip("\n") + "\n" for generator in GENERATORS for path, text in generator().items()}


def differing(root: Path, documents: Mapping[str, str]) -> list[str]:
    """Paths of documents that are missing, differ, or should no longer exist."""
    wrong = [path for path, text in documents.items() if _current(root / path) != text]
    left = (str(file.relative_to(root)) for folder in OWNED for file in sorted((root / folder).glob("*")))
    return wrong + [path for path in left if path not in documents]


def _current(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def write(root: Path, documents: Mapping[str, str]) -> list[str]:
    """Write documents that differ, remove those that are left over, and return their paths."""
    touched = differing(root, documents)
    for path in touched:
        file = root / path
        if path not in documents:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(documents[path], encoding="utf-8")
    return touched


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the program and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    if parser.parse_args(arguments).check:
        wrong = differing(root, generated())
        for path in wrong:
            print(f"{path} is not up to date: run make docs", file=sys.stderr)
        return 1 if wrong else 0
    for path in write(root, generated()):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
