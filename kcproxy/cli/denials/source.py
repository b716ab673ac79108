"""The sources of ``kcproxy denials``: the admin port of a running proxy, or a history file."""

import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from kcproxy.cli.admin_port import AdminPort, AdminPortUnreadable
from kcproxy.cli.terminal import talk
from kcproxy.errors import KcproxyError
from kcproxy.observe.denials import history
from kcproxy.observe.denials.document import is_whole
from kcproxy.observe.denials.merge import merged
from kcproxy.observe.denials.store import DenialStore

Document = dict[str, Any]
Answer = TypeVar("Answer")

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


class DenialsUnreadable(KcproxyError):
    """For the operator: the file is not a history of denials."""

    kind = "denials"


class Source(Protocol):
    """A source of denials."""

    def groups(self) -> list[Document]:
        """Return all groups, the newest first. Raise DenialsUnreadable or AdminPortUnreadable if that fails."""
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


class RunningProxy(AdminPort):
    """The API of a proxy's admin port."""

    def groups(self) -> list[Document]:
        """Return all groups, the newest first."""
        answer = self.get("/api/denials")
        found = answer.get("denials") if isinstance(answer, dict) else None
        if not isinstance(found, list) or not all(isinstance(group, dict) and group.keys() >= _SHOWN for group in found):
            raise self.stranger("a response with other members")
        return found

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial, or None."""
        found = self.get(f"/api/denials/{quote(denial_id, safe='', errors='replace')}")
        if isinstance(found, dict) and "error" in found:
            return None
        if not is_whole(json.dumps(found).encode()):
            raise self.stranger("a response with other members")
        denial: Document = found
        return denial

    def follow(self) -> Iterator[Document]:
        """Yield groups as they change, until the proxy ends."""
        for groups in self.events():
            yield from groups


class Fleet:
    """The APIs of several admin ports, merged. One that cannot be read is reported, and the others are used."""

    def __init__(self, proxies: Sequence[RunningProxy]) -> None:
        """Names of instances are the addresses of their admin ports."""
        self._proxies = {str(proxy.address): proxy for proxy in proxies}
        self._latest: dict[str, dict[str, Document]] = {name: {} for name in self._proxies}

    def groups(self) -> list[Document]:
        """Return all groups, the newest first. Raise AdminPortUnreadable if no port responds."""
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
            except AdminPortUnreadable as problem:
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
    except AdminPortUnreadable as problem:
        talk(f"kcproxy: {problem}; its denials are no longer followed")
    finally:
        arrived.put((name, None))
