"""The reload policy: which files are watched, when a change counts, which settings a running process takes.

Which settings need a restart, and which files are watched, is declared with each setting (``settings.model``). docs/reload.md describes
what a reload keeps.
"""

import asyncio
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kcproxy.errors import KcproxyError, SettingsError
from kcproxy.settings import Settings
from kcproxy.settings.declaration import Change, Content
from kcproxy.settings.file_stamps import stamps
from kcproxy.settings.schema import FILES, SETTINGS, value_of
from kcproxy.settings.sources import config_file

Reload = Callable[[], Settings]
"""Reads the settings again. Raises SettingsError if they cannot be used."""

LOOK_SECONDS = 0.4
"""Interval at which the files are looked at. A change counts when it has been seen twice: an editor or a copy may still be writing."""
LONGEST_UNREST_SECONDS = 4.0
"""A file that changes all the time is read this long after its first change."""


def needs_restart(started: Settings, settings: Settings) -> list[str]:
    """Keys of the settings that differ from those of the start and that only a restart applies."""
    tls_switched = (settings.inbound.tls_certificate_file is None) != (started.inbound.tls_certificate_file is None)
    restarts = {Change.RESTART, Change.RESTART_TO_SWITCH_TLS} if tls_switched else {Change.RESTART}
    keys = (setting.key for setting in SETTINGS if setting.change in restarts)
    return [key for key in keys if value_of(settings, key) != value_of(started, key)]


def acceptable(started: Settings, settings: Settings) -> Settings:
    """Settings that were read again, if the running process may take them. Raises SettingsError otherwise.

    Listeners stay open as they were at start. Whether accounts may be used was checked against the new ``listen`` and ``inbound``, so
    these must be the ones in force.
    """
    if settings.accounts and (settings.listen, settings.inbound) != (started.listen, started.inbound):
        what = f"listen or inbound were changed, but this process still listens on {started.listen} as it did at start"
        raise SettingsError([f"listen: {what}; restart it, so that only those who may use the accounts reach them"])
    return settings


def watched_files(config: Path | None, environ: Mapping[str, str], settings: Settings) -> tuple[Path, ...]:
    """The configuration file, if there is one, and the files of these settings whose changed content calls for a reload."""
    own = config_file(config, environ)
    named = (value_of(settings, key) for key, use in FILES.items() if use.content is Content.WATCHED)
    return (*(() if own is None else (own,)), *(path for path in named if isinstance(path, Path)))


def problems_of(error: Exception) -> Iterator[str]:
    """Why a reload was refused. Of an unexpected error only its type and location: its text could quote a file of secrets."""
    if isinstance(error, SettingsError):
        yield from error.problems
    elif isinstance(error, KcproxyError | OSError):
        yield str(error)
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        location = f"{Path(frame.filename).name}:{frame.lineno}"
        yield f"the settings could not be read again: {type(error).__name__} at {location}; this is a bug in kcproxy, please report it"


class WatchedFiles:
    """The files whose change calls for a reload, and their stamps when they were last read."""

    def __init__(self, files: Callable[[Settings], Sequence[Path]], settings: Settings) -> None:
        """``files`` gives them for any settings. They have just been read for ``settings``."""
        self._files = files
        self._known = stamps(files(settings))

    def reading(self) -> None:
        """Note that the files are about to be read: their present content no longer counts as a change."""
        self._known = stamps(tuple(self._known))

    def follow(self, settings: Settings) -> None:
        """Watch the files of these settings from now on."""
        self._known = {file: self._known.get(file, found) for file, found in stamps(self._files(settings)).items()}

    async def watch(self, changed: Callable[[], None], *, look_seconds: float = LOOK_SECONDS) -> None:
        """Call ``changed`` once for each change, when the files are at rest. Runs until cancelled."""
        looks_at_most = round(LONGEST_UNREST_SECONDS / look_seconds)
        before, looks = self._known, 0
        while True:
            await asyncio.sleep(look_seconds)
            found = stamps(tuple(self._known))
            looks = 0 if found == self._known else looks + 1
            if looks and (found == before or looks >= looks_at_most):
                looks = 0
                self._known = found
                changed()
            before = found
