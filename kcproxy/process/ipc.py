"""What a worker and its supervisor tell each other, over a pair of sockets that only the two have.

    frame = length of the payload (4 bytes, big-endian), kind (1 byte), payload

A worker whose supervisor is gone sees the end of the stream, and drains; a supervisor sees the end of its worker in the same way.
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
from kcproxy.observe.denial_store import DenialStore
from kcproxy.observe.events import RequestRecord

_HEAD = struct.Struct(">Ic")
_MAX_WAITING_BYTES = 8 << 20


class Kind(Enum):
    """What a frame holds."""

    READINESS = b"R"  # the worker's problems, one a line; empty: ready
    DENIAL = b"D"  # a pickled explanation and record
    RESOLVED = b"S"  # the group of a denial that is over
    METRICS = b"M"  # the worker's page
    WANT_METRICS = b"m"


Receive = Callable[[Kind, bytes], None]


class IpcLink:
    """One end. Sending never waits; what does not fit into a bounded buffer is left out, but for what is small."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use ``over``."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "IpcLink":
        """A link over one of a pair of sockets."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send, or leave out a denial where the other side does not keep up."""
        transport = self._writer.transport
        if transport.is_closing() or (kind is Kind.DENIAL and transport.get_write_buffer_size() > _MAX_WAITING_BYTES):
            return
        self._writer.write(_HEAD.pack(len(payload), kind.value) + payload)

    async def receive(self, take: Receive) -> None:
        """Give every frame to ``take`` until the other side is gone."""
        try:
            while True:
                length, kind = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                take(Kind(kind), await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def close(self) -> None:
        """Send what is left, and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # the other side was quicker


class RelayingStore(DenialStore):
    """A worker's denials: kept, for it needs them to see when they are over, and told to the supervisor, whose page shows them."""

    def __init__(self, max_denials: int, link: IpcLink) -> None:
        """Without a history of its own."""
        super().__init__(max_denials)
        self._link = link

    def add(self, explanation: Explanation, record: RequestRecord) -> str:
        """Keep it and tell it."""
        self._link.send(Kind.DENIAL, packed((explanation, record)))
        return super().add(explanation, record)

    def resolved(self, group_name: str) -> None:
        """It is over."""
        self._link.send(Kind.RESOLVED, group_name.encode())
        super().resolved(group_name)


def packed(value: Any) -> bytes:
    """A value of ours as bytes, read-only mappings included."""
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
    """What a worker packed. Only ever bytes of a process that this one has forked."""
    return pickle.loads(payload)  # noqa: S301 - see above
