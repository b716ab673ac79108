"""Cache of diagnoses, so that a repeated refusal costs less than the first one.

The key has everything that decides about a 403: token, operation, realm, the fields that the rules read, and the looked-up facts. No other caller
can get a cached diagnosis, because they would need the same token. The cache is bounded in bytes. A hostile caller who varies every request
evicts entries, and each of their refusals costs as much as a first one.
"""

from collections.abc import Hashable

from cachetools import LRUCache
from msgspec import Struct

from kcproxy.catalog import Catalog
from kcproxy.explain.context import is_fresh
from kcproxy.explain.engine import READ_REQUEST_HEADERS, Diagnosis, telling_query
from kcproxy.explain.keycloak_responses import READ_HEADERS
from kcproxy.explain.targets import is_named_specially
from kcproxy.model import Answer, Caller, Facts, RequestFacts

MAX_BYTES = 8 * 1024 * 1024
ENTRY_BYTES = 64 * 1024
"""Memory of one diagnosis without the token, with its cached texts."""
MAX_WORDS_CHARACTERS = 2000
Key = tuple[Hashable, ...]


class _Entry(Struct, frozen=True):
    diagnosis: Diagnosis
    facts: Facts | None
    size: int


def _size(entry: _Entry) -> int:
    return entry.size


class ExplanationCache:
    """An LRU cache for one generation of settings. Another catalog or server version empties it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._entries: LRUCache[Key, _Entry] = LRUCache(max_bytes, getsizeof=_size)
        self._max_bytes = max_bytes
        self._valid_for: tuple[Catalog, str | None] | None = None

    def __len__(self) -> int:
        """The number of cached diagnoses."""
        return len(self._entries)

    def find(self, key: Key | None, facts: Facts | None, catalog: Catalog, version: str | None) -> Diagnosis | None:
        """The diagnosis of the same refusal with the same catalog and facts. None if there is none."""
        if key is None:
            return None
        valid_for = self._valid_for
        if valid_for is None or valid_for[0] is not catalog or valid_for[1] != version:
            self._entries.clear()
            self._valid_for = (catalog, version)
            return None
        entry = self._entries.get(key)
        return entry.diagnosis if entry is not None and entry.facts == facts else None

    def store(self, key: Key | None, diagnosis: Diagnosis, facts: Facts | None) -> None:
        """Cache a diagnosis if it holds for further refusals."""
        if key is None or not diagnosis.general:
            return
        size = ENTRY_BYTES + 4 * len(str(key[0]))
        if size <= self._max_bytes // 8:
            self._entries[key] = _Entry(diagnosis, facts, size)


def key_of(
    request: RequestFacts, answer: Answer, *, authorization: str | None, caller: Caller, catalog: Catalog, now_epoch_seconds: float
) -> Key | None:
    """What decides about a 403, except facts and catalog; the token first. None if the diagnosis must not be reused."""
    target = request.target
    if answer.status != 403 or target.operation is None or request.body is not None or request.form or is_named_specially(target, catalog):
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
        request.account,
        request.in_process,
        request.body_unseen,
        request.token_in_query,
        *telling_query(request, catalog).items(),
        *[sent.get(name) for name in READ_REQUEST_HEADERS],
        *[headers.get(name) for name in READ_HEADERS],
        *words,
    )
    return key if sum(map(_characters, key[1:])) <= MAX_WORDS_CHARACTERS else None


def _characters(part: Hashable) -> int:
    """The length of a part of a key. A query is a part with pairs of a name and its values."""
    if isinstance(part, tuple):
        return sum(map(_characters, part))
    return len(part) if isinstance(part, str) else 0


def _words(answer: Answer) -> tuple[str, ...] | None:
    """The members of the body. None if they are more than a few short texts."""
    found = answer.json
    if found is None or len(found) > 4 or answer.text:
        return None
    words: list[str] = []
    for name, value in found.items():
        if not isinstance(value, str):
            return None
        words += (name, value)
    return tuple(words)
