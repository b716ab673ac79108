"""The texts that people read are plain English: words that the style guide retires are in none of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RETIRED = (
    *("whoever", "whatever", "whichever", "anew", "besides", "mend", "mends", "mended", "told", "come about", "came about", "for want of"),
    *("in hand", "quick lane", "ordinary way", "thereupon", "hitherto", "wherever", "whosoever", "he", "him", "his", "himself"),
    *("whence", "thence", "lest", "heretofore", "whereby", "wherein", "thereof", "therein", "forthwith", "aforesaid", "amongst", "whilst"),
    *("upon", "somebody", "the like", "to the letter", "at hand", "gives way", "give way", "beware"),
    *("thinner", "thin answer", "cure", "cures", "cured", "hand out", "hands out", "handed out"),
)
PATTERN = re.compile(r"\b(" + "|".join(RETIRED) + r")\b", re.IGNORECASE)
EXEMPT = {Path("docs/style.md"), Path("CODE_OF_CONDUCT.md"), Path("deploy/kubernetes/overlays/monitoring/prometheus-rule.yaml")}
"""The guide, which names the words, a text with usual wording, and a copy of the rules in prometheus/."""
OLD_NAMES = re.compile(r"^\| `[\w/.]+` \| (`[\w/.]+`|deleted.*) \|$")
"""Rows of the table of old and new names in CONTRIBUTING.md."""


def documents() -> Iterator[Path]:
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "deploy/**/*.md",
        "config/*",
        "Makefile",
        "Dockerfile",
        "compose.yaml",
        "pyproject.toml",
        ".ci/*",
        ".github/**/*",
        "deploy/**/*.*",
        "grafana/**/*.json",
        "prometheus/**/*.yaml",
        "kcproxy/admin/html/*.html",
        "kcproxy/admin/assets/*.js",
    ):
        yield from (path for path in sorted(ROOT.glob(pattern)) if path.is_file())


def texts_of_python(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings, comments and messages."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    yield from comments(source)


def comments(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), start=1):
        before, mark, comment = line.rpartition("# ")
        if mark and before.count('"') % 2 == 0:
            yield number, comment


def texts_of_tests(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and comments. Other strings in tests are data."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    yield from comments(source)


def retired_words() -> Iterator[str]:
    for path in documents():
        if path.relative_to(ROOT) not in EXEMPT:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if OLD_NAMES.match(line):
                    continue
                yield from (f"{path.relative_to(ROOT)}:{number}: {found}" for found in PATTERN.findall(line))
    for tree in ("kcproxy", "devkit", "tools", "bench", "tests"):
        texts_of = texts_of_tests if tree == "tests" else texts_of_python
        for path in sorted((ROOT / tree).rglob("*.py")):
            for number, text in texts_of(path):
                yield from (f"{path.relative_to(ROOT)}:{number}: {found}" for found in PATTERN.findall(text))


def test_no_text_uses_a_retired_word() -> None:
    assert list(retired_words()) == []


@pytest.mark.parametrize("text", ["Whoever calls", "it is told so", "for want of a role", "he may not", "in\u00a0hand", "come about"])
def test_a_retired_word_is_found_in_a_sentence(text: str) -> None:
    assert PATTERN.search(text.replace("\u00a0", " "))
