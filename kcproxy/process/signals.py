"""Signals that a process handles in its event loop, on systems whose event loops cannot as well (Windows)."""

import asyncio
import signal
from collections.abc import Callable


def on_signal(loop: asyncio.AbstractEventLoop, name: str, call: Callable[[], object]) -> None:
    """Call ``call`` in the loop if the signal arrives. A signal that the system does not have (SIGHUP on Windows) is left out."""
    number = getattr(signal, name, None)
    if number is None:
        return
    try:
        loop.add_signal_handler(number, call)
    except NotImplementedError:  # Windows: asyncio has no signal handlers there
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(call))
