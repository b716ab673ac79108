"""The recent denials of all instances: own ones at once, those of others when the database reports them."""

from collections import deque
from collections.abc import Iterable, Sequence

from kcproxy.model import Explanation
from kcproxy.observe.denials.document import Document
from kcproxy.observe.denials.pending import PendingFiles
from kcproxy.observe.denials.pending_lines import Item
from kcproxy.observe.denials.records import Resolution, Stored
from kcproxy.observe.denials.store import DenialStore, Group
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.shared.denial_rows import SharedKind
from kcproxy.observe.shared.history import SharedHistory
from kcproxy.observe.shared.kinds import apply


class SharedDenialStore(DenialStore):
    """What the page of one instance shows. In memory are the newest kinds; other denials are looked up in the database."""

    def __init__(self, max_denials: int, history: SharedHistory) -> None:
        """Empty until the database is connected."""
        super().__init__(max_denials)
        self.history = history

    @property
    def pending(self) -> PendingFiles | None:
        """The files that keep what waits for the database if the process is killed."""
        return self.history.pending

    def add(self, explanation: Explanation, record: RequestRecord) -> str:
        """Store a denial of this instance. Returns the fingerprint of its group."""
        name = super().add(explanation, record)
        group = self.group(name)
        if group is not None and self.history.instance not in group.instances:
            group.instances = tuple(sorted((*group.instances, self.history.instance)))
        return name

    def write(self, item: Stored | Resolution) -> None:
        """Give a denial, or the end of a group, to the history."""
        self.history.add(item)

    def close(self) -> None:
        """Write pending denials to the history."""
        self.history.close()

    def take(self, kinds: Iterable[SharedKind]) -> None:
        """Use what the database knows of these kinds, and what waits to be written."""
        waiting = self.history.waiting.by_group()
        for kind in kinds:
            self._take(kind, waiting.get(kind.fingerprint, ()))

    def keep_only(self, fingerprints: set[str]) -> None:
        """Forget all other kinds, because the database has deleted them, except those with denials that wait."""
        kept = fingerprints | set(self.history.waiting.by_group())
        for name in [group.fingerprint for group in self.groups() if group.fingerprint not in kept]:
            self._verified.remove(name)
            self._unverified.remove(name)
            self.live.changed(name)

    def resolved(self, group_name: str) -> None:
        """Note that the refused operation has succeeded, also if only other instances have seen it refused."""
        if self.group(group_name) is None:
            self.write(Resolution(group=group_name, at=self._now()))
        else:
            super().resolved(group_name)

    async def look_up(self, denial_id: str) -> Document | None:
        """One denial of any instance. Raises HistoryUnusable if it is not in memory and the database does not respond."""
        return self.find(denial_id) or await self.history.find(denial_id)

    def find(self, denial_id: str) -> Document | None:
        """One denial that is in memory, with the name of its ``instance``."""
        found = super().find(denial_id)
        if found is None:
            return None
        stored = self._verified.by_id.get(denial_id) or self._unverified.by_id[denial_id]
        return {**found, "instance": stored.instance or self.history.instance}

    async def occurrences(self, group_name: str) -> list[Document]:
        """The newest denials of a kind. Raises HistoryUnusable."""
        return await self.history.occurrences(group_name)

    def _has_room(self, stored: Stored) -> bool:
        return self.history.waiting.has_room(stored)

    def _has(self, denial_id: str) -> bool:
        return denial_id in self._verified.by_id or denial_id in self._unverified.by_id

    def _take(self, kind: SharedKind, waiting: Sequence[Item]) -> None:
        group = self.group(kind.fingerprint)
        if group is None or (group.examples[-1].at <= kind.latest.at and not self._has(kind.latest.id)):
            self._class_of(kind.latest).add(kind.latest)
            group = self.group(kind.fingerprint)
        if group is None:
            return  # there is no room for it
        state = kind.state
        for item in waiting:
            apply(state, item, self.history.instance)
        group.first_at, group.last_at, group.count, group.resolved_at = state.first_at, state.last_at, state.count, state.resolved_at
        group.course, group.instances = state.course, tuple(sorted(state.instances))
        self.live.changed(kind.fingerprint)


def group_of(kind: SharedKind) -> Group:
    """A kind as the list shows it."""
    state = kind.state
    return Group(
        fingerprint=kind.fingerprint,
        first_at=state.first_at,
        last_at=state.last_at,
        count=state.count,
        resolved_at=state.resolved_at,
        examples=deque([kind.latest]),
        course=state.course,
        instances=tuple(sorted(state.instances)),
    )
