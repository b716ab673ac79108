"""The comparison as a page of the documentation."""

import re
from collections.abc import Sequence

from tools.clients.compare import Comparison

_HEAD = """# What client libraries print of a 403

Each program below reads one user with a service account that has no role: once directly from Keycloak {version} and once through kcproxy. The libraries are
unchanged. The sentence says which role is missing, for whom, and for which operation. Written by `python -m tools.clients`.

| client | version | directly | the sentence through kcproxy |
| --- | --- | --- | --- |
"""


def page(comparisons: Sequence[Comparison], *, version: str) -> str:
    """Markdown: a table of one line each, then what was printed, word for word."""
    rows = "\n".join(_row(item) for item in comparisons)
    blocks = "\n\n".join(_block(item) for item in comparisons if item.unavailable is None)
    return f"{_HEAD.format(version=version)}{rows}\n\n## Word for word\n\n{blocks}\n"


def _row(item: Comparison) -> str:
    name, version = item.program.library, item.program.version
    if item.unavailable:
        return f"| {name} | {version} | not run: {item.unavailable} | |"
    says = item.program.where if item.is_printed else "not in what is printed"
    return f"| {name} | {version} | `{_first_line(item.direct)}` | {says} |"


def _first_line(text: str) -> str:
    return (text.splitlines() or ["(nothing)"])[0].replace("|", "\\|")


def _block(item: Comparison) -> str:
    return f"### {item.program.library} {item.program.version}\n\nDirectly:\n\n```text\n{item.direct}\n```\n\nThrough kcproxy:\n\n```text\n{shown(item.proxied)}\n```"


def shown(text: str) -> str:
    """The output without what differs between runs: ids, and the rest of long lines."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "(id)", text)
    text = re.sub(r"(\"id\":\s?\"|id: ')[0-9a-f]{16}", r"\1(id)", text)
    return "\n".join(line if len(line) <= 700 else f"{line[:700]}…" for line in text.splitlines())
