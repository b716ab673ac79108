"""The list of kinds of denial: which are shown and in which order, as the address says. Pure: no request, no clock."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from kcproxy.observe.denials.course import HOURS, State
from kcproxy.observe.denials.document import Document
from kcproxy.visible import visible

SORTS: Mapping[str, str] = MappingProxyType(
    {
        "state": "State",
        "service": "Service",
        "what": "Operation",
        "lacks": "Missing role or cause",
        "realm": "Realm",
        "count": "Count",
        "last": "Last",
    }
)
"""The columns by which the list can be sorted, and their titles."""
SINCE_SECONDS: Mapping[str, int] = MappingProxyType({"15m": 900, "1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400})
"""The time ranges: a kind is in a range if it was seen in it."""
SEARCHED = ("id", "summary", "what", "who", "service", "client", "why", "realm", "path", "confidence", "status", "state")
UNRESOLVED = "open"
_FALLING = frozenset({"count", "last"})
"""Columns that are sorted from the largest to the smallest unless the address says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What the address asks for: words, one value of each facet ("" for any), a time range, and the order."""

    q: str = ""
    why: str = ""
    realm: str = ""
    service: str = ""
    role: str = ""
    state: str = ""
    since: str = ""
    sort: str = "last"
    order: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Query":
        """Read an address. ``open`` is the older name of ``state=open``. Unknown columns, orders and ranges count as not given."""
        values = {field.name: given.get(field.name, "") for field in fields(cls)}
        if "open" in given and not values["state"]:
            values["state"] = UNRESOLVED
        values["since"] = values["since"] if values["since"] in SINCE_SECONDS else ""
        values["sort"] = values["sort"] if values["sort"] in SORTS else "last"
        values["order"] = values["order"] if values["order"] in {"up", "down"} else ""
        return cls(**values)

    @property
    def falls(self) -> bool:
        """Whether the largest comes first."""
        return (self.order or ("down" if self.sort in _FALLING else "up")) == "down"

    def address(self, **changes: str) -> str:
        """The address of the list with some values changed."""
        values = {field.name: getattr(self, field.name) for field in fields(self)} | changes
        chosen = {name: value for name, value in values.items() if value and (name, value) != ("sort", "last")}
        return f"/?{urlencode(chosen, errors='replace')}" if chosen else "/"

    def sorted_by(self, column: str) -> str:
        """The address for a click on the title of a column: the other order if the list is sorted by it."""
        if column != self.sort:
            return self.address(sort=column, order="")
        return self.address(order="up" if self.falls else "down")


def chosen(groups: Iterable[Document], query: Query, now_epoch_seconds: float) -> list[Document]:
    """The groups that the query asks for, in its order."""
    words = [visible(word).lower() for word in query.q.split()]
    oldest = now_epoch_seconds - SINCE_SECONDS[query.since] if query.since else 0.0
    found = [
        group for group in groups if _fits(group, query) and all(word in search_text(group) for word in words) and _at(group) >= oldest
    ]
    return sorted(found, key=lambda group: _key(group, query.sort), reverse=query.falls)


def _fits(group: Document, query: Query) -> bool:
    values = facet_values(group)
    if query.state == UNRESOLVED and group["state"] == State.FIXED:
        return False
    return all(
        not (wanted := getattr(query, name)) or wanted == value or (name == "state" and wanted == UNRESOLVED)
        for name, value in values.items()
    )


def facet_values(group: Document) -> dict[str, str]:
    """The value of each facet."""
    return {
        "service": visible(group["service"]),
        "realm": visible(group["realm"] or ""),
        "role": visible(missing(group)),
        "why": group["why"],
        "state": group["state"],
    }


def facets(groups: Sequence[Document]) -> dict[str, list[tuple[str, int]]]:
    """The values of each facet that occur, with the number of kinds that have them."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("service", "realm", "role", "why", "state")}
    for group in groups:
        for name, value in facet_values(group).items():
            counts[name][value] += bool(value)
    return {name: sorted((value, count) for value, count in counted.items() if count) for name, counted in counts.items()}


def missing(group: Document) -> str:
    """The missing roles, or "" if no role is missing."""
    return " + ".join(group["missing"])


def _at(group: Document) -> float:
    return datetime.fromisoformat(group["lastAt"]).timestamp()


_STATES = (State.REGRESSED, State.FAILS, State.FIXED)


def _key(group: Document, column: str) -> Any:
    if column == "count":
        return group["count"], group["lastAt"]
    if column == "last":
        return group["lastAt"]
    if column == "state":
        return _STATES.index(group["state"]), group["service"]
    return {"service": group["service"], "what": group["what"], "lacks": missing(group) or group["why"], "realm": group["realm"] or ""}[
        column
    ]


def search_text(group: Document) -> str:
    """The text that a search covers, as it is shown: invisible characters are found by their code points. The script of the page computes the same."""
    parts = [group.get(name) for name in SEARCHED]
    return visible(" ".join(str(part) for part in [*parts, *group["missing"]] if part)).lower()


def short(what: str) -> tuple[str, str]:
    """Method and path of an operation. The realm has a column of its own, so its part of the path is left out."""
    method, _, path = what.partition(" ")
    rest = path.removeprefix("/admin/realms/{realm}")
    return method, rest if rest and rest != path else path


def bars(group: Document, now_epoch_seconds: float) -> list[int]:
    """The denials of each of the last 24 hours, from the hours that end with the latest denial."""
    shift = max(int(now_epoch_seconds // 3600) - int(_at(group) // 3600), 0)
    return ([*group["hours"], *[0] * min(shift, HOURS)])[-HOURS:]


def bars_path(counts: Sequence[int]) -> str:
    """The bars as an SVG path, 3 wide and at most 16 high; every hour with a denial has one that can be seen."""
    most = max(counts, default=0)
    heights = [0 if not count else max(2, round(16 * count / most)) for count in counts]
    return "".join(f"M{3 * place} 16v-{height}h2v{height}z" for place, height in enumerate(heights) if height)


def bars_label(counts: Sequence[int]) -> str:
    """The bars in words."""
    return f"{sum(counts)} in the last {HOURS} hours, {counts[-1]} in this one"
