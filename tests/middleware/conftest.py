"""One simulated Keycloak, one recording server, and explainers that end with their test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kcproxy.middleware import RefusalExplainer
from kcproxy.testing import Simulator, simulator
from tests.middleware.server import Server, recording_server


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def server() -> Iterator[Server]:
    with recording_server() as running:
        yield running


@pytest.fixture
def explainers() -> Iterator[Callable[..., RefusalExplainer]]:
    made: list[RefusalExplainer] = []

    def make(**options: Any) -> RefusalExplainer:
        made.append(RefusalExplainer(**options))
        return made[-1]

    yield make
    for explainer in made:
        explainer.close()
