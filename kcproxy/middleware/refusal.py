"""What a client library gives and gets: a refused exchange, and the explained response."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kcproxy.model import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request and its response, as bytes.

    ``origin``: scheme, host, and the port unless it is the default. ``raw_target``: path and query as they were sent. ``request_body``: None if
    there is none, or if it is not in memory. ``body``: as received; with ``is_decoded``, the library may have removed its content coding already.
    ``decode``: removes content codings that only the library knows (br, zstd, several); gives None if it cannot. ``injected``: ``ServiceAccountAuth`` added the token.
    """

    method: str
    origin: str
    raw_target: bytes
    request_fields: "Sequence[tuple[bytes, bytes]]" = field(repr=False)
    request_body: bytes | None = field(default=None, repr=False)
    status: int
    response_fields: "Sequence[tuple[bytes, bytes]]"
    body: bytes
    is_decoded: bool = False
    decode: "Callable[[], bytes | None] | None" = field(default=None, repr=False)
    injected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The response as the proxy would have sent it. The status code is unchanged; ``body`` has no content coding."""

    fields: "tuple[tuple[bytes, bytes], ...]"
    body: bytes
    explanation: "Explanation"
