"""Judges an attempt by comparison with realm-admin on an equal state: pure functions over parsed responses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SHORT_ID = re.compile(r"[A-Za-z0-9_-]{22}")
ID_KEYS = frozenset({"id", "_id", "internalId", "parentId", "containerId"})
SUFFIX = re.compile(r"(?<![0-9A-Za-z])z[0-9a-z]{5}z(?![0-9A-Za-z])")
BLOB = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{10,}(?![0-9A-Za-z])")
VOLATILE_KEYS = frozenset(
    {
        "sid",
        "jti",
        "session_state",
        "at_hash",
        "uptime",
        "uptimeMillis",
        "serverTime",
        "free",
        "freeFormated",
        "used",
        "usedFormated",
        "freePercentage",
    }
)
"""What differs between two readings of the same state."""
SESSION_INDEX = re.compile(r'SessionIndex="[^"]*"')
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)?")
FIELDS_NAMED = 12
NAMES = frozenset({"id", "name", "realm", "alias", "clientId", "username", "path", "displayName", "description", "enabled"})
"""Fields with which an object is called: a response that has no others is cut down to its name."""


class Outcome(StrEnum):
    """What a caller got, weakest first."""

    REFUSED = "refused"
    REDUCED = "reduced"
    FULL = "full"

    @property
    def rank(self) -> int:
        """The order for monotonicity: more roles never rank lower."""
        return list(Outcome).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One attempt as it is judged: the status, the response and, for a change, the state afterwards (both normalized)."""

    status: int
    body: Any = None
    after: Any = None

    @property
    def succeeded(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An outcome, the status, and for a reduced answer what is missing."""

    outcome: Outcome
    status: int
    missing: str = ""
    lacks: tuple[str, ...] = ()
    """Of a reduced answer that is useful: the fields that are all that it lacks."""

    @property
    def useful(self) -> bool:
        """Whether it is full, or lacks only fields that can be named."""
        return self.outcome is Outcome.FULL or bool(self.lacks)


def normalised(value: Any) -> Any:
    """The value without what differs between two equal states: order, ids, fixture suffixes, secrets, times, `access` maps."""
    if isinstance(value, Mapping):
        kept = {
            _text(str(key)): "<id>" if _is_id(key, item) else normalised(item) for key, item in value.items() if not _is_volatile(key, item)
        }
        # An empty part and an absent one tell the same; which it is can hang on what else the realm has.
        return {key: item for key, item in sorted(kept.items()) if item not in (None, [], {})}
    if isinstance(value, list):
        return sorted((normalised(item) for item in value), key=canonical)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return "<number>" if abs(value) >= 10**9 else value
    return _string(str(value))


def canonical(value: Any) -> str:
    """A text with which normalized values are ordered and compared."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def judge(base: Seen, got: Seen) -> Diagnosis:
    """How an attempt compares with realm-admin's on an equal state."""
    if not base.succeeded:
        same = got.status == base.status
        return Diagnosis(outcome=Outcome.FULL if same or got.succeeded else Outcome.REFUSED, status=got.status)
    if not got.succeeded:
        return Diagnosis(outcome=Outcome.REFUSED, status=got.status)
    missing = [part for part in (difference(base.body, got.body), _effect(base.after, got.after)) if part]
    if got.status != base.status and not missing:
        missing = [f"status {got.status} instead of {base.status}"]
    if not missing:
        return Diagnosis(outcome=Outcome.FULL, status=got.status)
    only_the_body = not _effect(base.after, got.after) and got.status == base.status
    lacks = lacking(base.body, got.body) if only_the_body else None
    return Diagnosis(outcome=Outcome.REDUCED, status=got.status, missing="; ".join(missing), lacks=tuple(sorted(lacks or ())))


def lacking(base: Any, got: Any) -> frozenset[str] | None:
    """The fields that are all that the second of two normalized values lacks; None if it lacks anything else.

    None, too, where more fields are gone than can be named, or hardly more than a name is left: such a response is of no use.
    """
    if not difference(base, got):
        return frozenset()
    if isinstance(base, Mapping) and isinstance(got, Mapping):
        return _lacking_fields(base, got)
    if isinstance(base, list) and isinstance(got, list) and len(base) == len(got):
        return _lacking_in_items(base, got)
    return None


def _lacking_fields(base: Mapping[str, Any], got: Mapping[str, Any]) -> frozenset[str] | None:
    lacks = {key for key in base if key not in got}
    for key in base.keys() & got.keys():
        inner = lacking(base[key], got[key])
        if inner is None:
            return None
        lacks |= {f"{key}.{name}" for name in inner}
    left = (base.keys() & got.keys()) - NAMES
    return frozenset(lacks) if left and len(lacks) <= FIELDS_NAMED else None


def _lacking_in_items(base: list[Any], got: list[Any]) -> frozenset[str] | None:
    if not all(isinstance(item, Mapping) for item in (*base, *got)):
        return None
    names = _item_fields(base) - _item_fields(got)
    kept = sorted((_without(item, names) for item in base), key=canonical)
    pairs = list(zip(kept, sorted(got, key=canonical), strict=True))
    if not names or len(names) > FIELDS_NAMED or any(difference(one, other) for one, other in pairs):
        return None
    return frozenset(names) if all(other.keys() - NAMES for _, other in pairs) else None


def _without(item: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in names}


def difference(base: Any, got: Any) -> str:
    """What the second of two normalized values lacks, in a few words that stay the same from run to run; empty if nothing.

    Fields that only the second has are no lack: a caller of master can see more than realm-admin does.
    """
    if canonical(base) == canonical(got):
        return ""
    if _is_view(base) and _is_view(got):
        return f"status {got[0]} instead of {base[0]}" if base[0] != got[0] else difference(base[1], got[1])
    if isinstance(base, list) and isinstance(got, list):
        return _list_difference(base, got)
    if isinstance(base, Mapping) and isinstance(got, Mapping):
        return _fields(base, got)
    return "no content" if got in (None, "", [], {}) else "another value"


def _is_view(value: Any) -> bool:
    """A look at the state afterwards: the status of the reading and its body."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], int) and 200 <= value[0] < 600


def _list_difference(base: list[Any], got: list[Any]) -> str:
    if not got:
        return "no items"
    if len(got) < len(base):
        known = {canonical(item) for item in base}
        return "fewer items" if all(canonical(item) in known for item in got) else "fewer items, with less in them"
    if len(got) > len(base):
        return "other items"
    names = _item_fields(base) - _item_fields(got)
    return f"items without fields: {_listed(names)}" if names else "items with other values"


def _item_fields(items: list[Any]) -> set[str]:
    return {key for item in items if isinstance(item, Mapping) for key in item}


def _fields(base: Mapping[str, Any], got: Mapping[str, Any]) -> str:
    if base and not set(base) & set(got):
        return "no content"
    absent = set(base) - set(got)
    differing = {key for key in set(base) & set(got) if difference(base[key], got[key])}
    parts = []
    if absent and len(got) <= FIELDS_NAMED < len(absent):
        parts.append(f"only fields: {_listed(set(got))}")
    elif absent:
        parts.append(f"without fields: {_listed(absent)}")
    if differing:
        parts.append(f"less or other in: {_listed(differing)}")
    return "; ".join(parts)


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    # The number of others depends on the settings of the realm, so it is left out.
    return ", ".join(ordered[:FIELDS_NAMED]) + (" and others" if len(ordered) > FIELDS_NAMED else "")


def _effect(base: Any, got: Any) -> str:
    text = difference(base, got)
    if not text:
        return ""
    if isinstance(base, Mapping) and isinstance(got, Mapping):
        text = "; ".join(
            f"{key}: {difference(base.get(key), got.get(key))}"
            for key in sorted(set(base) | set(got))
            if difference(base.get(key), got.get(key))
        )
    return f"not all of the effect ({text})"


def _is_volatile(key: Any, item: Any) -> bool:
    if key in VOLATILE_KEYS:
        return True
    return key == "access" and isinstance(item, Mapping) and all(isinstance(flag, bool) for flag in item.values())


def _is_id(key: Any, item: Any) -> bool:
    return key in ID_KEYS and isinstance(item, str) and SHORT_ID.fullmatch(item) is not None


def _text(text: str) -> str:
    return SUFFIX.sub("~", UUID.sub("<id>", text))


@lru_cache(maxsize=1 << 16)
def _string(text: str) -> str:
    shortened = BLOB.sub("<blob>", TIME.sub("<time>", SESSION_INDEX.sub("SessionIndex", _text(text))))
    return LONG_NUMBER.sub("<number>", shortened)
