"""A small Keycloak in-process on a real loopback socket, for the demo and for tests without a server.

It has realms, clients with service accounts, users, groups and role grants in memory, issues RS256-signed tokens, and refuses or
reduces responses of the Admin REST API according to the catalog. For operations that it does not implement, it responds with 501.
"""

from kcproxy.simulator.app import SimulatedKeycloak, build
from kcproxy.simulator.dialect import Dialect

__all__ = ["Dialect", "SimulatedKeycloak", "build"]
