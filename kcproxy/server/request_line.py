"""Request lines with bytes beyond ASCII, which aiohttp's parser refuses and Keycloak does not: the parser reads a copy that has ASCII there.

Only where it is certain that a request begins (``edge``). Elsewhere (in a line that comes in pieces, behind pipelined requests, after an
offer to upgrade) the parser's refusal stands: 400.
"""

import re

_LINE = re.compile(rb"[A-Z]+ ([\x21-\x7e\x80-\xff]+) HTTP/1\.[01]\r\n")
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_MASK = bytes.maketrans(_BEYOND_ASCII, b"x" * len(_BEYOND_ASCII))


def masked(data: bytes) -> tuple[bytes, str | None]:
    """What to give to the parser at the beginning of a request, and the target that came; None where the parser reads it itself.

    Only a whole request line is masked. The target is text that stands for bytes, as aiohttp gives it (UTF-8 with ``surrogateescape``).
    """
    line = _LINE.match(data)
    if line is None or line[1].isascii():
        return data, None
    end = line.end()
    return data[:end].translate(_MASK) + data[end:], line[1].decode("utf-8", "surrogateescape")
