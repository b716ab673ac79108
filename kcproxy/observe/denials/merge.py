"""Merges the lists of several instances: denials of one kind have the same ``group`` everywhere. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from kcproxy.observe.denials.course import HOURS, MAX_CHANGES, State
from kcproxy.observe.denials.document import Document
from kcproxy.observe.denials.records import FIXED

_HOUR_SECONDS = 3600


def merged(lists: Mapping[str, Sequence[Document]]) -> list[Document]:
    """One list from those of several instances, by their names; the newest kind first. Each gets ``instances``: the names of those that saw it."""
    kinds: dict[str, list[tuple[str, Document]]] = {}
    for instance, groups in lists.items():
        for group in groups:
            kinds.setdefault(group["group"], []).append((instance, group))
    found = [_one({**group, "instances": [instance]} for instance, group in seen) for seen in kinds.values()]
    return sorted(found, key=lambda group: str(group["lastAt"]), reverse=True)


def _one(seen: Iterable[Document]) -> Document:
    """One kind: the newest denial, all counts, and the state that the last event of all instances amounts to."""
    groups = sorted(seen, key=lambda group: str(group["lastAt"]))
    newest = groups[-1]
    changes = _changes(groups)
    resolved_at = max((group["resolvedAt"] for group in groups if group["resolvedAt"]), default=None)
    is_resolved = resolved_at is not None and resolved_at >= newest["lastAt"]
    has_been_fixed = any(change["to"] == FIXED for change in changes)
    return {
        **newest,
        "count": sum(group["count"] for group in groups),
        "firstAt": min(group["firstAt"] for group in groups),
        "resolvedAt": resolved_at if is_resolved else None,
        "state": (State.FIXED if is_resolved else State.REGRESSED if has_been_fixed else State.FAILS).value,
        "changes": changes,
        "hours": _hours(groups, newest),
        "instances": sorted(name for group in groups for name in group["instances"]),
    }


def _changes(groups: Sequence[Document]) -> list[Document]:
    """The changes of all instances in order, without those that another instance had reported before."""
    kept: list[Document] = []
    for change in sorted((change for group in groups for change in group["changes"]), key=lambda change: str(change["at"])):
        if not kept or kept[-1]["to"] != change["to"]:
            kept.append(change)
    return kept[-MAX_CHANGES:]


def _hours(groups: Sequence[Document], newest: Document) -> list[int]:
    """The sums of the hours that end with the hour of the newest denial."""
    sums = [0] * HOURS
    for group in groups:
        shift = _hour(newest) - _hour(group)
        for place, count in enumerate(group["hours"]):
            if place >= shift:
                sums[place - shift] += count
    return sums


def _hour(group: Document) -> int:
    return int(datetime.fromisoformat(group["lastAt"]).timestamp() // _HOUR_SECONDS)
