"""The sources of ``kcproxy denials``: the admin port of a running proxy, or a history file."""

import http.client
import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from kcproxy.cli.terminal import talk
from kcproxy.errors import KcproxyError
from kcproxy.observe.denials import history
from kcproxy.observe.denials.document import is_whole
from kcproxy.observe.denials.merge import merged
from kcproxy.observe.denials.store import DenialStore
from kcproxy.settings import AddressSettings, Secret

Document = dict[str, Any]
Answer = TypeVar("Answer")

_SECONDS = 5.0
_FOLLOW_SECONDS = 30.0  # the proxy sends something every five seconds
_MAX_BYTES = 64 * 1024 * 1024
_MAX_DENIALS = 100_000
_SHOWN = frozenset(
    {
        "id",
        "count",
        "lastAt",
        "resolvedAt",
        "who",
        "what",
        "why",
        "status",
        "path",
        "realm",
        "confidence",
        "missing",
        "summary",
        "group",
        "state",
        "service",
        "changes",
        "hours",
        "firstAt",
    }
)
"""Members of a group that the list needs."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class DenialsUnreadable(KcproxyError):
    """For the operator: the admin port returned no list, or the file is not a history."""

    kind = "denials"


class Source(Protocol):
    """A source of denials."""

    def groups(self) -> list[Document]:
        """Return all groups, the newest first. Raise DenialsUnreadable if that fails."""
        ...

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial, or None."""
        ...


class HistoryFile:
    """An SQLite history, opened for reading only; the proxy may be running."""

    def __init__(self, path: Path) -> None:
        """Read at once."""
        self._store = DenialStore(_MAX_DENIALS)
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
                history.check_format(connection, path)
                self._store.restore(history.read(connection, _MAX_DENIALS), history.kinds(connection))
        except sqlite3.Error as error:
            raise DenialsUnreadable(f"{path} cannot be read as a history of denials: {error}") from error

    def groups(self) -> list[Document]:
        """Return all groups, the newest first."""
        return [group.summary() for group in self._store.groups()]

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial, or None."""
        return self._store.find(denial_id)


class RunningProxy:
    """The API of a proxy's admin port."""

    def __init__(self, address: AddressSettings, key: Secret | None) -> None:
        """``key`` is sent if it is given."""
        self.address = address
        self._key = key

    def groups(self) -> list[Document]:
        """Return all groups, the newest first."""
        answer = self._get("/api/denials")
        found = answer.get("denials") if isinstance(answer, dict) else None
        if not isinstance(found, list) or not all(isinstance(group, dict) and group.keys() >= _SHOWN for group in found):
            raise self._stranger("a response with other members")
        return found

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial, or None."""
        found = self._get(f"/api/denials/{quote(denial_id, safe='', errors='replace')}")
        if isinstance(found, dict) and "error" in found:
            return None
        if not is_whole(json.dumps(found).encode()):
            raise self._stranger("a response with other members")
        denial: Document = found
        return denial

    def follow(self) -> Iterator[Document]:
        """Yield groups as they change, until the proxy ends."""
        connection = self._connection(_FOLLOW_SECONDS)
        try:
            connection.request("GET", "/events", headers=self._headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise self._refused(answer.status)
            for line in answer:
                if line.startswith(b"data: "):
                    yield from json.loads(line.removeprefix(b"data: "))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        host = _ANY.get(self.address.host or "", self.address.host or "127.0.0.1")
        return http.client.HTTPConnection(host, self.address.port, timeout=seconds)

    def _silent(self, error: Exception) -> DenialsUnreadable:
        return DenialsUnreadable(f"no response from the admin port {self.address} ({type(error).__name__}); use --admin if it is elsewhere")

    def _get(self, path: str) -> Any:
        connection = self._connection(_SECONDS)
        try:
            connection.request("GET", path, headers=self._headers())
            answer = connection.getresponse()
            body = answer.read(_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise DenialsUnreadable(
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
            raise self._stranger(f"status {status}") from error
        if status == 503:
            says = found.get("error") if isinstance(found, dict) else None
            raise DenialsUnreadable(f"{self.address}: {says}") if isinstance(says, str) else self._stranger(f"status {status}")
        return found

    def _refused(self, status: int) -> DenialsUnreadable:
        if status not in {401, 403}:
            return self._stranger(f"status {status}")
        if self._key is None:
            return DenialsUnreadable(f"the admin port {self.address} requires the admin key: use --key-file")
        return DenialsUnreadable(f"the admin port {self.address} rejects this admin key: use --key-file with the file of its own key")

    def _stranger(self, what: str) -> DenialsUnreadable:
        return DenialsUnreadable(f"{self.address} is not the admin port of a kcproxy ({what})")


class Fleet:
    """The APIs of several admin ports, merged. One that cannot be read is reported, and the others are used."""

    def __init__(self, proxies: Sequence[RunningProxy]) -> None:
        """Names of instances are the addresses of their admin ports."""
        self._proxies = {str(proxy.address): proxy for proxy in proxies}
        self._latest: dict[str, dict[str, Document]] = {name: {} for name in self._proxies}

    def groups(self) -> list[Document]:
        """Return all groups, the newest first. Raise DenialsUnreadable if no port responds."""
        for name, groups in self._asked(lambda proxy: proxy.groups()).items():
            self._latest[name] = {group["group"]: group for group in groups}
        return merged({name: list(groups.values()) for name, groups in self._latest.items()})

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial from the first instance that has it."""
        return next((found for found in self._asked(lambda proxy: proxy.denial(denial_id)).values() if found is not None), None)

    def follow(self) -> Iterator[Document]:
        """Yield merged groups as they change at any instance, until all have ended."""
        arrived: queue.Queue[tuple[str, Document | None]] = queue.Queue()
        for name, proxy in self._proxies.items():
            threading.Thread(target=_pass_on, args=(name, proxy, arrived), daemon=True).start()
        following = len(self._proxies)
        while following:
            name, group = arrived.get()
            if group is None:
                following -= 1
                continue
            self._latest[name][group["group"]] = group
            yield merged({of: [groups[group["group"]]] for of, groups in self._latest.items() if group["group"] in groups})[0]

    def _asked(self, question: Callable[[RunningProxy], Answer]) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        problems = []
        for name, proxy in self._proxies.items():
            try:
                answers[name] = question(proxy)
            except DenialsUnreadable as problem:
                problems.append(problem)
        if not answers:
            raise problems[0]
        for silent in problems:
            talk(f"kcproxy: {silent}; its denials are not included")
        return answers


def _pass_on(name: str, proxy: RunningProxy, arrived: "queue.Queue[tuple[str, Document | None]]") -> None:
    try:
        for group in proxy.follow():
            arrived.put((name, group))
    except DenialsUnreadable as problem:
        talk(f"kcproxy: {problem}; its denials are no longer followed")
    finally:
        arrived.put((name, None))
