"""Which files of the repository are pages of the site, and where each of them is."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
ELSEWHERE: Mapping[str, str] = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "RELEASE.md": "project/release.md",
    "SECURITY.md": "project/security.md",
    "THREAT_MODEL.md": "project/threat-model.md",
    "deploy/helm/kcproxy/README.md": "deploy/helm.md",
    "deploy/kubernetes/README.md": "deploy/kubernetes.md",
}
"""Pages outside of `docs/`, by their path in the repository."""

HOME = {"README.md": "index.md"}
"""Links to the README lead to the first page, which has the same content in short."""

OVERVIEWS = ("README.md", "index.md")
"""The page of a folder."""

GENERATED = frozenset({"docs/runbooks/README.md"})
"""Pages that exist on the site only."""

FILES = "files"
"""Folder of the site for files of the repository that pages link to."""


def page_of(path: str) -> str | None:
    """Place of a file on the site if it is a page there; None otherwise. Paths are those of the repository."""
    inside = path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") and path.endswith(".md") else None
    return ELSEWHERE.get(path) or HOME.get(path) or inside


def path_of(page: str) -> str:
    """The file in the repository of a page of the site."""
    return next((path for path, place in ELSEWHERE.items() if place == page), f"{DOCS}/{page}")


def relative(target: str, page: str) -> str:
    """A place of the site, as a link on a page."""
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
