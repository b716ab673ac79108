"""Keycloak's version numbers: their order, and the nearest table for a version without one."""

from collections.abc import Iterable, Sequence


def key(version: str) -> tuple[int, ...]:
    """``26.7.4`` as (26, 7, 4); a suffix such as ``-SNAPSHOT`` or ``.redhat-1`` is left out."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def line_of(version: str) -> str:
    """``26.7`` for ``26.7.5``. Public documents show only that."""
    return ".".join(map(str, key(version)[:2]))


def ordered(versions: Iterable[str]) -> tuple[str, ...]:
    """Oldest first."""
    return tuple(sorted(versions, key=key))


def newest(versions: Sequence[str]) -> str:
    """The last of them. Raises IndexError if there is none."""
    return ordered(versions)[-1]


def nearest(wanted: str, versions: Sequence[str]) -> str:
    """The table for a version: its own, otherwise one of the same minor, otherwise the closest older one, otherwise the oldest.

    Required roles change between minor versions and hardly within one, so a table of the same minor version is preferred.
    """
    if wanted in versions:
        return wanted
    target = key(wanted)
    same_minor = [version for version in versions if key(version)[:2] == target[:2]]
    if same_minor:
        return newest(same_minor)
    older = [version for version in versions if key(version) <= target]
    return newest(older) if older else ordered(versions)[0]
