"""Request targets for property tests: arbitrary bytes, and modified paths of real operations."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "get")

FRAGMENTS: tuple[bytes, ...] = (
    *(bytes([octet]) for octet in range(256)),
    *(b"%%%02x" % octet for octet in range(256)),
    *(b"%%25%02X" % octet for octet in b"#/?\\;%.\x00 aA\xff"),
    *(b"%%2525%02x" % octet for octet in b"#/?\\;%."),
    *(b"..", b"/..", b"/../", b"/../..", b"..;/", b"/.;/", b"/./", b"//", b"///", b"%2e%2e", b"%2E.", b".%2e/", b"%2f..%2f", b"%5c..%5c"),
    *(
        b"%c0%ae",
        b"%c0%af",
        b"%e0%80%af",
        b"%f0%80%80%af",
        b"\xc0\xae",
        b"\xef\xbc\x8f",
        b"%u002f",
        b"%zz",
        b"%",
        b"%2",
        b"%%32f",
        b"%25%32%66",
    ),
    *(b"#/../../other/users", b"?/../../other/users", b"%23/../../other/users", b"%3f/../../other/users", b";/../../other/users"),
    *(b"\x00/../other", b"%00/../other", b"\r\n", b"%0d%0a", b" HTTP/1.1", b"\thttp://other", b"@other", b":80", b"://", b"http://other"),
    *(b"other", b"/other/users", b"admin", b"/admin", b"/admin/realms/other/users", b"realms", b"users", b"/users", b"count", b"%2fcount"),
    *(
        b"?",
        b"??",
        b"?x=1",
        b"?a#b",
        b"&access_token=x",
        b"?x=\xc3\xa9",
        b"/",
        b"+",
        b"~",
        b"*",
        b"%7e",
        b"%75sers",
        b"%2575sers",
        b"%64emo",
    ),
)
PREFIXES: tuple[bytes, ...] = (
    *(b"http://localhost", b"HTTP://LOCALHOST:8180", b"https://kc", b"http://", b"http:/", b"http:", b"//other", b"/", b"//", b"ftp://x"),
    *(
        b"http://a@b",
        b"http://localhost@other",
        b"http://x#",
        b"http://x?",
        b"http://[::1]",
        b"http://[::1%25lo]",
        b"http://\xc3\xa9",
        b"x",
    ),
    *(b"*", b"?", b"#", b"?x://y", b".", b"..", b"%2f", b"\\", b" ", b"localhost:80", b"http://x/admin/realms/other/users?"),
)
VALUES = (
    b"demo",
    b"demo",
    b"other",
    b"42",
    b"a%20b",
    b"count",
    b"users",
    b"team%2Fusers",
    b"x%2Fcount",
    b"caf%C3%A9",
    b"a.b",
    b"~",
    b"100%25",
)


PATTERNS = (b"%b", b"/%b", b"/admin/realms/demo/%b", b"/admin/realms/demo/users%b", b"/admin/realms/demo/roles/%b", b"http://localhost/%b")


class Dice:
    """Choices that are derived from a string of bytes, so that one draw of hypothesis gives many targets, and failures still shrink."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._at = 0

    def number(self, below: int) -> int:
        """A number from 0 to ``below`` - 1; 0 if all bytes are used."""
        self._at += 2
        return int.from_bytes(self._source[self._at - 2 : self._at]) % below

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]


def hostile_target(dice: Dice, templates: Sequence[str]) -> bytes:
    """The path of an operation with up to four changes, or with arbitrary bytes in one of several places."""
    if dice.number(4) == 0:
        return dice.one_of(PATTERNS) % b"".join(_piece(dice) for _ in range(dice.number(8)))
    parts = [dice.one_of(VALUES) if part.startswith("{") else part.encode() for part in dice.one_of(templates)[1:].split("/")]
    target = b"/" + b"/".join(parts)
    for _ in range(dice.one_of((0, 1, 1, 1, 2, 2, 3, 4))):
        target = _changed(dice, target)
    return dice.one_of(PREFIXES) + target if dice.number(12) == 0 else target


def _piece(dice: Dice) -> bytes:
    return bytes([dice.number(256)]) if dice.number(3) == 0 else dice.one_of(FRAGMENTS)


def _changed(dice: Dice, target: bytes) -> bytes:
    at = dice.number(len(target) + 1)
    octet = target[at : at + 1]
    match dice.number(10):
        case 0 | 1:
            return target[:at] + (b"%%%02X" % octet[0] if octet else b"") + target[at + 1 :]
        case 2:
            return target[:at] + (b"%%25%02x" % octet[0] if octet else b"") + target[at + 1 :]
        case 3:
            return target[:at] + octet.swapcase() + target[at + 1 :]
        case 4:
            return target[:at] + target[at + 1 :]
        case 5:
            return target + dice.one_of((b"/", b"?x=1", b"?first=0&max=2", b"/count", b"%2Fcount", b"/42"))
        case _:
            return target[:at] + _piece(dice) + target[at:]
