"""The one failure of quoting: a value that its destination has no spelling for."""


class Unwritable(ValueError):
    """A value that cannot be written in its place, such as U+0000 in a command line. Nothing is printed instead.

    If the character were left out or replaced, the text would name another client or account.
    """


class Unprintable(Unwritable):
    """The same, with a reason that readers of the fix should know: a limit of the program that the form is for."""


def has_lone_surrogate(text: str) -> bool:
    """Whether a part of it is half a character, which no encoding holds (JSON can escape one)."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
