"""The one failure of quoting: a value that its destination has no spelling for."""


class Unwritable(ValueError):
    """A value that cannot be written where it should stand, such as U+0000 in a command line. Nothing is printed in its place.

    Leaving the character out, or replacing it, would name another client or account than the one that was meant.
    """


def has_lone_surrogate(text: str) -> bool:
    """Whether a part of it is half a character, which no encoding holds (JSON can escape one)."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
