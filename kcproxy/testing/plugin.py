"""The plugin of pytest: the fixture ``keycloak_use``. Every run of pytest loads it, so it imports nothing else until a test asks for it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kcproxy.testing.in_process import ProgramRecording
    from kcproxy.testing.recorder import ProxyRecording


class KeycloakUse:
    """Starts recordings, which end with the test: through a proxy, or through the middleware in the test's own process."""

    def __init__(self, running: ExitStack) -> None:
        """``running`` ends the proxies."""
        self._running = running

    def __call__(self, url: str, **options: Any) -> "ProxyRecording":
        """Start a recording proxy before the Keycloak at ``url``. ``options``: those of ``kcproxy.testing.recording``."""
        from kcproxy.testing.recorder import recording  # noqa: PLC0415 - see above

        return self._running.enter_context(recording(url, **options))

    def in_process(self, url: str, *, keycloak_version: str | None = None) -> "ProgramRecording":
        """Record without a proxy: give the ``explainer`` of the result to the middleware of the client library."""
        from kcproxy.testing.in_process import recording_in_process  # noqa: PLC0415 - see above

        return recording_in_process(url, keycloak_version=keycloak_version)


@pytest.fixture
def keycloak_use() -> Iterator[KeycloakUse]:
    """A function that starts a recording proxy before a Keycloak: ``keycloak_use(url, accounts=(), keycloak_version=None)``.

    It gives a ``ProxyRecording``: call its ``url`` instead of Keycloak's, then compare ``least()``. The proxies end with the test.
    ``keycloak_use.in_process(url)`` records through the middleware instead.
    """
    with ExitStack() as running:
        yield KeycloakUse(running)
