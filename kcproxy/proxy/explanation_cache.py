"""Judgements of refusals that come again and again, so that a program that goes on asking costs less than one that is refused for the first time.

Kept by all that a 403 is judged by: token, operation, realm, what of the request and the answer the rules look at, and what was looked up.
Whatever another caller sends, he is told nothing of it, for he would need the same token. Bounded in bytes; a hostile caller who
varies everything makes it forget, and pays as much as for any refusal.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache

from kcproxy.catalog import Catalog
from kcproxy.explain.context import is_fresh
from kcproxy.explain.engine import READ_REQUEST_HEADERS, Diagnosis, telling_query
from kcproxy.explain.keycloak_responses import READ_HEADERS
from kcproxy.model import Answer, Caller, Facts, RequestFacts

MAX_BYTES = 8 * 1024 * 1024
ENTRY_BYTES = 64 * 1024
"""What one judgement takes at most beside the token, with the texts that are kept of it."""
MAX_WORDS_CHARACTERS = 2000
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    diagnosis: Diagnosis
    facts: Facts | None
    size: int


def _size(entry: _Entry) -> int:
    return entry.size


class ExplanationCache:
    """What was judged, the latest use last. For one set of settings; another table or version of the server empties it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Empty."""
        self._entries: LRUCache[Key, _Entry] = LRUCache(max_bytes, getsizeof=_size)
        self._max_bytes = max_bytes
        self._by: tuple[Catalog, str | None] | None = None

    def __len__(self) -> int:
        """How many judgements are kept."""
        return len(self._entries)

    def find(self, key: Key | None, facts: Facts | None, catalog: Catalog, version: str | None) -> Diagnosis | None:
        """The judgement of the same refusal by the same table, with the same facts; None where there is none."""
        if key is None:
            return None
        by = self._by
        if by is None or by[0] is not catalog or by[1] != version:
            self._entries.clear()
            self._by = (catalog, version)
            return None
        entry = self._entries.get(key)
        return entry.diagnosis if entry is not None and entry.facts == facts else None

    def keep(self, key: Key | None, diagnosis: Diagnosis, facts: Facts | None) -> None:
        """Remember a judgement, if it is one that may be given again."""
        if key is None or not diagnosis.general:
            return
        size = ENTRY_BYTES + 4 * len(str(key[0]))
        if size <= self._max_bytes // 8:
            self._entries[key] = _Entry(diagnosis, facts, size)


def key_of(
    request: RequestFacts, answer: Answer, *, authorization: str | None, caller: Caller, catalog: Catalog, now_epoch_seconds: float
) -> Key | None:
    """All that a 403 is judged by beside facts and table, the token first; None where it is not one that may be judged like another."""
    target = request.target
    if answer.status != 403 or target.operation is None or request.body is not None or request.form:
        return None
    words = _words(answer)
    if words is None:
        return None
    headers, sent = answer.headers, request.headers
    key = (
        authorization,
        caller.injected,
        is_fresh(caller, now_epoch_seconds),
        target.kind,
        target.method,
        target.operation.key,
        target.realm,
        request.base_path,
        request.public_url,
        request.withheld,
        request.token_in_query,
        *telling_query(request, catalog).items(),
        *[sent.get(name) for name in READ_REQUEST_HEADERS],
        *[headers.get(name) for name in READ_HEADERS],
        *words,
    )
    return key if sum(map(_characters, key[1:])) <= MAX_WORDS_CHARACTERS else None


def _characters(part: Hashable) -> int:
    """How long a part of a key is, with all that is in it: a query is in pairs of a name and its values."""
    if isinstance(part, tuple):
        return sum(map(_characters, part))
    return len(part) if isinstance(part, str) else 0


def _words(answer: Answer) -> tuple[str, ...] | None:
    """What the body says; None where it is more than a few words."""
    found = answer.json
    if found is None or len(found) > 4 or answer.text:
        return None
    words: list[str] = []
    for name, value in found.items():
        if not isinstance(value, str):
            return None
        words += (name, value)
    return tuple(words)
