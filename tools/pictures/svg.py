"""Lines of a terminal as an SVG picture that looks the same with any monospaced font."""

from collections.abc import Sequence
from html import escape

from tools.pictures.ansi import Run, plain, runs_of

_CELL_WIDTH, _LINE_HEIGHT, _MARGIN, _BAR = 8.0, 18.0, 18.0, 34.0
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_COLOURS = {"red": "#ff7b72", "green": "#7ee787", "yellow": "#e3b341", "cyan": "#79c0ff", None: "#c9d1d9"}


def terminal(lines: Sequence[str], *, title: str) -> str:
    """The picture. ``lines`` may hold ANSI color codes; ``title`` is also what screen readers say."""
    width = max(len(plain(line)) for line in lines) * _CELL_WIDTH + 2 * _MARGIN
    height = len(lines) * _LINE_HEIGHT + _BAR + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" '
        f'aria-label="{escape(title)}" font-family="{_FONT}" font-size="13">'
    )
    frame = f'<title>{escape(title)}</title><rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
    dots = "".join(f'<circle cx="{18 + 16 * n}" cy="17" r="5" fill="{fill}"/>' for n, fill in enumerate(("#ff5f56", "#ffbd2e", "#27c93f")))
    rows = "\n".join(_row(runs_of(line), _BAR + (number + 0.7) * _LINE_HEIGHT) for number, line in enumerate(lines))
    return f"{head}\n{frame}\n{dots}\n{rows}\n</svg>\n"


def _row(runs: Sequence[Run], y: float) -> str:
    return "".join(_text(run, y) for run in runs)


def _text(run: Run, y: float) -> str:
    text = run.text.rstrip()
    blanks = len(text) - len(text.lstrip())
    shown = text.lstrip()
    x = _MARGIN + (run.column + blanks) * _CELL_WIDTH
    weight = ' font-weight="bold"' if run.bold else ""
    fill = "#f0f6fc" if run.bold and run.colour is None else _COLOURS[run.colour]
    # textLength keeps the columns in place with any font.
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{weight} xml:space="preserve" '
        f'textLength="{len(shown) * _CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs">{escape(shown)}</text>'
    )
