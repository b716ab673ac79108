"""Real Keycloak servers for measuring and for tests: fetch a distribution, start it in a throw-away folder, and always stop it."""

from devkit.realserver.distribution import MissingToolError, RealServerError, fetch_distribution, missing_tools
from devkit.realserver.server import LONG_RUN, RealServer

__all__ = ["LONG_RUN", "MissingToolError", "RealServer", "RealServerError", "fetch_distribution", "missing_tools"]
