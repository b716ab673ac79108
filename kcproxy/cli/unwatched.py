"""The observer of commands that fetch tokens only to check whether that works."""

from kcproxy.model import Explanation, Target
from kcproxy.observe.events import RequestRecord
from kcproxy.server.events import Direction, Slowness


class SilentObserver:
    """``Observer`` that ignores all events."""

    def request_started(self) -> None:
        """Nothing."""

    def request_finished(self, record: RequestRecord) -> None:
        """Nothing."""

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        """Nothing."""

    def response_reduced(self, target: Target, notice: str) -> None:
        """Nothing."""

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        """Nothing."""

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        """Nothing."""

    def token_replaced(self, account: str) -> None:
        """Nothing."""

    def upstream_failed(self, kind: str) -> None:
        """Nothing."""

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """Nothing."""

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        """Nothing."""

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        """Nothing."""

    def awaits(self, target: Target) -> bool:  # noqa: ARG002 - the protocol's
        """Never."""
        return False

    def settings_reloaded(self, *, successful: bool) -> None:
        """Nothing."""
