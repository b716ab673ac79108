"""Load generators: wrk for saturation, and a client for the latency of single requests."""

import re
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.processes import OTHER_CORE, pinned
from bench.scenarios import Scenario

_SCRIPT = """
local number = 0
local token = %s
request = function()
  number = number + 1
  return wrk.format("GET", string.format("%s", number), token)
end
done = function(summary, latency, requests)
  io.write(string.format("COUNTS %%d %%d %%d %%d\\n", summary.requests, summary.duration, summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout, summary.errors.status))
end
"""


CALLER_FIELDS = {
    "User-Agent": "python-requests/2.32.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept": "*/*",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
}
"""The fields that python-keycloak sends in addition to Host and Authorization."""


class LoadError(Exception):
    """A response was not as expected."""


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one run of wrk."""

    requests: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def saturate(port: int, scenario: Scenario, *, seconds: float, token: str | None, folder: Path) -> Load:
    """Send as many requests as possible on keep-alive connections, each with a different path."""
    script = folder / f"{scenario.name}-{'token' if token else 'bare'}.lua"
    fields = CALLER_FIELDS | ({"Authorization": f"Bearer {token}"} if token else {})
    headers = "{" + ", ".join(f'["{name}"] = "{value}"' for name, value in fields.items()) + "}"
    script.write_text(_SCRIPT % (headers, scenario.path))
    command = ["wrk", "-t1", f"-c{scenario.connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    talk = subprocess.run(pinned(OTHER_CORE, command), capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    counts = re.search(r"COUNTS (\d+) (\d+) (\d+) (\d+)", talk)
    refused = int(counts[1]) if counts and scenario.status >= 400 else 0
    if counts is None or int(counts[3]) or not int(counts[1]) or int(counts[4]) != refused:
        raise LoadError(f"wrk on {scenario.name}: {talk}")
    return Load(int(counts[1]), int(counts[2]) / 1e6)


class Caller:
    """One keep-alive connection that measures single requests."""

    def __init__(self, port: int, *, token: str | None, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """Connect. ``fields`` are sent in addition to the usual ones."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = CALLER_FIELDS | ({"Authorization": f"Bearer {token}"} if token else {}) | dict(fields)
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def ask(self, path: str, *, status: int) -> float:
        """Seconds from sending to the last byte. Raises LoadError if the response is not as expected."""
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{self._fields}\r\n".encode()
        began = time.perf_counter()
        self._socket.sendall(request)
        answer = self._socket.recv(1 << 20)
        while b"\r\n\r\n" not in answer or len(answer) < _whole(answer):
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise LoadError("the connection was closed")
            answer += piece
        seconds = time.perf_counter() - began
        if not answer.startswith(b"HTTP/1.1 %d " % status):
            raise LoadError(f"{path}: {answer[:300]!r}")
        return seconds

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _whole(answer: bytes) -> int:
    """The length of a whole response, head and body."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length is None:
        raise LoadError(f"an answer without a length: {head[:300]!r}")
    return len(head) + 4 + int(length[1])
