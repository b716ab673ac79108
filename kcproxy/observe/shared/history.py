"""The shared history of one process: a thread with an event loop of its own, so that no request ever waits for the database.

    denials ─▶ waiting (bounded) ─▶ writer ─▶ database ─ NOTIFY ─▶ listener of every instance ─▶ its list, page and metrics
    calls ───▶ tally (bounded) ───┘

If the database is away, both wait in bounded memory, denials also in pending files, if there is a folder for them. What does not fit is
dropped and counted, and the rest is written when it is back.
Attempts to connect are half a second, one, two, four … seconds apart, at most ten, and spread, so that instances do not all come back at once.
"""

import asyncio
import concurrent.futures
import random
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from kcproxy.errors import HistoryUnusable
from kcproxy.observe.denials.document import Document
from kcproxy.observe.denials.pending import PendingFiles, Recovered
from kcproxy.observe.denials.pending_lines import Item
from kcproxy.observe.shared import denial_rows, use_rows
from kcproxy.observe.shared.connection import FAILURES, Connection, Database, close, connect, words
from kcproxy.observe.shared.denial_rows import ALL, CHANNEL, SharedKind
from kcproxy.observe.shared.schema import prepare
from kcproxy.observe.shared.waiting import Waiting
from kcproxy.observe.shared.writing import UNWRITABLE, recover, write
from kcproxy.usage.tally import UseTally

BATCH_SECONDS = 0.2
"""How long the writer collects before it writes, and how often the list follows changes at most."""
HEARTBEAT_SECONDS = 600.0
CLEAN_SECONDS = 30.0
ROUNDS_OF_CLEANING = 10
CLOSE_SECONDS = 5.0
LOOK_UP_SECONDS = 3.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
MAX_KINDS = 1000
"""Kinds that the list of an instance follows."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The bounds of the tables, for all instances together."""

    max_denials: int = 1000
    keep_days: int = 90
    max_rows: int = 200_000


@dataclass(slots=True, kw_only=True)
class Events:
    """What the owner of a history hears. Called on the thread of the history."""

    on_drop: Callable[[int], None] = lambda _: None
    on_use_drop: Callable[[int], None] = lambda _: None
    on_kinds: Callable[[list[SharedKind], bool], None] = lambda _kinds, _all: None
    """Changed kinds, and whether they are all that there are."""
    on_away: Callable[[str], None] = lambda _: None
    """The database cannot be used, and why. Called once for each reason until it can be used again."""
    on_back: Callable[[], None] = lambda: None
    on_left: Callable[[int], None] = lambda _: None
    """At the end, so many items wait in pending files for the next start."""
    on_recovered: Callable[[Recovered], None] = lambda _: None
    """Denials of processes that are gone were written."""


