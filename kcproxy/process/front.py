"""What a process serves in addition to its admin port: the listeners for requests, and how they begin, take new settings, and end."""

from collections.abc import Callable, Mapping
from typing import Protocol

from kcproxy.observe.observer import LiveObserver
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import Settings


class Front(Protocol):
    """Listeners for requests. ``process.serve`` calls its methods in the order in which they are listed here."""

    max_lookup_seconds: float
    """Limit for the look-ups of one refusal, below that of the inspector."""

    def bind(self) -> None:
        """Open the sockets. Raises SettingsError if one cannot be opened; then none stays open."""
        ...

    def unbind(self) -> None:
        """Close the sockets, because the process ends before ``open``."""
        ...

    async def open(self, runtime: Runtime, observer: LiveObserver) -> None:
        """Create everything that serves. Raises SettingsError if TLS files cannot be used."""
        ...

    async def start(self) -> None:
        """Begin to accept."""
        ...

    def log_limits(self) -> None:
        """Log limits that are lower than the settings say."""
        ...

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where it listens, for the log."""
        ...

    def reading(self, settings: Settings) -> Callable[[Runtime], None]:
        """Read everything that new settings need, before anything is changed. Raises SettingsError.

        The result takes a runtime for them, and uses both for further requests.
        """
        ...

    async def drain(self, seconds: float) -> None:
        """Finish the requests in progress, for at most this long."""
        ...

    async def close(self) -> None:
        """Close the listeners. Also called if ``start`` or ``drain`` failed."""
        ...
