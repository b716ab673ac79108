"""Limits how often a request is repeated with a newer token, after a refusal or a reduced response.

Each operation of an account has a budget of a few retries, which refills slowly. A grant therefore works on the next request, while a client that
keeps sending a forbidden request costs at most one more token and request every few seconds.
"""

from collections.abc import Callable

from cachetools import LRUCache

_MAX_RETRIES = 3.0
_REFILL_PER_SECOND = 0.5
REDUCED_REFILL_PER_SECOND = 0.1
"""Slower: a reduced response is often all that a caller ever needs."""
_MAX_OPERATIONS = 4096
_BURST_SECONDS = 2.0


class RetryBudget:
    """The retries that are left, by account and operation."""

    def __init__(self, clock: Callable[[], float], *, refill_per_second: float = _REFILL_PER_SECOND) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._refill_per_second = refill_per_second
        self._left: LRUCache[tuple[str, str], tuple[float, float]] = LRUCache(_MAX_OPERATIONS)
        self._refused_at: LRUCache[tuple[str, str], float] = LRUCache(_MAX_OPERATIONS)

    def in_one_burst(self, account: str, operation: str, *, arrived_at: float, token_arrived_at: float) -> bool:
        """Whether the refusal belongs to a burst of equal requests whose first refusal was acted on already.

        True if the token was fetched after the request arrived, or shortly before it while another such request was in progress. A hundred
        requests with an empty cache therefore cost one token. A request that is repeated after a grant is not part of the burst.
        """
        last = self._refused_at.get((account, operation))
        beside_another = last is not None and last >= arrived_at
        return token_arrived_at >= arrived_at or (beside_another and arrived_at - token_arrived_at < _BURST_SECONDS)

    def note_refusal(self, account: str, operation: str) -> None:
        """A refusal is about to be sent to its client."""
        self._refused_at[account, operation] = self._clock()

    def has_retry(self, account: str, operation: str) -> bool:
        """Whether a retry is left."""
        return self._count(account, operation, self._clock()) >= 1

    def use(self, account: str, operation: str) -> bool:
        """Use one retry. False if none is left."""
        now = self._clock()
        left = self._count(account, operation, now)
        allowed = left >= 1
        self._left[account, operation] = (left - 1 if allowed else left, now)
        return allowed

    def reset(self, account: str, operation: str) -> None:
        """Restore the budget after a retry that helped."""
        self._left.pop((account, operation), None)

    def _count(self, account: str, operation: str, now: float) -> float:
        left, since = self._left.get((account, operation), (_MAX_RETRIES, now))
        return min(_MAX_RETRIES, left + (now - since) * self._refill_per_second)
