"""The list of ``kcproxy denials`` as a table: one line for each kind, cut to the width of the terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from kcproxy.admin.listing import missing, short
from kcproxy.cli.terminal import bold, paint, width
from kcproxy.observe.denials.course import State
from kcproxy.observe.denials.document import Document
from kcproxy.visible import visible

GAP = "  "
WIDE_COLUMNS = 100
"""From this width on, the table has the realm and the complete id."""
SHORT_ID = 8
_DEFAULT_COLUMNS = 120
_LEAST = 6
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_COLOURS: Mapping[str, str] = {State.FAILS.value: "red", State.FIXED.value: "green", State.REGRESSED.value: "yellow"}
_BENDING = ("service", "operation", "missing", "realm", "instance")
"""Columns that are cut if the line is too long."""


class Table:
    """The columns of one list. Rows that come later, with ``--follow``, use the same columns."""

    def __init__(self, groups: Sequence[Document], *, when: Callable[[Document], str]) -> None:
        """``when`` gives the text of the column of times."""
        self._when = when
        self._names = self._chosen(groups)
        rows = [self._cells(group) for group in groups]
        self._sizes = {name: max([len(name), _FOLLOWED.get(name, 0), *(len(row[name]) for row in rows)]) for name in self._names}
        self._fit(min(width(), 10 * _DEFAULT_COLUMNS))

    def head(self) -> str:
        """The line of titles."""
        return bold(GAP.join(name.upper().ljust(self._sizes[name]) for name in self._names).rstrip())

    def lines(self, groups: Sequence[Document]) -> Iterator[str]:
        """One line for each group."""
        for group in groups:
            cells = self._cells(group)
            yield GAP.join(self._padded(name, cells[name], group) for name in self._names).rstrip()

    def _chosen(self, groups: Sequence[Document]) -> tuple[str, ...]:
        names = ["state", "last", "count", "service", "operation", "missing"]
        if width() >= WIDE_COLUMNS:
            names.append("realm")
        if any("instances" in group for group in groups):
            names.append("instance")
        return (*names, "id")

    def _cells(self, group: Document) -> dict[str, str]:
        cells = {
            "state": group["state"],
            "last": self._when(group),
            "count": str(group["count"]),
            "service": group["service"],
            "operation": " ".join(short(group["what"])),
            "missing": missing(group) or group["why"],
            "realm": group["realm"] or "-",
            "instance": ",".join(group.get("instances", ())),
            "id": group["id"] if width() >= WIDE_COLUMNS else group["id"][:SHORT_ID],
        }
        return {name: visible(text) for name, text in cells.items()}

    def _padded(self, name: str, text: str, group: Document) -> str:
        size = self._sizes[name]
        cut = text if len(text) <= size else text[: size - 1] + "…"
        cell = cut.rjust(size) if name == "count" else cut.ljust(size)
        return paint(cell, _COLOURS[group["state"]]) if name == "state" else bold(cell) if name == "missing" else cell

    def _fit(self, columns: int) -> None:
        """Take columns from the longest until the line fits."""
        bending = [name for name in self._names if name in _BENDING]
        while sum(self._sizes.values()) + len(GAP) * (len(self._names) - 1) > columns:
            longest = max(bending, key=lambda name: self._sizes[name])
            if self._sizes[longest] <= _LEAST:
                return
            self._sizes[longest] -= 1


_FOLLOWED: Mapping[str, int] = {"state": len(State.REGRESSED), "count": 5}
"""Least widths, so that later rows of the same list fit."""


def ago(iso: str, now_epoch_seconds: float) -> str:
    """``5 min``."""
    seconds = max(0, int(now_epoch_seconds - datetime.fromisoformat(iso).timestamp()))
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), (1, "s"))
    return f"{seconds // size} {unit}"


def clock(iso: str) -> str:
    """``17:48:33``, in local time."""
    return datetime.fromisoformat(iso).astimezone().strftime("%H:%M:%S")
