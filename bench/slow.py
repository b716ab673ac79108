"""Connections that send their heads byte by byte. The proxy has to close them, and to serve others meanwhile."""

import asyncio
from collections import Counter

_HEAD = b"GET /admin/realms HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_AT_ONCE = 200
_PAUSE_SECONDS = 2.0


class SlowCrowd:
    """Many slow connections to one loopback port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: list[asyncio.Task[None]] = []
        self._ends: Counter[str] = Counter()
        self._open = 0
        self._most = 0

    async def gather(self, number: int) -> None:
        """Open the connections, in groups."""
        for start in range(0, number, _AT_ONCE):
            self._tasks += [asyncio.create_task(self._dawdle()) for _ in range(min(_AT_ONCE, number - start))]
            await asyncio.sleep(0.05)
        await asyncio.gather(*self._tasks)

    def disperse(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()

    def summary(self) -> str:
        """The number of connections, and how they ended."""
        return f"; slow connections: {self._most} at most, {dict(self._ends)}" if self._tasks else ""

    async def _dawdle(self) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            self._ends[type(error).__name__] += 1
            return
        self._open += 1
        self._most = max(self._most, self._open)
        try:
            self._ends[await self._until_cut_off(reader, writer)] += 1
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _until_cut_off(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        place = 0
        while True:
            writer.write(_HEAD[place : place + 1] or b"x")
            place += 1
            try:
                async with asyncio.timeout(_PAUSE_SECONDS):
                    answer = await reader.read(4096)
            except TimeoutError:
                continue
            except OSError:
                return "reset"
            return f"answered {answer.split(b' ', 2)[1].decode()}" if answer else "closed"
