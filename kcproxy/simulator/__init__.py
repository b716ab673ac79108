"""A small Keycloak in-process on a real loopback socket, for the demo and for tests without a server.

It keeps realms, clients with service accounts, users, groups and role grants in memory, issues RS256-signed tokens, and refuses or
thins the operations of the Admin REST API as the catalog says. What it does not play it says: 501, with the operation's name.
"""

from kcproxy.simulator.app import SimulatedKeycloak, build
from kcproxy.simulator.dialect import Dialect

__all__ = ["Dialect", "SimulatedKeycloak", "build"]
