"""When settings are to be read again: on SIGHUP, and when a watched file changes."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from kcproxy.settings import Settings
from kcproxy.settings.file_stamps import stamps

LOOK_SECONDS = 0.4
"""How often the files are looked at. A change counts once it has been seen twice: an editor or a copy may still be writing."""
LONGEST_UNREST_SECONDS = 4.0
"""A file that changes all the time is read nevertheless, this long after it was first seen changed."""


class WatchedFiles:
    """The files whose change calls for a reload, and how they were when they were last read."""

    def __init__(self, files: Callable[[Settings], Sequence[Path]], settings: Settings) -> None:
        """``files`` names them for any settings; they have just been read for ``settings``."""
        self._files = files
        self._known = stamps(files(settings))

    def reading(self) -> None:
        """They are about to be read, for any reason: what they hold now is no change any more."""
        self._known = stamps(tuple(self._known))

    def follow(self, settings: Settings) -> None:
        """From now on those of these settings."""
        self._known = {file: self._known.get(file, found) for file, found in stamps(self._files(settings)).items()}

    async def watch(self, changed: Callable[[], None], *, look_seconds: float = LOOK_SECONDS) -> None:
        """Call ``changed`` once for each change, when the files have come to rest. Until cancelled."""
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
