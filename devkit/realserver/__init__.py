"""Real Keycloak servers for measuring and for tests: fetch a distribution, start it in a throw-away folder, and always stop it."""

from devkit.realserver.distribution import MissingToolError, RealServerError, fetch_distribution, missing_tools
from devkit.realserver.server import RealServer

__all__ = ["MissingToolError", "RealServer", "RealServerError", "fetch_distribution", "missing_tools"]
