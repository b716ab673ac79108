"""For tests of other programs: a Keycloak in the test's own process, and the roles that a program's calls need, pinned by a test.

    with simulator() as keycloak, recording(keycloak.url) as recorded:
        ...  # the program calls recorded.url
    assert recorded.least("shop-backend") == {"view-users"}

With pytest, the fixture ``keycloak_use`` does the second part. docs/testing.md describes both.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcproxy.testing.recorder import Recording, recording
    from kcproxy.testing.simulated import Simulator, simulator

__all__ = ["Recording", "Simulator", "recording", "simulator"]
_MODULES = {"Recording": "recorder", "recording": "recorder", "Simulator": "simulated", "simulator": "simulated"}


def __getattr__(name: str) -> Any:
    """Import what is used: every run of pytest loads this package, because of the plugin in it."""
    from importlib import import_module  # noqa: PLC0415 - the same

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
