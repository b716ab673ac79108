"""`python -m tools.pictures`: runs the demo in a terminal of its own and draws docs/images/explained-403.svg from what it prints."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.pictures.ansi import plain
from tools.pictures.svg import terminal

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "explained-403.svg"
_COLUMNS = 96
_SHOWN = ("Attempt 1, directly", "Attempt 1 through kcproxy, with the same", "Attempt 2 through kcproxy, without")
_TITLE = "A 403 of Keycloak's Admin REST API, directly and through kcproxy, and the same request after the fix"
_DULL = ("✓", "< Content-Type", "< WWW-Authenticate", "< Kcproxy-Denial-Id", "< Kcproxy-Token-Roles", "POST ")


def main() -> int:
    """0 when the picture is drawn."""
    lines = _demo()
    chosen = [line for title in _SHOWN for line in _step(lines, title)]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(terminal(_tidy(chosen), title=_TITLE), encoding="utf-8")
    print(PICTURE)
    return 0


def _demo() -> list[str]:
    """What the demo prints to a terminal, colors and all."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEYCLOAK") and name != "NO_COLOR"}
    environment = kept | {"COLUMNS": str(_COLUMNS), "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "kcproxy", "demo"], stdout=theirs, env=environment, start_new_session=True) as demo:
        os.close(theirs)
        text = _read(ours)
    if demo.returncode:
        raise SystemExit(f"the demo failed:\n{text}")
    return text.replace("\r\n", "\n").split("\n")


def _read(terminal_end: int) -> str:
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(terminal_end, 65536)
        except OSError:  # the other end of a terminal is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(terminal_end)
    return b"".join(chunks).decode()


def _step(lines: Sequence[str], title: str) -> list[str]:
    """The lines of the step whose title begins so, without its ticks and what is not news."""
    start = next(number for number, line in enumerate(lines) if title in plain(line))
    end = next((number for number in range(start + 1, len(lines)) if plain(lines[number])[:2].strip().isdigit()), len(lines))
    step = [line for line in lines[start:end] if not plain(line).strip().startswith(_DULL)]
    number_cells = 3  # the step's number means nothing here
    return [step[0].replace(plain(step[0])[:number_cells], "", 1), *step[1:], ""]


def _tidy(lines: Sequence[str]) -> list[str]:
    """Runs of blank lines become one; none at the ends."""
    kept: list[str] = []
    for line in lines:
        if plain(line).strip() or (kept and plain(kept[-1]).strip()):
            kept.append(line)
    while kept and not plain(kept[-1]).strip():
        kept.pop()
    return kept


if __name__ == "__main__":
    sys.exit(main())
