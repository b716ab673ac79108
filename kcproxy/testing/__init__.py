"""For tests of other programs: a Keycloak in the test's own process, and the roles that a program's calls need, pinned by a test.

    with simulator() as keycloak, recording(keycloak.url) as recorded:
        ...  # the program calls recorded.url
    assert recorded.least("shop-backend") == {"view-users"}

Without a proxy, ``recording_in_process(keycloak.url)`` records through the middleware. With pytest, the fixture ``keycloak_use`` does both.
docs/testing.md describes them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcproxy.testing.in_process import ProgramRecording, recording_in_process
    from kcproxy.testing.recorded_calls import Recording
    from kcproxy.testing.recorder import ProxyRecording, recording
    from kcproxy.testing.simulated import Simulator, simulator

__all__ = ["ProgramRecording", "ProxyRecording", "Recording", "Simulator", "recording", "recording_in_process", "simulator"]
_MODULES = {
    "ProgramRecording": "in_process",
    "ProxyRecording": "recorder",
    "Recording": "recorded_calls",
    "Simulator": "simulated",
    "recording": "recorder",
    "recording_in_process": "in_process",
    "simulator": "simulated",
}


def __getattr__(name: str) -> Any:
    """Import what is used: every run of pytest loads this package, because of the plugin in it."""
    from importlib import import_module  # noqa: PLC0415 - the same

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
