"""Cache of the header blocks that callers have sent: bounded in bytes, shared by all connections.

Equal bytes have equal meaning, so that callers who send the same fields share one block. A connection refers to its block and owns none of
it: a block that is evicted is emptied, and the next request of a connection that refers to it is parsed and learned again.
"""

from cachetools import LRUCache

from kcproxy.proxy.header_block import HeaderBlock
from kcproxy.proxy.runtime import Runtime

MAX_BLOCK_BYTES = 16_384
"""Larger blocks are not learned: their requests are parsed one by one. An access token of Keycloak takes 1 to 4 kB."""
MAX_FIELDS = 64
MAX_BYTES = 16 << 20
"""Of all blocks together, as ``Block.cost_bytes`` estimates them: about 1,500 callers with a token of their own each."""


class HeaderBlockCache:
    """The blocks of one plane; those of another are forgotten when it comes."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Empty."""
        self._blocks = _Evicting(max_bytes, getsizeof=_cost_bytes)
        self._plane: Runtime | None = None

    def __len__(self) -> int:
        """How many blocks are known."""
        return len(self._blocks)

    @property
    def cost_bytes(self) -> int:
        """What they take, as far as that is estimated."""
        return int(self._blocks.currsize)

    def find(self, wire: bytes, runtime: Runtime) -> HeaderBlock | None:
        """The block of these bytes, from the first field to the empty line; None where it is not known."""
        if runtime is not self._plane:
            self.clear()
            self._plane = runtime
        return self._blocks.get(wire)

    def keep(self, block: HeaderBlock) -> bool:
        """Know it from now on; whether there is room for it. Those that were looked up longest ago make room."""
        if block.cost_bytes > self._blocks.maxsize:
            return False
        self._blocks[block.wire] = block
        return True

    def clear(self) -> None:
        """Forget all, and what they hold."""
        while self._blocks:
            self._blocks.popitem()


def is_ordinary(block_bytes: int, field_count: int) -> bool:
    """Whether a block of this size is worth learning."""
    return block_bytes <= MAX_BLOCK_BYTES and field_count <= MAX_FIELDS


def _cost_bytes(block: HeaderBlock) -> int:
    return block.cost_bytes


class _Evicting(LRUCache[bytes, HeaderBlock]):
    """Empties what it evicts, for connections still refer to it."""

    def popitem(self) -> tuple[bytes, HeaderBlock]:
        """The one that was looked up longest ago."""
        wire, block = super().popitem()
        block.drop()
        return wire, block