class SharedHistory:
    """The history of one process. Nothing here waits, except ``close`` and what a page or a command asks for."""

    tightened: tuple[object, ...] = ()

    def __init__(
        self,
        database: Database,
        *,
        instance: str | None,
        tally: UseTally | None,
        retention: Retention,
        events: Events,
        follows: bool = True,
        pending: PendingFiles | None = None,
    ) -> None:
        """Nothing is opened before ``start``. ``tally``: the calls to record, if any. ``follows``: whether to listen to changes of denials."""
        self.instance = instance or socket.gethostname()
        self._database, self._tally, self._retention, self._events, self._follows = database, tally, retention, events, follows
        self.pending = pending
        self.waiting = Waiting(on_drop=events.on_drop, pending=pending)
        self._writer = f"{self.instance[:100]} {secrets.token_hex(8)}"
        self._numbered: use_rows.NumberedBatch | None = None
        self._numbers = 0
        self._is_full = False
        self._since_cleaning = 0
        self._next_cleaning = self._next_heartbeat = 0.0
        self.reason: str | None = None
        """Why the database cannot be used, if it cannot."""
        self.connected = False
        """Whether denials and calls can be written."""
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._wake, self._ending = asyncio.Event(), asyncio.Event()
        self._consistent = asyncio.Lock()
        self._reader: Connection | None = None
        self._reading = asyncio.Lock()
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="kcproxy-history", daemon=True)

    def start(self) -> None:
        """Connect, in a thread."""
        if self._tally is not None:
            self._tally.on_wake = self._notice
        if self.pending is not None:
            self.pending.take_over()
        self._thread.start()

    # For the event loop of the process.

    def add(self, item: Item) -> None:
        """Queue a denial, or the end of a kind."""
        self.waiting.add(item)
        self._notice()

    @property
    def behind_seconds(self) -> float:
        """How long the oldest denial or call has been waiting to be written."""
        numbered = self._numbered
        left = 0.0 if self.pending is None else self.pending.behind_seconds
        return max(self.waiting.behind_seconds, left, 0.0 if numbered is None else time.time() - numbered.at)

    @property
    def follows_now(self) -> bool:
        """Whether changes of other instances arrive."""
        return self._reader is not None

    async def find(self, denial_id: str) -> Document | None:
        """A denial of any instance. Raises HistoryUnusable."""
        return await self._ask(lambda connection: denial_rows.find(connection, denial_id), LOOK_UP_SECONDS)

    async def occurrences(self, fingerprint: str) -> list[Document]:
        """The newest denials of a kind, of all instances. Raises HistoryUnusable."""
        return await self._ask(lambda connection: denial_rows.occurrences(connection, fingerprint), LOOK_UP_SECONDS)

    def close(self) -> None:
        """Write what waits, for at most five seconds. What is not written then is counted, unless it is in a pending file."""
        if self._closing:
            return
        self._closing = True
        self._on_loop(self._ending.set)
        self._on_loop(self._wake.set)
        if self._thread.ident is None:  # it was never started
            self._loop.close()
        else:
            self._thread.join(CLOSE_SECONDS)
        left, lost = self.waiting.close()
        if left:
            self._events.on_left(left)
        if lost:
            self._events.on_drop(lost)
        if lost := self._uncounted():
            self._events.on_use_drop(lost)

    def _uncounted(self) -> int:
        """Calls that were counted, but not written."""
        batches = [] if self._tally is None else [self._tally.take()]
        if self._numbered is not None:
            batches.append(self._numbered.batch)
        return sum(sum(batch.counts.values()) + batch.dropped for batch in batches)

    def _notice(self) -> None:
        if not self._woken:
            self._woken = True
            self._on_loop(self._wake.set)

    def _on_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)

    async def _ask(self, question: Callable[[Connection], Awaitable[Answer]], seconds: float) -> Answer:
        try:
            asked = asyncio.run_coroutine_threadsafe(self._answer(question, seconds), self._loop)
        except RuntimeError as error:
            raise HistoryUnusable("the history is closed") from error
        try:
            return await asyncio.wrap_future(asked)
        except concurrent.futures.CancelledError as error:
            raise HistoryUnusable("the history is closed") from error

    # For the thread.

    async def _answer(self, question: Callable[[Connection], Awaitable[Answer]], seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds), self._reading:
                if self._reader is None:
                    raise HistoryUnusable(self.reason or "the database is not connected yet; try again")
                return await question(self._reader)
        except FAILURES as error:
            raise HistoryUnusable(words(error)) from error

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.run_until_complete(_cancelled(asyncio.all_tasks(self._loop)))
            self._loop.close()

    async def _live(self) -> None:
        following = [asyncio.ensure_future(self._for_ever(self._follow))] if self._follows else []
        await self._for_ever(self._write)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    async def _for_ever(self, work: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Connect, do the work, and again after a failure, until it is done."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began_at = time.monotonic()
            try:
                connection = await connect(self._database)
                try:
                    await prepare(connection)
                    await work(connection)
                    return
                finally:
                    await close(connection)
            except HistoryUnusable as error:
                self._away(str(error))
            except FAILURES as error:
                self._away(words(error))
            except Exception as error:  # noqa: BLE001 - a bug must not end the thread
                self._away(f"an unexpected {type(error).__name__}; this is a bug in kcproxy, please report it")
            if self._closing:
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - began_at > LONGEST_PAUSE_SECONDS else pause
            await self._rest(pause * random.uniform(0.5, 1.0))  # noqa: S311 - to spread attempts
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not when the process ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    def _away(self, reason: str) -> None:
        if reason != self.reason and not self._closing:
            self.reason = reason
            self._events.on_away(reason)

    def _back(self) -> None:
        if self.reason is not None:
            self.reason = None
            self._events.on_back()

    async def _write(self, connection: Connection) -> None:
        """Write what arrives, until the process ends and everything is written."""
        self._back()
        self.connected = True
        connection.add_termination_listener(lambda _: self._wake.set())
        try:
            await self._write_until_the_end(connection)
        finally:
            self.connected = False

    async def _write_until_the_end(self, connection: Connection) -> None:
        await self._recover(connection)
        while True:
            self._wake.clear()
            self._woken = False
            if connection.is_closed():  # seen at once, not when the next denial is to be written
                raise ConnectionResetError
            is_last = self._closing
            await self._write_what_waits(connection)
            if is_last:
                return
            await self._clean(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_seconds()):
                    await self._wake.wait()
            await self._rest(BATCH_SECONDS)

    def _idle_seconds(self) -> float:
        return max(0.0, min(HEARTBEAT_SECONDS, self._next_cleaning - time.monotonic()))

    async def _write_what_waits(self, connection: Connection) -> None:
        while batch := self.waiting.batch():
            async with self._consistent:  # a kind is read with what was written, and not between the commit and `written`
                unwritable = await write(connection, batch, self.instance)
                self.waiting.written(len(batch))
            if unwritable:
                self._events.on_drop(unwritable)
            self._since_cleaning += len(batch)
            if self._since_cleaning > self._retention.max_denials:
                await self._clean(connection)
        await self._write_use(connection)

    async def _recover(self, connection: Connection) -> None:
        """Write what processes that are gone have left."""
        if self.pending is not None and self.pending.leftovers:
            found = await recover(connection, self.pending, self.instance)
            if found.lost:
                self._events.on_drop(found.lost)
            if found.files:
                self._events.on_recovered(found)

    async def _write_use(self, connection: Connection) -> None:
        while self._tally is not None and self._has_batch(self._tally):
            numbered = self._numbered
            if numbered is None:
                return
            try:
                dropped = await use_rows.write(connection, numbered, is_full=self._is_full)
            except UNWRITABLE:
                dropped = sum(numbered.batch.counts.values()) + numbered.batch.dropped
            self._numbered = None
            self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
            if dropped:
                self._events.on_use_drop(dropped)

    def _has_batch(self, tally: UseTally) -> bool:
        """Whether there is something to write: an earlier batch, or what was counted since. An empty one notes that the proxy runs."""
        if self._numbered is None:
            batch = tally.take()
            if batch or time.monotonic() >= self._next_heartbeat:
                self._numbers += 1
                self._numbered = use_rows.NumberedBatch(writer=self._writer, number=self._numbers, at=time.time(), batch=batch)
        return self._numbered is not None

    async def _clean(self, connection: Connection) -> None:
        """Delete what is beyond the bounds, if it is time."""
        now = time.monotonic()
        if now < self._next_cleaning and self._since_cleaning <= self._retention.max_denials // 10 + 100:
            return
        self._next_cleaning = now + CLEAN_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - to spread instances
        self._since_cleaning = 0
        if self.pending is not None:
            self.pending.take_over()
            await self._recover(connection)
        bounds = self._retention
        for _ in range(ROUNDS_OF_CLEANING):
            if not await denial_rows.clean(connection, bounds.max_denials):
                break
        if self._tally is not None:
            self._is_full = await use_rows.clean(
                connection, keep_days=bounds.keep_days, max_rows=bounds.max_rows, now_epoch_seconds=time.time()
            )

    async def _follow(self, connection: Connection) -> None:
        """Report all kinds, and then those that change."""
        changed: dict[str, None] = {ALL: None}
        arrived, ended = asyncio.Event(), asyncio.Event()

        def notified(_connection: Any, _pid: int, _channel: str, payload: Any) -> None:
            changed.update(dict.fromkeys(str(payload).split(",")))
            arrived.set()

        def terminated() -> None:
            ended.set()
            arrived.set()

        await connection.add_listener(CHANNEL, notified)
        connection.add_termination_listener(lambda _: terminated())
        self._reader = connection
        self._back()
        try:
            arrived.set()
            while True:
                await arrived.wait()
                if ended.is_set():
                    raise ConnectionResetError
                arrived.clear()
                await self._report(connection, changed)
                await asyncio.sleep(BATCH_SECONDS)
        finally:
            self._reader = None

    async def _report(self, connection: Connection, changed: dict[str, None]) -> None:
        names = list(changed)
        changed.clear()
        async with self._consistent, self._reading:
            if ALL in names:
                kinds = await denial_rows.newest_kinds(connection, MAX_KINDS)
            else:
                kinds = await denial_rows.named_kinds(connection, names)
        self._events.on_kinds(kinds, ALL in names)


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
