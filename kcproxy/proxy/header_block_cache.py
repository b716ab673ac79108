"""Cache of header blocks: bounded in bytes, shared by all connections.

Clients that send the same fields share one block. Connections only refer to a block. When a block is evicted it is emptied, and the next request
of a connection that refers to it is parsed again.
"""

from cachetools import LRUCache

from kcproxy.proxy.header_block import HeaderBlock
from kcproxy.proxy.runtime import Runtime

MAX_BLOCK_BYTES = 16_384
"""Larger blocks are not cached, and each of their requests is parsed. An access token of Keycloak takes 1 to 4 kB."""
MAX_FIELDS = 64
MAX_BYTES = 16 << 20
"""Of all blocks together, as ``HeaderBlock.cost_bytes`` estimates them: about 1,500 clients with different tokens."""


class HeaderBlockCache:
    """The blocks of one runtime. A new runtime empties the cache."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._blocks = _Evicting(max_bytes, getsizeof=_cost_bytes)
        self._runtime: Runtime | None = None

    def __len__(self) -> int:
        """The number of cached blocks."""
        return len(self._blocks)

    @property
    def cost_bytes(self) -> int:
        """The estimated memory of all blocks."""
        return int(self._blocks.currsize)

    def find(self, wire: bytes, runtime: Runtime) -> HeaderBlock | None:
        """The block with these bytes, from the first field to the empty line. None if it is not cached."""
        if runtime is not self._runtime:
            self.clear()
            self._runtime = runtime
        return self._blocks.get(wire)

    def store(self, block: HeaderBlock) -> bool:
        """Cache a block, and evict those that were used longest ago. Returns whether there is room for it."""
        if block.cost_bytes > self._blocks.maxsize:
            return False
        self._blocks[block.wire] = block
        return True

    def clear(self) -> None:
        """Empty the cache and its blocks."""
        while self._blocks:
            self._blocks.popitem()


def is_cacheable(block_bytes: int, field_count: int) -> bool:
    """Whether a block of this size is cached."""
    return block_bytes <= MAX_BLOCK_BYTES and field_count <= MAX_FIELDS


def _cost_bytes(block: HeaderBlock) -> int:
    return block.cost_bytes


class _Evicting(LRUCache[bytes, HeaderBlock]):
    """Empties the blocks that it evicts, because connections may still refer to them."""

    def popitem(self) -> tuple[bytes, HeaderBlock]:
        """Remove the block that was used longest ago."""
        wire, block = super().popitem()
        block.drop()
        return wire, block
