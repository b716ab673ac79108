"""The plugin of pytest: the fixture ``keycloak_use``. Every run of pytest loads it, so it imports nothing else until a test asks for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from kcproxy.testing.recorder import Recording

KeycloakUse: TypeAlias = "Callable[..., Recording]"


@pytest.fixture
def keycloak_use() -> Iterator[KeycloakUse]:
    """A function that starts a recording proxy before a Keycloak: ``keycloak_use(url, accounts=(), keycloak_version=None)``.

    It gives a ``Recording``: call its ``url`` instead of Keycloak's, then compare ``least()``. The proxies end with the test.
    """
    from kcproxy.testing.recorder import recording  # noqa: PLC0415 - see above

    with ExitStack() as running:
        yield lambda url, **options: running.enter_context(recording(url, **options))
