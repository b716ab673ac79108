"""Makes calls through the instances, and counts each one with its response."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tools.dashboards.day.fleet import Instance
from tools.dashboards.day.ledger import Call, Ledger


@dataclass(frozen=True, slots=True)
class Service:
    """A call that a service makes. ``account``: the label of the account whose token the proxy adds; None: it brings its own, or ``token``."""

    client: str
    realm: str
    operation: str
    account: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    body_seconds: float = 0.0
    token: str | None = None

    @property
    def method(self) -> str:
        """The request method."""
        return self.operation.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path of the request."""
        path = self.operation.partition(" ")[2].replace("{realm}", self.realm)
        for name, value in self.values.items():
            path = path.replace(f"{{{name}}}", value)
        return path


@dataclass(slots=True, kw_only=True)
class Caller:
    """Sends calls to the instances in turn, as a load balancer does."""

    session: aiohttp.ClientSession
    ledger: Ledger
    instances: list[Instance]
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _turn: Iterator[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def without(self, instance: Instance) -> AsyncIterator[None]:
        """Send nothing to an instance."""
        self.instances.remove(instance)
        try:
            yield
        finally:
            self.instances.append(instance)

    async def call(self, service: Service, instance: Instance | None = None) -> None:
        """Make one call and count it."""
        chosen = instance or self.instances[next(self._turn) % len(self.instances)]
        headers = {"Content-Type": "application/json"} if service.body else {}
        if service.account is None:
            headers["Authorization"] = f"Bearer {service.token or self.tokens[service.realm, service.client]}"
        began = time.time()
        data = _slowly(service.body, service.body_seconds) if service.body and service.body_seconds else service.body
        async with self.session.request(service.method, chosen.url + service.path, headers=headers, data=data) as answer:
            body = await answer.read()
            denial = _explanation(answer.status, body)
            self.ledger.calls.append(
                Call(
                    began=began,
                    ended=time.time(),
                    instance=chosen.name,
                    caller=f"{service.realm}/{service.client}",
                    account=service.account,
                    operation=service.operation,
                    realm=service.realm,
                    status=answer.status,
                    sent_bytes=len(body),
                    received_bytes=len(service.body or b""),
                    is_empty=body == b"[]",
                    error=answer.headers.get("Kcproxy-Error"),
                    **denial,
                )
            )


async def _slowly(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    yield body[:5]
    await asyncio.sleep(seconds)
    yield body[5:]


def _explanation(status: int, body: bytes) -> dict[str, Any]:
    """What the response says of a denial."""
    if status not in {401, 403}:
        return {}
    found = json.loads(body).get("explanation")
    if found is None:
        return {}
    return {
        "cause": found["cause"],
        "role": "+".join(found["missing"]) or "none",
        "client": found["caller"]["clientId"] or "none",
        "confidence": found["confidence"],
    }
