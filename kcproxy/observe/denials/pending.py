"""Pending files: what waits for the history is in a file from before a client has its id, so that a killed process loses none of it.

    append ─▶ current file ─ full ─▶ another one      settle (the history has it) ─▶ all of a file: emptied and used again, or removed
                                                                                └──▶ some of it: a line says which
    next start ─▶ files whose lock is free ─▶ history ─▶ removed

Each line is one write to the page cache, which survives the end of the process, but not of the machine: nothing is synchronized. Every file is
locked by the process that writes it, so that another process takes only those of processes that are gone.
"""

import errno
import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kcproxy.observe.denials.pending_lines import Item, Unwritten, key_of, line_of, unwritten, written_line
from kcproxy.observe.denials.records import Stored
from kcproxy.observe.private_files import Identity, is_same, open_private

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE_BYTES = 1024 * 1024
"""From this size on, another file is used."""
SLOW_SECONDS = 1.0
PAUSE_SECONDS = 60.0
"""A disk that takes longer than ``SLOW_SECONDS`` for a line is left alone for so long, because requests wait for the line."""
SAME_REASON_SECONDS = 60.0
MAX_BYTES = 80 * 1024 * 1024
"""More than waits in memory (32 MiB) twice: that of this process, what a killed one has left, and lines of items that are settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPlace:
    """Where the pending files of a history are: those of the folder whose name begins with ``prefix``."""

    folder: Path
    prefix: str


@dataclass(slots=True)
class Recovered:
    """What was in the files of processes that are gone. ``lost``: damaged lines, and denials that cannot be written.

    ``failure``: why some files could not be written to the history. They wait for the next start.
    """

    files: int = 0
    denials: int = 0
    lost: int = 0
    failure: str | None = None

    def add(self, contents: Unwritten, unwritable: int = 0) -> None:
        """Count a file."""
        self.files += 1
        self.denials += sum(isinstance(item, Stored) for item in contents.items)
        self.lost += contents.damaged + unwritable


class _Locked:
    """A file that this process has locked."""

    __slots__ = ("changed_at", "descriptor", "path", "size")

    def __init__(self, path: Path, flags: int) -> None:
        """Raises OSError if it cannot be used, BlockingIOError if another process has it, and FileNotFoundError if that has just removed it."""
        self.path = path
        self.descriptor, identity = open_private(path, os.O_RDWR | os.O_APPEND | flags)
        try:
            self._lock(identity)
            found = os.fstat(self.descriptor)
            self.size, self.changed_at = found.st_size, found.st_mtime
        except OSError:
            if flags & os.O_EXCL:
                self.remove()
            else:
                self.close()
            raise

    def _lock(self, identity: Identity) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_same(self.path, identity):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))

    def remove(self) -> None:
        """Remove it, or at least what it contains."""
        try:
            self.path.unlink()
        except OSError:
            with suppress(OSError):
                os.ftruncate(self.descriptor, 0)
        self.close()

    def close(self) -> None:
        """Close it, which unlocks it."""
        os.close(self.descriptor)


class Leftover(_Locked):
    """A file of a process that is gone."""

    __slots__ = ()

    def content(self) -> bytes:
        """All of it. Raises OSError."""
        parts, done = [], 0
        while part := os.pread(self.descriptor, FILE_BYTES, done):
            parts.append(part)
            done += len(part)
        return b"".join(parts)


class _Segment(_Locked):
    """A file of this process."""

    __slots__ = ("_is_torn", "waiting")

    def __init__(self, path: Path) -> None:
        super().__init__(path, os.O_CREAT | os.O_EXCL)
        self.waiting = 0
        self._is_torn = False

    def write(self, line: bytes) -> int:
        """Append a line. Returns how much the file has grown. Raises OSError, and then it has not."""
        data = b"\n" + line if self._is_torn else line
        done = os.write(self.descriptor, data)
        self.size += done
        if done < len(data):
            self._undo(done)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._is_torn = False
        return done

    def _undo(self, done: int) -> None:
        """Remove half a line."""
        try:
            os.ftruncate(self.descriptor, self.size - done)
        except OSError:
            self._is_torn = True
        else:
            self.size -= done

    def empty(self) -> bool:
        """Make it as new. False if that is not possible, or if something has removed it."""
        try:
            os.ftruncate(self.descriptor, 0)
            self.size, self._is_torn = 0, False
            return os.fstat(self.descriptor).st_nlink > 0
        except OSError:
            return False


class PendingFiles:
    """The pending files of one process. Used on two threads: one appends, the other one settles."""

    def __init__(
        self,
        place: PendingPlace,
        *,
        instance: str = "",
        max_bytes: int = MAX_BYTES,
        on_failure: Callable[[str], None] = lambda _: None,
        on_back: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Nothing is opened yet. ``max_bytes`` bounds all files of this process and those that it takes over.

        ``on_failure`` gets the reason why items wait in memory only, once until it changes; ``on_back`` the number of those items.
        """
        self._place, self._instance, self._max_bytes = place, instance, max_bytes
        self._on_failure, self._on_back = on_failure, on_back
        self._lock = threading.Lock()
        self._segments: dict[str, _Segment] = {}  # of each item that waits
        self._files: set[_Segment] = set()
        self._current: _Segment | None = None
        self._spare: _Segment | None = None
        self._bytes = 0
        self._closed = False
        self._paused_until = 0.0
        self._reason: str | None = None
        self._only_in_memory = 0
        self._next_line: dict[str, float] = {}
        self.leftovers: list[Leftover] = []
        """Files of processes that are gone, which this one has locked."""

    def append(self, item: Item) -> None:
        """Write an item to a file, unless that has been done. Never raises."""
        key = key_of(item)
        if key in self._segments:
            return
        line = line_of(item, self._instance)
        try:
            with self._lock:
                self._append(key, line)
        except OSError as error:
            self._failed(_words(error, self._place.folder))
        else:
            self._works()

    def __contains__(self, key: str) -> bool:
        """Whether an item is in a file, by its key."""
        return key in self._segments

    @property
    def behind_seconds(self) -> float:
        """How long the files of processes that are gone have been waiting; 0 if there are none."""
        return max((time.time() - each.changed_at for each in tuple(self.leftovers)), default=0.0)

    def settle(self, keys: Iterable[str]) -> None:
        """Note that items need no file any more: the history has them, or they are dropped and counted."""
        with self._lock:
            done = [] if self._closed else self._settled(keys)
        for segment in done:
            is_usable = segment.empty()
            with self._lock:
                self._use_again(segment, is_usable=is_usable)

    def take_over(self) -> None:
        """Lock the files of processes that are gone."""
        with self._lock:
            known = {each.path.name for each in (*self._files, *self.leftovers)}
        try:
            names = sorted(path.name for path in self._place.folder.iterdir() if path.name.startswith(self._place.prefix))
        except OSError as error:
            self._say(_words(error, self._place.folder))
            return
        for name in names:
            if name not in known:
                self._take(self._place.folder / name)

    def read(self, leftover: Leftover) -> Unwritten | None:
        """What the history may not have. None if it cannot be read, which is reported, or if these files are closed."""
        try:
            with self._lock:
                data = None if self._closed else leftover.content()
        except OSError as error:
            self._say(_words(error, leftover.path))
            return None
        return None if data is None else unwritten(data)

    def remove(self, leftover: Leftover) -> None:
        """Remove a file whose items the history has."""
        with self._lock:
            if not self._closed:
                self.leftovers.remove(leftover)
                self._bytes -= leftover.size
                leftover.remove()

    def close(self) -> None:
        """Remove files without items. The others wait for the next start."""
        with self._lock:
            self._closed = True
            for segment in self._files:
                if segment.waiting:
                    segment.close()
                else:
                    segment.remove()
            for leftover in self.leftovers:
                leftover.close()
            self._files.clear()
            self.leftovers.clear()

    def _append(self, key: str, line: bytes) -> None:
        if self._closed or key in self._segments:
            return
        began_at = time.monotonic()
        if began_at < self._paused_until:
            raise OSError(errno.ETIMEDOUT, "the disk is too slow")
        if self._bytes + len(line) > self._max_bytes:
            raise OSError(errno.EFBIG, f"the pending files have {self._max_bytes >> 20} MiB, which is their largest size")
        segment = self._writable()
        self._bytes += segment.write(line)
        segment.waiting += 1
        self._segments[key] = segment
        if time.monotonic() - began_at > SLOW_SECONDS:
            self._paused_until = time.monotonic() + PAUSE_SECONDS

    def _writable(self) -> _Segment:
        if self._current is None or self._current.size >= FILE_BYTES:
            self._current, self._spare = self._spare or self._created(), None
        return self._current

    def _created(self) -> _Segment:
        for _ in range(10):
            # Another process may have locked it, or removed it because it is empty, before this one has locked it.
            with suppress(BlockingIOError, FileExistsError, FileNotFoundError):
                segment = _Segment(self._place.folder / f"{self._place.prefix}{secrets.token_hex(8)}")
                self._files.add(segment)
                return segment
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _settled(self, keys: Iterable[str]) -> list[_Segment]:
        """Files without items that wait. Of the others, a line says which do not."""
        of_segments: defaultdict[_Segment, list[str]] = defaultdict(list)
        for key in keys:
            if (segment := self._segments.pop(key, None)) is not None:
                segment.waiting -= 1
                of_segments[segment].append(key)
        for segment, names in of_segments.items():
            if segment.waiting:
                with suppress(OSError):  # then the history finds out by itself that it has them
                    self._bytes += segment.write(written_line(names))
            else:
                self._bytes -= segment.size
                self._current = None if segment is self._current else self._current
        done = [segment for segment in of_segments if not segment.waiting]
        self._files.difference_update(done)
        return done

    def _use_again(self, segment: _Segment, *, is_usable: bool) -> None:
        if is_usable and self._spare is None and not self._closed:
            self._spare = segment
            self._files.add(segment)
        else:
            segment.remove()

    def _take(self, path: Path) -> None:
        try:
            found = Leftover(path, 0)
        except (BlockingIOError, FileNotFoundError):
            return  # its process lives, or another one was faster
        except OSError as error:
            self._say(_words(error, path))
            return
        if not found.size:
            found.remove()
            return
        with self._lock:
            self.leftovers.append(found)
            self._bytes += found.size

    def _failed(self, reason: str) -> None:
        self._only_in_memory += 1
        if reason != self._reason and self._say(reason):
            self._reason = reason

    def _say(self, reason: str) -> bool:
        """Report a failure, unless that was done within the last minute. Returns whether it was reported now."""
        now = time.monotonic()
        is_due = now >= self._next_line.get(reason, 0.0)
        if is_due:
            self._next_line[reason] = now + SAME_REASON_SECONDS
            self._on_failure(reason)
        return is_due

    def _works(self) -> None:
        if self._reason is not None:
            self._reason = None
            self._on_back(self._only_in_memory)
            self._only_in_memory = 0


def _words(error: OSError, path: Path) -> str:
    return f"{path}: {error.strerror or type(error).__name__}"


def are_possible() -> bool:
    """Whether this system has locks of files."""
    return fcntl is not None
