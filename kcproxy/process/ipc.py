"""Messages between a worker and its supervisor, over a private pair of sockets.

    frame = length of the payload (4 bytes, big-endian), kind (1 byte), payload

If the supervisor ends, the worker sees the end of the stream and drains. A supervisor sees the end of a worker in the same way.
"""

import asyncio
import copyreg
import io
import pickle
import socket
import struct
from collections.abc import Callable
from enum import Enum
from types import MappingProxyType
from typing import Any

from kcproxy.model import Explanation
from kcproxy.observe.denials.pending import PendingFiles
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import RequestRecord

_HEAD = struct.Struct(">Ic")
_MAX_BUFFERED_BYTES = 8 << 20


class Kind(Enum):
    """The kind of a frame."""

    READINESS = b"R"  # the worker's problems, one on each line; empty: ready
    DENIAL = b"D"  # a pickled explanation and record
    RESOLVED = b"S"  # the group of a resolved denial
    METRICS = b"M"  # the worker's metrics
    WANT_METRICS = b"m"
    KEPT = b"K"  # ids of denials that the supervisor has in a pending file of its own, one on each line


Receive = Callable[[Kind, bytes], None]


class IpcLink:
    """One end of the connection. Sending never waits: denials that do not fit into the buffer are dropped."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Create one with ``over``."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "IpcLink":
        """A link over one socket of the pair."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame, or drop a denial if the other end is too slow."""
        transport = self._writer.transport
        if transport.is_closing() or (kind is Kind.DENIAL and transport.get_write_buffer_size() > _MAX_BUFFERED_BYTES):
            return
        self._writer.write(_HEAD.pack(len(payload), kind.value) + payload)

    async def receive(self, handle: Receive) -> None:
        """Pass every frame to ``handle`` until the other end closes."""
        try:
            while True:
                length, kind = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                handle(Kind(kind), await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    def end(self) -> None:
        """Send nothing more; the other end sees that, after the buffered frames."""
        if not self._writer.transport.is_closing():
            self._writer.write_eof()

    async def close(self) -> None:
        """Send buffered frames and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # the other end closed first


class RelayingStore(DenialStore):
    """Denials of a worker: stored, to detect when they are resolved, and sent to the supervisor, whose page shows them."""

    def __init__(self, max_denials: int, link: IpcLink, *, pending: PendingFiles | None = None) -> None:
        """It has no history file. Denials that the supervisor does not have in a pending file are in those of the worker."""
        super().__init__(max_denials)
        self._link = link
        self._pending = pending

    @property
    def pending(self) -> PendingFiles | None:
        """The files that keep what the supervisor does not have yet if the worker is killed."""
        return self._pending

    def kept(self, payload: bytes) -> None:
        """The supervisor has these denials in a file of its own."""
        if self._pending is not None:
            self._pending.settle(payload.decode().split())

    def close(self) -> None:
        """Leave to the next start what the supervisor does not have."""
        if self._pending is not None:
            self._pending.close()

    def add(self, explanation: Explanation, record: RequestRecord) -> str:
        """Store a denial and send it to the supervisor."""
        self._link.send(Kind.DENIAL, packed((explanation, record)))
        return super().add(explanation, record)

    def resolved(self, group_name: str) -> None:
        """Note the end of a group, and report it to the supervisor."""
        self._link.send(Kind.RESOLVED, group_name.encode())
        super().resolved(group_name)


def packed(value: Any) -> bytes:
    """Pickle a value, including read-only mappings."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {MappingProxyType: _reduced}
    pickler.dump(value)
    return buffer.getvalue()


def _reduced(mapping: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def unpacked(payload: bytes) -> Any:
    """The value that a worker packed. Only for bytes from a forked process of our own."""
    return pickle.loads(payload)  # noqa: S301 - see above
