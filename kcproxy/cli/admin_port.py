"""The API of the admin port of a running proxy."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

from kcproxy.errors import KcproxyError
from kcproxy.settings import AddressSettings, Secret

_SECONDS = 5.0
_FOLLOW_SECONDS = 30.0  # the proxy sends something every five seconds
_MAX_BYTES = 64 * 1024 * 1024
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class AdminPortUnreadable(KcproxyError):
    """For the operator: the admin port did not respond, refused, or is something else."""

    kind = "admin-port"


class AdminPort:
    """The API of one admin port."""

    def __init__(self, address: AddressSettings, key: Secret | None) -> None:
        """``key`` is sent if it is given."""
        self.address = address
        self._key = key

    def events(self) -> Iterator[Any]:
        """The data of its event stream, until the proxy ends. Raises AdminPortUnreadable."""
        connection = self._connection(_FOLLOW_SECONDS)
        try:
            connection.request("GET", "/events", headers=self._headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise self._refused(answer.status)
            for line in answer:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        host = _ANY.get(self.address.host or "", self.address.host or "127.0.0.1")
        return http.client.HTTPConnection(host, self.address.port, timeout=seconds)

    def _silent(self, error: Exception) -> AdminPortUnreadable:
        return AdminPortUnreadable(
            f"no response from the admin port {self.address} ({type(error).__name__}); use --admin if it is elsewhere"
        )

    def get(self, path: str) -> Any:
        """The JSON of a resource; that of a 404 too, with a member ``error``. Raises AdminPortUnreadable."""
        connection = self._connection(_SECONDS)
        try:
            connection.request("GET", path, headers=self._headers())
            answer = connection.getresponse()
            body = answer.read(_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise AdminPortUnreadable(
                f"no response from the admin port {self.address} ({type(error).__name__}); use --admin if it is elsewhere"
            ) from error
        finally:
            connection.close()
        return self._read(answer.status, body)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}

    def _read(self, status: int, body: bytes) -> Any:
        """Return the JSON of a response. A 404 for an unknown denial has JSON, too."""
        if status not in {200, 404, 503}:
            raise self._refused(status)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.stranger(f"status {status}") from error
        if status == 503:
            says = found.get("error") if isinstance(found, dict) else None
            raise AdminPortUnreadable(f"{self.address}: {says}") if isinstance(says, str) else self.stranger(f"status {status}")
        return found

    def _refused(self, status: int) -> AdminPortUnreadable:
        if status not in {401, 403}:
            return self.stranger(f"status {status}")
        if self._key is None:
            return AdminPortUnreadable(f"the admin port {self.address} requires the admin key: use --key-file")
        return AdminPortUnreadable(f"the admin port {self.address} rejects this admin key: use --key-file with the file of its own key")

    def stranger(self, what: str) -> AdminPortUnreadable:
        """The error that this is not the admin port of a kcproxy."""
        return AdminPortUnreadable(f"{self.address} is not the admin port of a kcproxy ({what})")
