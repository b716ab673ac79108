"""Names of new permissions and policies: no longer than Keycloak stores, and not those of others."""

import hashlib
from collections.abc import Set as AbstractSet
from itertools import count

MOST_CHARACTERS = 255
_DIGITS = 8


def free_name(wanted: str, taken: AbstractSet[str]) -> str:
    """The name, shortened if need be, and numbered if another permission or policy has it: they share their names."""
    name = _short(wanted)
    if name not in taken:
        return name
    return next(each for number in count(2) if (each := _short(f"{wanted} {number}")) not in taken)


def _short(name: str) -> str:
    """The beginning of a long name with a suffix that depends on all of it, so that two names stay different and the same text gets the same name."""
    if len(name) <= MOST_CHARACTERS:
        return name
    suffix = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{name[: MOST_CHARACTERS - _DIGITS - 1]} {suffix}"
