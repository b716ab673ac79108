"""Real Keycloak servers for live tests: one server for each version, features and options. Each xdist worker has its own servers.

A server that already runs is used where `TEST_KEYCLOAK_26_7_5=http://localhost:18080` (admin/admin) names it; it is taken
for calls without features and options only. Without Java or Maven live tests are skipped, visibly; with `TEST_REQUIRE_KEYCLOAK=1` they fail.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from devkit.realserver import RealServer, fetch_distribution, missing_tools

Start: TypeAlias = Callable[..., "Keycloak"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keycloak:
    """Where a running server is. `home` is a home of the same version, for `bin/kcadm.sh`."""

    version: str
    base_url: str
    admin_username: str
    admin_password: str
    home: Path


@pytest.fixture(scope="session")
def real_keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A function `real_keycloak("26.7.5", features=("scripts",))` → Keycloak; called again it gives the same server."""
    servers: dict[tuple[str, ...], RealServer] = {}
    # Not shared between workers: some tests read lists of all realms, or put realms with fixed names on a server.
    base = tmp_path_factory.getbasetemp()

    def start(version: str, *, features: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Keycloak:
        given = os.environ.get(f"TEST_KEYCLOAK_{version.replace('.', '_')}")
        if given and not features and not options:
            return Keycloak(
                version=version, base_url=given, admin_username="admin", admin_password="admin", home=fetch_distribution(version)
            )
        _require_tools()
        key = (version, *sorted(features), "|", *options)
        if key not in servers:
            servers[key] = RealServer.shared(version, meeting=base, features=features, options=options)
        server = servers[key]
        return Keycloak(
            version=version,
            base_url=server.base_url,
            admin_username=server.admin_username,
            admin_password=server.admin_password,
            home=server.home,
        )

    yield start
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="session")
def keycloak(request: pytest.FixtureRequest, real_keycloak: Start) -> Keycloak:
    """The newest measured version, or the one that `@pytest.mark.parametrize("keycloak", ["24.0.5"], indirect=True)` names."""
    return real_keycloak(getattr(request, "param", "26.7.5"))


@pytest.fixture(scope="session")
def needs_real_keycloak() -> None:
    """For tests that fetch a distribution themselves."""
    _require_tools()


def _require_tools() -> None:
    missing = missing_tools()
    if missing and os.environ.get("TEST_REQUIRE_KEYCLOAK") == "1":
        pytest.fail(f"TEST_REQUIRE_KEYCLOAK=1, but a real Keycloak needs {' and '.join(missing)}")
    if missing:
        pytest.skip(f"a real Keycloak needs {' and '.join(missing)}")
