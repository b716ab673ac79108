"""Keycloak's own CPU time for the small GET, for ``python -m bench --keycloak-cpu``:

    python -m devkit.realserver run 26.7.4 -- python -m bench.keycloak_cost

It runs beside the server that this command line starts, finds its process, and makes a realm of its own.
"""

import http.client
import json
import os
import statistics
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from bench.processes import family, usage

CALLS_A_PORTION = 500
WARMING_PORTIONS = 8
MEASURED_PORTIONS = 7
REALM = "bench-cost"


class Admin:
    """One keep-alive connection with the administrator's token."""

    def __init__(self, url: str) -> None:
        """Log in with the credentials of the environment."""
        parts = urllib.parse.urlsplit(url)
        self._base = parts.path.rstrip("/")
        self._connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 80, timeout=120)
        self._fields: dict[str, str] = {}
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": os.environ.get("KEYCLOAK_ADMIN_USERNAME", "admin"),
            "password": os.environ.get("KEYCLOAK_ADMIN_PASSWORD", "admin"),
        }
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        token = self._ask("POST", "/realms/master/protocol/openid-connect/token", urllib.parse.urlencode(form), fields)
        self._fields = {"Authorization": "Bearer " + json.loads(token)["access_token"], "Content-Type": "application/json"}

    def ask(self, method: str, path: str, document: Any = None) -> bytes:
        """Send a request that has to succeed. Returns the body of the response."""
        return self._ask(method, path, None if document is None else json.dumps(document), self._fields)

    def _ask(self, method: str, path: str, body: str | None, fields: dict[str, str]) -> bytes:
        self._connection.request(method, self._base + path, body, fields)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content


def server_process() -> int:
    """The process id of Keycloak, started by the parent process."""
    for pid in family(os.getppid()):
        if Path(f"/proc/{pid}/comm").read_text().strip() == "java":
            return pid
    raise RuntimeError("no Keycloak found beside this process; start it with devkit.realserver")


def main() -> int:
    """Print CPU microseconds for each request."""
    url = os.environ["KEYCLOAK_URL"]
    server = server_process()
    admin = Admin(url)
    admin.ask("POST", "/admin/realms", {"realm": REALM, "enabled": True})
    admin = Admin(url)  # a token from before the realm lacks its roles
    for number in range(20):
        admin.ask(
            "POST", f"/admin/realms/{REALM}/users", {"username": f"user-{number}", "enabled": True, "email": f"user-{number}@example.org"}
        )
    users = [user["id"] for user in json.loads(admin.ask("GET", f"/admin/realms/{REALM}/users"))]
    costs = [
        _cost(Admin(url), server, users) for _ in range(WARMING_PORTIONS + MEASURED_PORTIONS)
    ]  # each logs in, because tokens live for a minute
    print(f"{statistics.median(costs[WARMING_PORTIONS:]):.0f}")
    return 0


def _cost(admin: Admin, server: int, users: list[str]) -> float:
    """CPU microseconds for each request of one series, without the login."""
    before = usage(server).cpu_microseconds
    for place in range(CALLS_A_PORTION):
        admin.ask("GET", f"/admin/realms/{REALM}/users/{users[place % len(users)]}")
    return (usage(server).cpu_microseconds - before) / CALLS_A_PORTION


if __name__ == "__main__":
    sys.exit(main())
