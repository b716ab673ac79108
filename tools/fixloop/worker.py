"""One worker of the loop: a kcproxy process and a client in each realm. It makes one call at a time."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.fixloop.account import Account
from tools.fixloop.proxy import Proxy
from tools.measure.callers import Callers
from tools.measure.http import Answer, Server
from tools.measure.stage import Realm, Scope, new_realm
from tools.measure.workbench import Request, Sender, Stage, Stand

OWN_REALMS = 3
"""How many realm names a worker has for realms that a call may delete. One is in use at a time."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """`process` is the kcproxy process, `proxy` a client of its data port, `page` of its admin port, and `stage` has the server's realms.

    `own_names` are realms that are created when a call needs one. kcproxy has an account for each.
    """

    stage: Stage
    process: Proxy
    proxy: Server
    page: Server
    client_id: str
    own_names: Sequence[str]
    accounts: dict[str, Account] = field(default_factory=dict)
    last: Answer | None = None
    asked: str = ""
    """Path and query of the last call."""
    _next_own: Iterator[str] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        """Realms that may be deleted are the worker's own."""
        self._next_own = itertools.cycle(self.own_names)
        self.stage = Stage(read=self.stage.read, objects=self.stage.objects, alone=self.stage.alone, realm_maker=self._own)

    async def _own(self) -> Stand:
        """A new realm under the next of the worker's names."""
        name, pattern = next(self._next_own), self.stage.read.realm
        await pattern.server.ask("DELETE", f"/admin/realms/{name}")
        self.accounts.pop(name, None)
        realm = await new_realm(
            pattern.server, pattern.version, name, mail_port=pattern.mail_port, names=pattern.names, features=pattern.features
        )
        return Stand(realm=realm, callers=Callers(realm=realm), shared=Scope(realm=realm, suffix=pattern.names.next()))

    async def account(self, realm: Realm) -> Account:
        """The worker's account in a realm; a new one, if this operation has none there yet."""
        if realm.name not in self.accounts:
            account = Account(realm=realm, client_id=self.client_id)
            await account.renew()
            self.accounts[realm.name] = account
        return self.accounts[realm.name]

    async def denial(self) -> Mapping[str, Any]:
        """The explanation of the last response, from the admin port. Empty if there is none."""
        name = self.last.headers.get("kcproxy-denial-id", "") if self.last else ""
        found = (await self.page.call("GET", f"/api/denials/{name}")).body if name else None
        return dict(found["explanation"]) if isinstance(found, dict) and "explanation" in found else {}

    async def clear(self) -> None:
        """Delete the accounts of this call, and make the proxy drop their tokens."""
        for name, account in list(self.accounts.items()):
            del self.accounts[name]
            if name not in self.own_names:
                await account.remove()
        await self.process.reload()

    async def injected(self, stand: Stand, request: Request) -> Answer:
        """A call without a token: the proxy injects that of the account."""
        await self.account(stand.realm)
        return await self._through(request)

    async def brought(self, stand: Stand, request: Request) -> Answer:
        """A call with a token that the account fetched, for operations of no single realm. The token is kept until a fix asks for a new one."""
        account = await self.account(stand.realm)
        account.brought = account.brought or await account.token(self.proxy)
        return await self._through(request, account.brought)

    def holding(self, roles: Iterable[str]) -> Sender:
        """Calls with a new token of the account, which holds exactly these roles. Older versions read roles from the token."""
        wanted = frozenset(roles)

        async def send(stand: Stand, request: Request) -> Answer:
            account = await self.account(stand.realm)
            await account.hold(wanted)
            return await self._through(request, await account.token(self.proxy))

        return send

    async def _through(self, request: Request, token: str = "") -> Answer:
        self.asked = f"{request.path}?{request.query}" if request.query else request.path
        self.last = await self.proxy.call(
            request.method, request.path, token=token, query=request.query, body=request.body, accept=request.accept
        )
        return self.last
