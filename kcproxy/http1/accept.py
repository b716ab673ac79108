"""Which of several media types a client prefers, by its field ``Accept`` (RFC 9110, section 12.5.1). No I/O."""

import re
from collections.abc import Iterator

_QUOTED = r'"(?:[^"\\]|\\.?)*(?:"|\Z)'
"""A quoted string. One that does not end extends to the end of the field, so that no text is scanned twice."""
_MEMBER = re.compile(rf'(?:[^,"]+|{_QUOTED})+', re.DOTALL)
_PARAMETER = re.compile(rf'(?:[^;"]+|{_QUOTED})+', re.DOTALL)
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_NOT_NAMED, _ANY, _ANY_SUBTYPE, _EXACT = 0, 1, 2, 3


def prefers(accept: str, wanted: str, other: str) -> bool:
    """Whether a client asks for ``wanted`` instead of ``other``. Both are media types in lower case.

    The field has to name ``wanted`` itself: a wildcard accepts it and does not ask for it. If both have the same weight, the client gets
    ``wanted``, because clients that do not know it do not name it. Parameters other than ``q`` play no part.
    """
    precision, weight = _weight(accept, wanted)
    return precision == _EXACT and weight > 0 and weight >= _weight(accept, other)[1]


def _weight(accept: str, media_type: str) -> tuple[int, float]:
    """How precisely the field names a media type, and the weight of the most precise member (0: not accepted)."""
    return max(((_precision(named, media_type), weight) for named, weight in _members(accept)), default=(_NOT_NAMED, 0.0))


def _precision(named: str, media_type: str) -> int:
    if named == media_type:
        return _EXACT
    if named == f"{media_type.partition('/')[0]}/*":
        return _ANY_SUBTYPE
    return _ANY if named == "*/*" else _NOT_NAMED


def _members(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges in lower case with their weights. A member that is not valid is left out."""
    for member in _MEMBER.findall(accept):
        named, *parameters = [part.strip() for part in _PARAMETER.findall(member)] or [""]
        weights = [value.strip() for name, _, value in (part.partition("=") for part in parameters) if name.strip().lower() == "q"]
        if not weights:
            yield named.lower(), 1.0
        elif _WEIGHT.fullmatch(weights[0]):
            yield named.lower(), float(weights[0])
