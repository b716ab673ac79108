"""Tries every way with every role, and records the results in a journal, so that a later run can resume."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tools.measure.callers import Callers, accounts_of
from tools.measure.http import Server, Unexpected
from tools.measure.powers import fixtures, ways_clients, ways_further, ways_providers, ways_realm, ways_users
from tools.measure.powers.document import REFUSED_AT_ONCE, WORKS
from tools.measure.powers.intruder import Intruder
from tools.measure.powers.sinks import Sinks
from tools.measure.powers.way import NOT_SHOWN, WAYS, Fruitless, Refused, Way
from tools.measure.run import say
from tools.measure.stage import NOTHING_MORE, Names, Scope, Version, new_realm
from tools.measure.trial import REALM_ADMIN
from tools.measure.workbench import Stand

WAY_MODULES = (fixtures, ways_clients, ways_further, ways_providers, ways_realm, ways_users)
"""Imported for the ways and fixtures they register."""
AT_ONCE = 6
TRY_SECONDS = 240.0
BELIEVED = (WORKS, REFUSED_AT_ONCE, NOT_SHOWN)
"""Outcomes that need not come twice."""
UNDETERMINED = "undetermined"
"""How an outcome begins that says nothing: it is tried again when a run goes on."""


@dataclass(slots=True, kw_only=True)
class Journal:
    """What was tried: one JSON line for each way and role."""

    path: Path
    done: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    left: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def load(self) -> None:
        """Read what an earlier run found out; what it could not determine is tried again."""
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            entry = json.loads(line)
            if "fact" in entry:
                self.facts[entry["fact"]] = entry["value"]
            elif entry["outcome"].startswith(UNDETERMINED):
                self.left[entry["way"], entry["role"]] = entry
            else:
                self.done[entry["way"], entry["role"]] = entry

    def tried(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every try, also those that say nothing."""
        return self.left | self.done

    def add(self, entry: dict[str, Any]) -> None:
        """Note one try."""
        self.done[entry["way"], entry["role"]] = entry
        self._append(entry)

    def note(self, fact: str, value: Any) -> None:
        """Note a fact about the run."""
        self.facts[fact] = value
        self._append({"fact": fact, "value": value})

    def _append(self, entry: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(entry, sort_keys=True) + "\n")


def ways_of(version: Version) -> list[Way]:
    """The ways that a version can have, in a fixed order."""
    return [each for _, each in sorted(WAYS.items()) if version.since(*each.since)]


@dataclass(slots=True, kw_only=True)
class Matrix:
    """One run over a server."""

    server: Server
    version: Version
    names: Names
    sinks: Sinks
    journal: Journal
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def all(self, ways: Sequence[Way]) -> None:
        """Try the ways, several at once; those that listen take turns."""
        fixtures.OUTSIDE[str(self.sinks.provider.port)] = self.sinks.provider
        shared = await self._stand()
        self.journal.note("roles", sorted(set(shared.realm.roles) - {REALM_ADMIN}))
        gate, started, counter = asyncio.Semaphore(AT_ONCE), time.monotonic(), 0

        async def one(each: Way) -> None:
            nonlocal counter
            async with gate:
                await self._way(each, shared)
            counter += 1
            say(f"{counter}/{len(ways)} {time.monotonic() - started:.0f}s {self._line(each)}")

        await asyncio.gather(*(one(each) for each in ways))
        await self._drop(shared)

    def _line(self, each: Way) -> str:
        tried = [entry for (name, _), entry in self.journal.done.items() if name == each.id]
        worked = [entry["role"] for entry in tried if entry["outcome"] == "works"]
        odd = {entry["outcome"] for entry in tried} - {WORKS, REFUSED_AT_ONCE}
        return f"{each.id}: {', '.join(worked) or 'nobody'}" + (f" | {'; '.join(sorted(odd))}" if odd else "")

    async def _way(self, each: Way, shared: Stand) -> None:
        """Every role in turn. What a refused try left unused serves the next; what failed otherwise has to fail in a realm of its own, too."""
        bench: tuple[Stand, Scope] | None = None
        for role in self.journal.facts["roles"]:
            if (each.id, role) in self.journal.done:
                continue
            stand, scope = bench or await self._bench(shared, own=each.own_realm)
            entry = await self._try(each, role, stand, scope)
            if entry["outcome"] not in BELIEVED:
                await self._spend(stand, shared)
                stand, scope = await self._bench(shared, own=True)
                entry = await self._try(each, role, stand, scope)
            self.journal.add(entry)
            bench = (stand, scope) if entry["outcome"] == REFUSED_AT_ONCE else None
            if bench is None:
                await self._spend(stand, shared)
        if bench is not None:
            await self._spend(bench[0], shared)

    async def _bench(self, shared: Stand, *, own: bool) -> tuple[Stand, Scope]:
        stand = await self._stand() if own else shared
        scope = Scope(realm=stand.realm, suffix=self.names.next())
        scope.facts[fixtures.PROVIDER_PORT] = str(self.sinks.provider.port)
        return stand, scope

    async def _spend(self, stand: Stand, shared: Stand) -> None:
        if stand is not shared:
            await self._drop(stand)

    async def _try(self, each: Way, role: str, stand: Stand, scope: Scope) -> dict[str, Any]:
        token = await stand.callers.token(frozenset({role}))
        who = Intruder(stand=stand, scope=scope, token=token, sinks=self.sinks)
        async with self._turn if each.listens else _Open():
            outcome = await _outcome(each.attempt, who)
        return {"way": each.id, "role": role, "outcome": outcome} | ({"calls": who.calls} if outcome == "works" else {})

    async def _stand(self) -> Stand:
        """A realm; once the roles are known, it comes with a service account for each."""
        ready, accounts = accounts_of(self.journal.facts.get("roles", ()))
        realm = await new_realm(
            self.server,
            self.version,
            f"power-{self.names.next()}",
            mail_port=self.sinks.mailbox.port,
            names=self.names,
            features=frozenset(),
            more=accounts if ready else NOTHING_MORE,
        )
        return Stand(realm=realm, callers=Callers(realm=realm, ready=ready), shared=Scope(realm=realm, suffix=self.names.next()))

    async def _drop(self, stand: Stand) -> None:
        await self.server.ask("DELETE", stand.realm.path)


class _Open:
    """A gate that is always open."""

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        return


async def _outcome(attempt: Callable[[Intruder], Awaitable[None]], who: Intruder) -> str:
    """`works`, `403 at call 1`, or why it did not come to an end."""
    try:
        async with asyncio.timeout(TRY_SECONDS):
            await attempt(who)
    except Refused as refused:
        return f"{refused.status} at call {refused.step}"
    except Fruitless as fruitless:
        return str(fruitless)
    except (Unexpected, KeyError) as error:
        return f"{UNDETERMINED}: {error.args[0] if error.args else error}"[:200]
    except (TimeoutError, aiohttp.ClientError) as error:
        return f"{UNDETERMINED}: {type(error).__name__}"
    return WORKS
