"""The denials of other instances, from their admin ports: no database is needed, and a peer that does not respond is left out and named.

An instance is asked only for its own denials, so that peers do not ask each other in circles. Who may see the page is as for one instance: a
peer shows its denials only to its own admin key, which has to be the same one.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from kcproxy.observe.denials.document import Document, is_whole
from kcproxy.observe.denials.merge import merged
from kcproxy.observe.denials.subscriptions import Subscriptions
from kcproxy.settings.values import AddressSettings, Secret

ASK_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_PEERS = 64
OWN = "own"
"""Query of a request for the denials of one instance only."""
_GROUP_PARTS = frozenset(
    {"group", "id", "count", "firstAt", "lastAt", "resolvedAt", "who", "service", "what", "why", "status", "method", "path", "realm"}
    | {"client", "state", "changes", "hours", "confidence", "missing", "summary"}
)


class Fleet:
    """The peers of one instance, and what they last said."""

    def __init__(self, peers: Sequence[AddressSettings], key: Secret | None, live: Subscriptions, *, name: str, process: str) -> None:
        """``name`` is that of this instance. ``live`` is notified of what changes at a peer.

        ``process`` identifies this one, which finds itself among the addresses of a headless service.
        """
        self._peers = peers
        self._key = key
        self._live = live
        self._process = process
        self._name = name or "this instance"
        self._lists: dict[str, dict[str, Document]] = {}
        self._session: aiohttp.ClientSession | None = None
        self.silent: tuple[str, ...] = ()
        """Addresses that did not respond when they were asked last."""

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """Ask the peers while the application runs."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False, auto_decompress=False) as session:
            self._session = session
            asking = asyncio.create_task(self._ask_for_ever())
            yield
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            self._session = None

    def merged(self, own: Sequence[Document]) -> list[Document]:
        """The list of all instances."""
        return merged({self._name: own, **{name: list(groups.values()) for name, groups in self._lists.items()}})

    def one(self, own: Document | None, group: str) -> Document | None:
        """One kind, from all instances."""
        lists = {name: [groups[group]] for name, groups in self._lists.items() if group in groups}
        found = merged({**({} if own is None else {self._name: [own]}), **lists})
        return found[0] if found else None

    async def denial(self, denial_id: str) -> Document | None:
        """A denial that another instance stores."""
        for address in await self._addresses():
            found = await self._get(address, f"/api/denials/{denial_id}?{OWN}=1")
            if isinstance(found, dict) and is_whole(json.dumps(found).encode()):
                return found
        return None

    async def _ask_for_ever(self) -> None:
        while True:
            await self._ask()
            await asyncio.sleep(ASK_SECONDS)

    async def _ask(self) -> None:
        addresses = await self._addresses()
        answers = await asyncio.gather(*(self._get(address, f"/api/denials?{OWN}=1") for address in addresses))
        lists: dict[str, dict[str, Document]] = {}
        silent = []
        for address, answer in zip(addresses, answers, strict=True):
            groups = _groups(answer)
            if groups is None:
                silent.append(address)
                lists[address] = self._lists.get(address, {})
            elif answer["process"] != self._process:
                lists[str(answer.get("instance") or address)] = groups
        changed = [name for of, groups in lists.items() for name, group in groups.items() if self._lists.get(of, {}).get(name) != group]
        self._lists, self.silent = lists, tuple(silent)
        for name in changed:
            self._live.changed(name)

    async def _addresses(self) -> list[str]:
        """Each peer; a name with several addresses is several peers."""
        found: dict[str, None] = {}
        for peer in self._peers:
            try:
                infos = await asyncio.get_running_loop().getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
            except OSError:
                found[str(peer)] = None
            else:
                found |= dict.fromkeys(str(AddressSettings(host=str(info[4][0]), port=peer.port)) for info in infos)
        return list(found)[:MAX_PEERS]

    async def _get(self, address: str, path: str) -> Any:
        """The JSON of a response; None if there is none."""
        if self._session is None:
            return None
        try:
            headers = {"Authorization": f"Bearer {self._key.reveal()}"} if self._key is not None else {}
            async with self._session.get(f"http://{address}{path}", headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    return None
                body = await answer.content.read(MAX_BODY_BYTES + 1)
                while not answer.content.at_eof() and len(body) <= MAX_BODY_BYTES:
                    body += await answer.content.read(MAX_BODY_BYTES)
                return json.loads(body) if len(body) <= MAX_BODY_BYTES else None
        except (aiohttp.ClientError, OSError, ValueError, RecursionError, TimeoutError):
            return None


def _groups(answer: Any) -> dict[str, Document] | None:
    """The groups of a response; None if it is not that of an admin port."""
    groups = answer.get("denials") if isinstance(answer, dict) and isinstance(answer.get("process"), str) else None
    if not isinstance(groups, list) or not all(isinstance(group, dict) and group.keys() >= _GROUP_PARTS for group in groups):
        return None
    return {str(group["group"]): group for group in groups}


FLEET: web.AppKey[Fleet | None] = web.AppKey("fleet")
"""The other instances; None if there are none."""


def is_for_one(query: Mapping[str, str]) -> bool:
    """Whether a request asks for the denials of this instance only."""
    return OWN in query
