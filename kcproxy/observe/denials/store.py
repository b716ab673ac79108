"""The recent denials: bounded (``retention``), grouped by caller, operation and cause, with live updates and an optional history file.

A group keeps at most 20 examples, so that many denials of one kind do not displace the others.
"""

import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcproxy.model import Explanation
from kcproxy.observe.denials import document as documents
from kcproxy.observe.denials.course import Course, State
from kcproxy.observe.denials.document import Document, fingerprint, iso
from kcproxy.observe.denials.records import Kind, Resolution, Stored
from kcproxy.observe.denials.subscriptions import Subscriptions
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.retention import Bounds, bounds_of, is_verified

if TYPE_CHECKING:
    from kcproxy.observe.denials.history import History
    from kcproxy.observe.denials.pending import PendingFiles

MAX_BYTES = 16 * 1024 * 1024
MAX_EXAMPLES = 20


@dataclass(slots=True, kw_only=True)
class Group:
    """Denials that are the same to an operator. Times in seconds since the epoch; ``count`` includes discarded examples."""

    fingerprint: str
    first_at: float
    last_at: float
    count: int = 0
    resolved_at: float | None = None
    examples: deque[Stored] = field(default_factory=deque)
    course: Course = field(default_factory=Course)
    instances: tuple[str, ...] = ()
    """The instances that saw it, if several store their denials together."""

    @property
    def latest(self) -> Document:
        """The newest example."""
        found: Document = json.loads(self.examples[-1].document)
        return found

    def newest(self) -> list[Document]:
        """The stored examples, the newest first."""
        return [json.loads(stored.document) for stored in reversed(self.examples)]

    def summary(self) -> Document:
        """The contents of a line of the page."""
        newest = self.latest
        explanation = newest["explanation"]
        client = explanation["caller"]["clientId"]
        return {
            "group": self.fingerprint,
            "id": newest["id"],
            "count": self.count,
            "firstAt": iso(self.first_at),
            "lastAt": iso(self.last_at),
            "resolvedAt": None if self.resolved_at is None else iso(self.resolved_at),
            **{name: newest[name] for name in ("who", "what", "why", "status", "method", "path", "realm")},
            "client": client,
            "service": client if client and newest["who"] == f"service-account-{client}" else newest["who"],
            "state": self.course.state.value,
            "changes": self.course.documents(iso),
            "hours": self.course.counts(self.last_at),
            "confidence": explanation["confidence"],
            "missing": explanation["missing"],
            "summary": explanation["summary"],
            **({"instances": list(self.instances)} if self.instances else {}),
        }


