"""How often an injected token may be replaced that was refused, or got a thinner answer: at once for a change just made, rarely for what stands.

Each operation of an account has a few replacements in hand, which grow back slowly. A grant therefore works on the very next request,
while a client that keeps asking for what it may not have costs at most one more token and request every few seconds.
"""

from collections.abc import Callable

from cachetools import LRUCache

_IN_HAND = 3.0
_REGROWTH_PER_SECOND = 0.5
FOR_THINNER_PER_SECOND = 0.1
"""Slower: an answer that is thinner than it could be is often all that its caller wants, for as long as he runs."""
_MAX_OPERATIONS = 4096
_MOMENT_SECONDS = 2.0


class RetryBudget:
    """The replacements in hand, by account and operation."""

    def __init__(self, clock: Callable[[], float], *, regrowth_per_second: float = _REGROWTH_PER_SECOND) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._regrowth_per_second = regrowth_per_second
        self._in_hand: LRUCache[tuple[str, str], tuple[float, float]] = LRUCache(_MAX_OPERATIONS)
        self._responded_at: LRUCache[tuple[str, str], float] = LRUCache(_MAX_OPERATIONS)

    def in_one_burst(self, account: str, operation: str, *, arrived_at: float, token_arrived_at: float) -> bool:
        """Whether this refusal tells nothing that the burst to which it belongs does not tell already.

        True where the token came after the request, or so shortly before it that another request like it was still being answered: a
        hundred callers on a cold cache are one question, and cost one token. Whoever asks again after a grant is never among them.
        """
        last = self._responded_at.get((account, operation))
        beside_another = last is not None and last >= arrived_at
        return token_arrived_at >= arrived_at or (beside_another and arrived_at - token_arrived_at < _MOMENT_SECONDS)

    def responding(self, account: str, operation: str) -> None:
        """A refusal is about to be told to its caller."""
        self._responded_at[account, operation] = self._clock()

    def left(self, account: str, operation: str) -> bool:
        """Whether there is one to be used."""
        return self._count(account, operation, self._clock()) >= 1

    def take(self, account: str, operation: str) -> bool:
        """Use one up. False where none is left."""
        now = self._clock()
        left = self._count(account, operation, now)
        allowed = left >= 1
        self._in_hand[account, operation] = (left - 1 if allowed else left, now)
        return allowed

    def worked(self, account: str, operation: str) -> None:
        """A replacement was the cure, so the next refusal is a new one."""
        self._in_hand.pop((account, operation), None)

    def _count(self, account: str, operation: str, now: float) -> float:
        left, since = self._in_hand.get((account, operation), (_IN_HAND, now))
        return min(_IN_HAND, left + (now - since) * self._regrowth_per_second)
