"""Plain blocking calls to a Keycloak, one at a time."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60.0
ACCEPT = "application/json, */*;q=0.5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status, the last part of the Location, and the parsed JSON (or None)."""

    status: int
    made: str = ""
    body: Any = None


@dataclass(slots=True, kw_only=True)
class Keycloak:
    """One server, reached over one connection."""

    base_url: str
    admin_token: str = ""
    calls: int = 0
    _connection: http.client.HTTPConnection | None = field(default=None)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def send(self, method: str, path: str, *, token: str = "", data: bytes | None = None, media_type: str = "application/json") -> Reply:
        """One call; once more on a new connection where the server closed the old one."""
        headers = {"Accept": ACCEPT} | ({"Authorization": f"Bearer {token}"} if token else {})
        headers |= {"Content-Type": media_type} if data is not None else {}
        for last in (False, True):
            try:
                return self._once(method, path, data, headers)
            except (http.client.HTTPException, ConnectionError):
                self.close()
                self._connection = None
                if last:
                    raise
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=TIMEOUT_SECONDS)
        self.calls += 1
        self._connection.request(method, path, body=data, headers=dict(headers))
        response = self._connection.getresponse()
        raw = response.read()
        made = (response.getheader("Location") or "").rstrip("/").rsplit("/", 1)[-1]
        return Reply(status=response.status, made=made, body=_parsed(raw))

    def token(self, realm: str, **fields: str) -> str:
        """An access token. Raises KeyError if it is refused."""
        reply = self.send(
            "POST",
            f"/realms/{realm}/protocol/openid-connect/token",
            data=urlencode(fields).encode(),
            media_type="application/x-www-form-urlencoded",
        )
        return str(reply.body["access_token"])

    def log_in(self) -> None:
        """A new token of the server's administrator (admin/admin)."""
        self.admin_token = self.token("master", client_id="admin-cli", grant_type="password", username="admin", password="admin")

    def admin(self, method: str, path: str, value: Any = None) -> Reply:
        """As administrator; their token lives a minute and is renewed once if it is too old. Raises RuntimeError if it does not succeed."""
        data = json.dumps(value).encode() if value is not None else None
        reply = self.send(method, path, token=self.admin_token, data=data)
        if reply.status == 401:
            self.log_in()
            reply = self.send(method, path, token=self.admin_token, data=data)
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {reply.status} {reply.body}")
        return reply


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
