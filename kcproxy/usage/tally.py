"""Counts calls in memory until the record takes them. A call of a known kind costs one update of a dictionary.

Bounds: at most ``MAX_KEYS`` kinds of calls and ``MAX_CALLERS`` callers' roles wait; what is beyond is dropped and counted.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from kcproxy.usage.model import MAX_NAME_CHARACTERS, OTHER_REALM, Outcome, UseCaller

MAX_KEYS = 20_000
MAX_CALLERS = 2_000
MAX_REALMS = 10_000
MAX_ROLES = 400
"""Roles of one token that are recorded. An administrator of many realms has more; then the record has none for them."""


class KnownCaller:
    """A caller as the tally refers to it: equal only to itself, so that it is hashed in no time."""

    __slots__ = ("caller", "label", "realms")

    def __init__(self, caller: UseCaller) -> None:
        """``realms``: those from which this caller has got a success. ``label``: the caller in metrics."""
        self.caller = caller
        self.label = f"{caller.token_realm}/{caller.client}"
        self.realms: set[str | None] = {caller.token_realm, None}


TallyKey = tuple[KnownCaller, str | None, str, str, Outcome]


@dataclass(slots=True)
class Batch:
    """What the tally has counted since it was last taken. Roles by owner."""

    counts: dict[TallyKey, int] = field(default_factory=dict)
    roles: dict[UseCaller, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    dropped: int = 0
    """Calls that were not counted, because a bound was reached."""

    def __bool__(self) -> bool:
        """Whether there is something to write."""
        return bool(self.counts or self.roles or self.dropped)


class UseTally:
    """The calls since the last ``take``. One thread counts, another one takes."""

    def __init__(self, *, recording: bool = True) -> None:
        """Empty. Without ``recording``, callers get their identities, for the log, and nothing is counted."""
        self.recording = recording
        self._lock = threading.Lock()
        self._batch = Batch()
        self._known: dict[UseCaller, KnownCaller] = {}
        self.wake = threading.Event()
        """Set when there is something to take."""
        self.on_wake: Callable[[], None] | None = None
        """Called then, too."""

    def know(self, caller: UseCaller) -> KnownCaller | None:
        """The caller as ``count`` needs it; None if its names are too long."""
        if max(len(caller.client), len(caller.token_realm)) > MAX_NAME_CHARACTERS:
            return None
        known = self._known.get(caller)
        if known is None:
            if len(self._known) >= MAX_CALLERS:
                self._known.clear()  # a caller that is known twice is still one caller in the record
            known = self._known[caller] = KnownCaller(caller)
        return known

    def count(self, caller: KnownCaller, realm: str | None, operation: str, variant: str, outcome: Outcome) -> None:
        """Count one call."""
        key = (caller, realm, operation, variant, outcome)
        with self._lock:
            counts = self._batch.counts
            number = counts.get(key)
            if number is not None:
                counts[key] = number + 1
                return
        self._count_new(key)

    def name_roles(self, caller: UseCaller, by_owner: dict[str, tuple[str, ...]]) -> None:
        """Note the admin roles in a verified token."""
        if not self.recording:
            return
        if sum(map(len, by_owner.values())) > MAX_ROLES:
            by_owner = {}
        with self._lock:
            if caller in self._batch.roles or len(self._batch.roles) < MAX_CALLERS:
                self._batch.roles[caller] = by_owner
        self._notify()

    def take(self) -> Batch:
        """What was counted since the last time."""
        self.wake.clear()
        with self._lock:
            batch, self._batch = self._batch, Batch()
        return batch

    def _count_new(self, key: TallyKey) -> None:
        caller, realm, operation, variant, outcome = key
        if outcome in {Outcome.FULL, Outcome.REDUCED}:
            if realm is not None and len(realm) > MAX_NAME_CHARACTERS:
                realm = OTHER_REALM
            elif len(caller.realms) < MAX_REALMS:
                caller.realms.add(realm)
        elif realm not in caller.realms:
            realm = OTHER_REALM
        with self._lock:
            counts = self._batch.counts
            shown = (caller, realm, operation, variant, outcome)
            if shown in counts or len(counts) < MAX_KEYS:
                counts[shown] = counts.get(shown, 0) + 1
            else:
                self._batch.dropped += 1
        self._notify()

    def _notify(self) -> None:
        self.wake.set()
        if self.on_wake is not None:
            self.on_wake()
