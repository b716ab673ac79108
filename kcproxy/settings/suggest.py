"""What somebody may have meant by a name that is no setting."""

import difflib
from collections.abc import Iterable

_CLOSE = 0.6


def closest(written: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like the written one, None where none is near; case and separators do not count."""
    plain = {_plain(name): name for name in known}
    longer = [name for name in plain if name.startswith(_plain(written) + "_")]
    if len(longer) == 1:
        return plain[longer[0]]
    found = difflib.get_close_matches(_plain(written), plain, n=1, cutoff=_CLOSE)
    return plain[found[0]] if found else None


def closest_key(written: str, known: Iterable[str]) -> str | None:
    """As ``closest`` for dotted keys: within the same table first, then a setting of that very name elsewhere, then anything."""
    keys = list(known)
    section, _, name = written.rpartition(".")
    siblings = {key.rpartition(".")[2]: key for key in keys if key.rpartition(".")[0] == section}
    near = closest(name, siblings)
    if near:
        return siblings[near]
    elsewhere = next((key for key in keys if key.rpartition(".")[2] == name), None)
    return elsewhere or closest(written, keys)


def _plain(name: str) -> str:
    return name.lower().replace("__", ".").replace("-", "_")