class _Groups:
    """Groups in the order of their latest denial, within bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self.groups: OrderedDict[str, Group] = OrderedDict()
        self.by_id: dict[str, Stored] = {}
        self.bytes = 0
        self._bounds = bounds

    def add(self, stored: Stored) -> Group:
        group = self.groups.get(stored.group)
        if group is None:
            group = self.groups[stored.group] = Group(fingerprint=stored.group, first_at=stored.at, last_at=stored.at)
        group.last_at, group.resolved_at = stored.at, None
        group.course.failed(stored.at, stored.why)
        group.count += 1
        group.examples.append(stored)
        self.by_id[stored.id] = stored
        self.bytes += stored.size
        self.groups.move_to_end(stored.group)
        if len(group.examples) > MAX_EXAMPLES:
            self._forget(group)
        while len(self.by_id) > self._bounds.max_denials or (self.bytes > self._bounds.max_bytes and len(self.by_id) > 1):
            self._forget(next(iter(self.groups.values())))
        return group

    def remove(self, name: str) -> None:
        """Forget a group."""
        while name in self.groups:
            self._forget(self.groups[name])

    def _forget(self, group: Group) -> None:
        oldest = group.examples.popleft()
        self.bytes -= oldest.size
        if self.by_id.get(oldest.id) is oldest:
            del self.by_id[oldest.id]
        if not group.examples:
            del self.groups[group.fingerprint]


class DenialStore:
    """The denials that the page shows. Not thread-safe: used on the event loop. Only the history writes from its own thread."""

    def __init__(
        self, max_denials: int = 1000, *, max_bytes: int = MAX_BYTES, history: "History | None" = None, now: Callable[[], float] = time.time
    ) -> None:
        """Load the history, if there is one. ``now`` gives seconds since the epoch."""
        self._verified = _Groups(bounds_of(max_denials, max_bytes, verified=True))
        self._unverified = _Groups(bounds_of(max_denials, max_bytes, verified=False))
        self._history = history
        self._now = now
        self._announced: dict[str, tuple[Stored, str | None]] = {}  # with the trace id that was known then
        self.live = Subscriptions()
        if history is not None:
            self.restore(history.load(), history.kinds())

    def __len__(self) -> int:
        """Number of stored denials."""
        return len(self._verified.by_id) + len(self._unverified.by_id)

    @property
    def bytes(self) -> int:
        """Total size of their documents."""
        return self._verified.bytes + self._unverified.bytes

    @property
    def pending(self) -> "PendingFiles | None":
        """The files that keep what waits for the history if the process is killed."""
        return None if self._history is None else self._history.pending

    def announce(self, explanation: Explanation, record: RequestRecord) -> None:
        """Write a denial to a pending file, before the client gets its id. ``add`` follows when the response has been sent."""
        if self.pending is not None:
            stored = self._stored(explanation, record)
            self._announced[stored.id] = (stored, record.trace_id)
            if self._has_room(stored):  # otherwise `add` drops and counts it
                self.pending.append(stored)

    def add(self, explanation: Explanation, record: RequestRecord) -> str:
        """Store a denial. Returns the fingerprint of its group."""
        stored, trace_id = self._announced.pop(explanation.id, (None, None))
        if stored is None or trace_id != record.trace_id:  # the span of the request has a trace id only now
            stored = self._stored(explanation, record)
        self._class_of(stored).add(stored)
        self.write(stored)
        self.live.changed(stored.group)
        return stored.group

    def resolved(self, group_name: str) -> None:
        """Note that the refused operation has succeeded."""
        group = self.group(group_name)
        if group is not None and group.resolved_at is None:
            group.resolved_at = self._now()
            group.course.fixed(group.resolved_at)
            self.write(Resolution(group=group_name, at=group.resolved_at))
            self.live.changed(group_name)

    def groups(self) -> Iterator[Group]:
        """All groups, newest denial first."""
        both = [*self._verified.groups.values(), *self._unverified.groups.values()]
        return iter(sorted(both, key=lambda group: group.last_at, reverse=True))

    def group(self, group_name: str) -> Group | None:
        """One group, by its fingerprint."""
        return self._verified.groups.get(group_name) or self._unverified.groups.get(group_name)

    def find(self, denial_id: str) -> Document | None:
        """One denial by its id."""
        stored = self._verified.by_id.get(denial_id) or self._unverified.by_id.get(denial_id)
        if stored is None:
            return None
        found: dict[str, Any] = json.loads(stored.document)
        return found

    async def look_up(self, denial_id: str) -> Document | None:
        """One denial by its id, from memory or another store."""
        return self.find(denial_id)

    async def occurrences(self, group_name: str) -> list[Document]:
        """The newest denials of a kind, the newest first and at most 20."""
        group = self.group(group_name)
        return [] if group is None else group.newest()

    def write(self, item: Stored | Resolution) -> None:
        """Give a denial, or the end of a group, to the history."""
        if self._history is not None:
            self._history.add(item)

    def close(self) -> None:
        """Write pending denials to the history."""
        if self._history is not None:
            self._history.close()

    def _has_room(self, stored: Stored) -> bool:
        return self._history is None or self._history.has_room(stored)

    def _stored(self, explanation: Explanation, record: RequestRecord) -> Stored:
        now = self._now()
        return Stored(
            id=explanation.id,
            at=now,
            group=fingerprint(explanation),
            verified=is_verified(explanation.answer.status),
            document=documents.stored(explanation, record, now),
            why=explanation.verdict.cause.value,
        )

    def _class_of(self, stored: Stored) -> _Groups:
        return self._verified if stored.verified else self._unverified

    def restore(self, denials: Iterable[Stored], kinds: Iterable[Kind]) -> None:
        """Add the contents of a history: denials, oldest first, and what is known of each group."""
        for stored in denials:
            self._class_of(stored).add(stored)
        for kind in kinds:
            group = self.group(kind.fingerprint)
            if group is not None:
                group.first_at, group.count = min(kind.first_at, group.first_at), max(kind.count, group.count)
                group.resolved_at = kind.resolved_at
                group.course.restore(kind.changes, kind.hours)
                if kind.resolved_at is not None and group.course.state is not State.FIXED:  # a history of an older version
                    group.course.fixed(kind.resolved_at)
