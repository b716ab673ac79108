"""Writes log lines from a separate thread, so that a slow reader never blocks the event loop."""

import contextlib
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Sequence

MAX_PENDING_BYTES = 8 * 1024 * 1024
FLUSH_SECONDS = 0.2
EARLY_FLUSH_BYTES = 256 * 1024
COMPLAINT_SECONDS = 60.0
_LINE_BREAK = ord("\n")


class LogWriter:
    """A bounded buffer before a file descriptor. Lines that do not fit are dropped and counted."""

    def __init__(
        self, descriptor: int = 1, *, max_pending_bytes: int = MAX_PENDING_BYTES, shared: bool = False, complaints: int = 2
    ) -> None:
        """The thread starts with the first line, so that a forked worker has its own.

        ``shared``: other processes write to the descriptor too, so a write is at most as long as a pipe accepts atomically.
        ``complaints``: the descriptor on which it says that lines are lost.
        """
        self._complaints = complaints
        self.shared = shared
        self.dropped = 0
        self.on_drop: Callable[[], None] | None = None
        self.on_collect: Callable[[], None] | None = None
        """Called by the thread before it takes the lines, to format pending ones."""
        self._descriptor = descriptor
        self._max_pending_bytes = max_pending_bytes
        self._lines: list[str] = []
        self._pending = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._hurried = False
        self._torn = False
        self._failed_at: float | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether people read the lines."""
        return os.isatty(self._descriptor)

    def write(self, line: str) -> None:
        """Add one line, without a line break."""
        self.write_all((line,))

    def write_all(self, lines: Sequence[str]) -> None:
        """Add several lines; all or none are dropped."""
        size = sum(map(len, lines)) + len(lines)
        with self._lock:
            if self._pending + size > self._max_pending_bytes:
                for _ in lines:
                    self._drop()
                return
            self._pending += size
            self._lines.extend(lines)
            if self._pending > EARLY_FLUSH_BYTES and not self._hurried:
                self._hurried = True
                self._wake.notify()
            self._start()

    def expect(self) -> None:
        """Make sure that the thread runs, because ``on_collect`` has lines to write."""
        if self._thread is None or self._closed:
            with self._lock:
                self._start()

    def close(self) -> None:
        """Write pending lines and end the thread. A later line starts a new one."""
        with self._wake:
            self._closed = True
            thread, self._thread = self._thread, None
            self._wake.notify()
        if thread is not None:
            thread.join(timeout=5)

    def _drop(self) -> None:
        self.dropped += 1
        if self.on_drop is not None:
            self.on_drop()

    def _start(self) -> None:
        if self._thread is not None and not self._closed:
            return
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="kcproxy-log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        closed = False
        while not closed:
            with self._wake:
                if not (self._closed or self._hurried):
                    self._wake.wait(FLUSH_SECONDS)
                closed = self._closed
            self._collect()
            with self._lock:
                lines, self._lines = self._lines, []
                self._hurried = False
            if lines:
                text = "\n".join(lines) + "\n"
                self._emit(text.encode("utf-8", "backslashreplace"))
                with self._wake:
                    self._pending -= len(text)

    def _collect(self) -> None:
        if self.on_collect is None:
            return
        try:
            self.on_collect()
        except Exception:  # noqa: BLE001 - count the line as dropped; the thread must go on
            self._drop()

    def _emit(self, data: bytes) -> None:
        ends_another = self._torn
        if ends_another:
            data = b"\n" + data  # end a truncated line, so that it does not corrupt the next
        view, done = memoryview(data), 0
        try:
            while done < len(data):
                done += self._written(view[done : self._end_of_portion(data, done)])
        except OSError as error:
            lost = data.count(b"\n", max(done, int(ends_another)))
            for _ in range(lost):
                self._drop()
            self._complain(error)
        if done:
            self._torn = data[done - 1] != _LINE_BREAK and not self._untorn(data[:done])

    def _untorn(self, written: bytes) -> bool:
        """Remove the beginning of a line that a full disk has cut off, if the log is a file that only this process writes. Return whether it could."""
        begun = len(written) - 1 - written.rfind(b"\n")
        try:
            if self.shared or not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                return False
            size = os.fstat(self._descriptor).st_size
            if os.lseek(self._descriptor, 0, os.SEEK_CUR) != size:  # another program has written to it since
                return False
            os.ftruncate(self._descriptor, size - begun)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            return False
        return True

    def _complain(self, error: OSError) -> None:
        """Say on standard error that lines are lost: at once, then at most once a minute."""
        now = time.monotonic()
        if self._failed_at is not None and now < self._failed_at + COMPLAINT_SECONDS:
            return
        self._failed_at = now
        text = f"kcproxy: the log cannot be written ({error.strerror}); {self.dropped} lines were dropped so far\n"
        with contextlib.suppress(OSError):  # standard error may be the same full disk
            os.write(self._complaints, text.encode())

    def _end_of_portion(self, data: bytes, begin: int) -> int:
        """End of the next write: everything, or as many complete lines as a pipe accepts atomically."""
        if not self.shared:
            return len(data)
        return (data.rfind(b"\n", begin, begin + select.PIPE_BUF) + 1) or (data.find(b"\n", begin) + 1)

    def _written(self, data: memoryview) -> int:
        """Number of bytes written. Waits if the descriptor is non-blocking and full."""
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
