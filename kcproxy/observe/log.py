"""The structured log: JSON lines, or human-readable ones by structlog; all of them redacted.

structlog is loaded only for human-readable lines: with what it imports, it takes up to 5 MB.
"""

import json
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kcproxy.model import Explanation
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.log_console import denial_lines
from kcproxy.observe.log_fields import Clock, denial_fields, request_fields, request_json, request_level
from kcproxy.observe.log_writer import LogWriter
from kcproxy.redaction import redact, redact_text
from kcproxy.settings import LogFormat, LogSettings
from kcproxy.visible import visible

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
BATCH = 64
MAX_FRAMES = 8
MAX_MESSAGE_CHARACTERS = 500
Event = MutableMapping[str, Any]


class LineExport(Protocol):
    """Takes the lines of the log in addition to standard output."""

    def add(self, lines: Sequence[str]) -> None:
        """Take JSON lines."""
        ...

    def close(self) -> None:
        """Send what waits."""
        ...


class Log:
    """The log of one process, without global state."""

    def __init__(
        self,
        settings: LogSettings,
        *,
        sink: LogWriter | None = None,
        now: Callable[[], float] = time.time,
        batch: int = BATCH,
        page_url: str | None = None,
        instance: str = "",
    ) -> None:
        """``now`` gives seconds since the epoch. ``batch``: number of requests that are formatted together; the sink's thread formats the rest.

        ``page_url``: where a terminal's lines say that the page is.
        """
        self._page_url = page_url
        self._instance = {"instance": instance} if instance else {}
        self._instance_json = f',"instance":{json.dumps(redact_text(instance))}}}' if instance else ""
        self._every_success = settings.every_success
        self._successes = 0
        self._batch = batch
        self.sink = sink or LogWriter()
        self._now = now
        self._clock = Clock()
        self.export: LineExport | None = None
        """Where the lines go in addition, as JSON."""
        self._unwritten: deque[tuple[RequestRecord, float]] = deque()
        self._writing = threading.Lock()
        self.sink.on_collect = self._catch_up
        self._json = settings.format is LogFormat.JSON or (settings.format is LogFormat.AUTO and not self.sink.is_terminal)
        self._level = LEVELS[settings.level]
        self._infos = self._level <= LEVELS["info"]
        self._warnings = self._level <= LEVELS["warning"]

    def request(self, record: RequestRecord) -> None:
        """Write the canonical line of a finished request."""
        if self._every_success > 1 and 200 <= record.status < 300 and self._is_left_out():
            return
        if self._infos or (self._warnings and record.error_kind is not None):
            if not self._unwritten:
                self.sink.expect()
            self._unwritten.append((record, self._now()))
            if len(self._unwritten) >= self._batch:
                self._catch_up()

    def _is_left_out(self) -> bool:
        """Count a success. The first of each group is written."""
        self._successes += 1
        return (self._successes - 1) % self._every_success != 0

    def _catch_up(self) -> None:
        """Format finished requests, many at once: that takes a third of the time of single ones in between other work."""
        with self._writing:
            lines, exported = [], []
            while self._unwritten:
                record, now = self._unwritten.popleft()
                stamp = self._clock.stamp(now)
                line = self._named(request_json(record, stamp)) if self._json or self.export is not None else ""
                lines.append(line if self._json else self._request_line(record, stamp))
                exported.append(line)
            if lines:
                self.sink.write_all(lines)
                self._exported(exported)

    def denial(self, explanation: Explanation, record: RequestRecord) -> None:
        """Write the canonical line of a denial."""
        if not self._warnings:
            return
        self._catch_up()  # keep the order of events
        stamp = self._clock.stamp(self._now())
        if self._json or self.export is not None:
            line = self._as_json({**denial_fields(explanation, record), "event": "denial", "level": "warning"}, stamp)
            line = redact_text(line)  # none of its fields has a secret name, so redacting the complete line is enough
            self._exported([line])
        self.sink.write_all([line] if self._json else denial_lines(explanation, stamp, self._page_url))

    def debug(self, event: str, **fields: Any) -> None:
        """Write an event for debugging."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Write a normal event."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Write an event that needs attention at some time."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Write an event that needs attention now."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        if LEVELS[level] >= self._level:
            self._catch_up()  # keep the order of events
            redacted, stamp = redact({**fields, "event": event, "level": level}), self._clock.stamp(self._now())
            line = self._as_json(redacted, stamp) if self._json or self.export is not None else ""
            self.sink.write(line if self._json else self._for_console({**redacted, **self._instance}, stamp))
            self._exported([line])

    def _exported(self, lines: Sequence[str]) -> None:
        if self.export is not None:
            self.export.add(lines)

    def capture_libraries(self) -> Callable[[], None]:
        """Redirect the log of libraries (mostly aiohttp's server) to this log, redacted. The returned function undoes it."""
        handler, root = _LibraryHandler(self), logging.getLogger()
        before = root.level
        root.addHandler(handler)
        root.setLevel(logging.WARNING)

        def undo() -> None:
            root.removeHandler(handler)
            root.setLevel(before)

        return undo

    def close(self) -> None:
        """Write pending lines."""
        self._catch_up()
        self.sink.close()
        if self.export is not None:
            self.export.close()

    def _request_line(self, record: RequestRecord, stamp: str) -> str:
        return self._for_console({"level": request_level(record), "event": "request", **request_fields(record), **self._instance}, stamp)

    def _named(self, line: str) -> str:
        return line[:-1] + self._instance_json if self._instance_json else line

    def _as_json(self, event: Mapping[str, Any], stamp: str) -> str:
        event = {**event, **self._instance}
        level, name = event.pop("level"), event.pop("event")
        return json.dumps({"time": stamp, "level": level, "event": name, **event}, ensure_ascii=True, separators=(",", ":"), default=str)

    @cached_property
    def _render(self) -> "ConsoleRenderer":
        from structlog.dev import ConsoleRenderer  # noqa: PLC0415 - see the top of the module

        return ConsoleRenderer(colors=False, sort_keys=False)

    def _for_console(self, event: Event, stamp: str) -> str:
        rendered = self._render(None, "", {"timestamp": stamp, **event})
        return visible(str(rendered))  # a line break in a value could forge a line


class _LibraryHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info is not None and record.exc_info[1] is not None:
            fields |= _failure(record.exc_info[1])
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        write(record.getMessage(), **fields)


def _failure(error: BaseException) -> dict[str, Any]:
    """Type, message and innermost frames of an error, without local values."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    where = [f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "error_message": str(error)[:MAX_MESSAGE_CHARACTERS], "frames": where}


def configure(settings: LogSettings, *, sink: LogWriter | None = None, page_url: str | None = None, instance: str = "") -> Log:
    """The log of one process."""
    return Log(settings, sink=sink, page_url=page_url, instance=instance)
