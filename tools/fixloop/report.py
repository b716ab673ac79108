"""The results as a page."""

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fix-loop.md"


def summary(version, results):
    from collections import Counter

    return f"{version}: {Counter(r.kind for r in results)}"


def renewed(text, version, results):
    return text
