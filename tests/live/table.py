"""Write ``docs/cases.md``: for each case and version the cause found and how sure, without and with look-ups.

    python -m tests.live.table 26.7.5=http://localhost:8080 24.0.5=http://localhost:8081

Each server is one with the administrator admin/admin; realms and clients are made and removed again.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from devkit.realserver import fetch_distribution
from tests.live import situations
from tests.live.conftest import Keycloak
from tests.live.judging import Outcome, bench, check, play
from tests.live.situations import Situation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cases.md"
HEAD = """# Cases

Reported refusals and variants of them, reproduced on real servers and sent through kcproxy, once without look-ups and once with an inspector account. Written by
`python -m tests.live.table`. The tests `tests/live/test_cases_*.py` check the same promises for every line: with an inspector, the cause is right. Without one,
it comes first or is among the alternatives, and no wrong cause is certain. If the fix is a command, running it exactly as printed makes the request succeed.
If the status code is neither 401 nor 403, the body is unchanged and only headers name the cause. Then there is no confidence to show.
"""


def _row(situation: Situation, outcome: Outcome) -> str:
    plain = f"{outcome.plain.cause}, {outcome.plain.confidence or 'header only'}"
    rank = "first" if outcome.plain.cause == situation.truth else "among the alternatives"
    seeing = f"{outcome.seeing.cause}, {outcome.seeing.confidence or 'header only'}"
    fix = "passes" if outcome.fixed is not None and outcome.fixed.status < 300 else ""
    return f"| {situation.id} | {situation.says} | {outcome.plain.status} | {situation.truth.value} | {plain} | {rank} | {seeing} | {fix} |"


async def rows(keycloak: Keycloak) -> list[str]:
    """One line a situation; AssertionError where a promise is broken."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        async with bench(keycloak, Path(folder)) as stage:
            for situation in situations.of(keycloak.version):
                outcome = await play(stage, situation)
                check(situation, outcome)
                lines.append(_row(situation, outcome))
                print(keycloak.version, situation.id, flush=True)  # noqa: T201 - it takes minutes
    return lines


def section(version: str, lines: list[str]) -> str:
    """One version's table."""
    head = (
        "| case | what happened | status | true cause | without look-ups | the true cause is | with an inspector | after the fix |\n"
        + "| --- " * 8
        + "|"
    )
    return f"\n## Keycloak {version}\n\n{len(lines)} situations.\n\n{head}\n" + "\n".join(lines) + "\n"


def merged(page: str, new: dict[str, str]) -> str:
    """The page with these versions' sections in place of the old ones, newest version first."""
    pieces = page.partition("\n## ")
    old = {piece.partition("\n")[0].removeprefix("Keycloak "): "\n## " + piece for piece in (pieces[2].split("\n## ") if pieces[1] else ())}
    return HEAD + "".join(text.rstrip("\n") + "\n" for _, text in sorted((old | new).items(), reverse=True))


def main(arguments: list[str]) -> int:
    """The program: one section for each server that is given; the others stay as they are."""
    for argument in arguments:
        version, _, url = argument.partition("=")
        home = fetch_distribution(version)
        keycloak = Keycloak(version=version, base_url=url, admin_username="admin", admin_password="admin", home=home)
        new = {version: section(version, asyncio.run(rows(keycloak)))}
        PAGE.write_text(merged(PAGE.read_text(encoding="utf-8") if PAGE.is_file() else HEAD, new), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
