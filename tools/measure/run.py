"""One measurement: stage, all operations, journal."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.measure import fixtures, fixtures_clients, fixtures_realm
from tools.measure.behind import Features
from tools.measure.callers import Callers, Kind, MasterRoles
from tools.measure.http import Answer, Server, Unexpected
from tools.measure.judge import Seen
from tools.measure.rich import RICH
from tools.measure.sets import RoleSet
from tools.measure.spec import PARAMETER, Operation, Place, Spec
from tools.measure.specs import BODIES, EARLIER, SPECS
from tools.measure.stage import Names, Scope, Version, new_realm
from tools.measure.trial import REALM_ADMIN, Bar, Finding, Undetermined, baseline, find
from tools.measure.variants import ADMIN_ROLE_VARIANT, REPRESENTATIVES, VARIANTS
from tools.measure.workbench import Stage, Stand, Workbench, place_of

OPERATIONS = Path(__file__).with_name("operations")
AT_ONCE = 6
CLOSED = (401, 403)
"""How not even realm-admin is allowed."""
TRIAL_SECONDS = 900.0
LEFT_REALM = re.compile(r"(read|objects|alone|own|new)-z[0-9a-z]{5}z")
OWN_REALM = re.compile(r"\b(read|objects|alone|own)-z[0-9a-z]{5}z\b")
BUILDER_MODULES = (fixtures, fixtures_clients, fixtures_realm)
"""Imported for the builders they register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One trial to do: an operation called in one way."""

    operation: Operation
    spec: Spec

    @property
    def key(self) -> str:
        """What names it in the journal."""
        return f"{self.operation.key} #{self.spec.variant}" if self.spec.variant else self.operation.key


def operations_of(version: str) -> list[Operation]:
    """The operations the enumeration found."""
    listed = json.loads((OPERATIONS / f"{version}.json").read_text())["operations"]
    return [
        Operation(
            method=item["method"],
            path=item["path"],
            handler=item["handler"],
            body=item.get("body", ""),
            consumes=tuple(item.get("consumes", ())),
            features=tuple(item.get("features", ())),
        )
        for item in listed
    ]


def spec_of(operation: Operation, version: Version) -> Spec:
    """How an operation is called."""
    name = f"{operation.method} {operation.short}"
    if name in EARLIER and not version.since(*EARLIER[name].until):
        return EARLIER[name]
    handler = operation.handler.partition("#")[2]
    for table, key in ((SPECS, f"{name} {handler}"), (BODIES, f"{name} {operation.body}"), (SPECS, name)):
        if key in table:
            return table[key]
    return _BY_SHAPE.get(_shape(name.replace("client-templates", "client-scopes")), Spec())


def _shape(name: str) -> str:
    """A name without those of its path parameters, which change from version to version."""
    return PARAMETER.sub("{}", name)


_BY_SHAPE = {_shape(name): spec for name, spec in SPECS.items()}


def tasks_of(version: Version, pattern: str = "") -> list[Task]:
    """All trials of a version: each operation plainly, then its variants."""
    tasks: list[Task] = []
    features = Features(version.text)
    for operation in operations_of(version.text):
        needed = features.needed(operation)
        specs = [spec_of(operation, version), *VARIANTS.get(f"{operation.method} {operation.short}", ())]
        tasks += [
            Task(operation=operation, spec=replace(spec, features=needed))
            for spec in specs
            if version.since(*spec.since) and not version.since(*spec.until)
        ]
    return [task for task in tasks if re.search(pattern, task.key)]


def admin_roles_named(spec: Spec) -> list[str]:
    """The roles of realm-management that a variant is about: a version may lack some."""
    return [spec.variant.removeprefix(ADMIN_ROLE_VARIANT)] if spec.variant.startswith(ADMIN_ROLE_VARIANT) else []


@dataclass(slots=True, kw_only=True)
class Journal:
    """Finished trials, one JSON line each, so that a run can go on if it stopped."""

    path: Path
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What an earlier run could not determine."""
    facts: dict[str, Any] = field(default_factory=dict)

    def load(self) -> None:
        """Read what an earlier run finished. What it could not determine is tried again."""
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                entry = json.loads(line)
                if "fact" in entry:
                    self.facts[entry["fact"]] = entry["value"]
                elif "undetermined" not in entry:
                    self.done[entry["key"]] = entry
                    self.left.pop(entry["key"], None)
                else:
                    self.done.pop(entry["key"], None)
                    self.left[entry["key"]] = entry

    def roles_matter(self, operation: Operation) -> bool:
        """Whether a role of realm-management needs other roles here than an ordinary role does."""
        plain = self.done.get(operation.key, {}).get("anyOf")
        tried = [self.done.get(f"{operation.key} #{ADMIN_ROLE_VARIANT}{role}", {}) for role in REPRESENTATIVES]
        return any("anyOf" in entry and entry["anyOf"] != plain for entry in tried)

    def lacks(self, task: Task) -> bool:
        """Whether a task is still to do: not where its role does not exist, or if single roles are known to make no difference."""
        if task.key in self.done:
            return False
        named = admin_roles_named(task.spec)
        if not named or "roles" not in self.facts:
            return True
        if named[0] not in self.facts["roles"]:
            return False
        every_tried = all(f"{task.operation.key} #{ADMIN_ROLE_VARIANT}{role}" in self.done for role in REPRESENTATIVES)
        return named[0] in REPRESENTATIVES or not every_tried or self.roles_matter(task.operation)

    def add(self, entry: dict[str, Any]) -> None:
        """Note a finished trial."""
        self.done[entry["key"]] = entry
        self._append(entry)

    def note(self, fact: str, value: Any) -> None:
        """Note a fact about the version or the run."""
        self.facts[fact] = value
        self._append({"fact": fact, "value": value})

    def _append(self, entry: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(entry, sort_keys=True) + "\n")


@asynccontextmanager
async def stage_on(server: Server, version: Version, *, mail_port: int, names: Names, features: frozenset[str]) -> AsyncIterator[Stage]:
    """Build the stage on a running server."""

    async def stand(kind: str) -> Stand:
        realm = await new_realm(server, version, f"{kind}-{names.next()}", mail_port=mail_port, names=names, features=features)
        return Stand(realm=realm, callers=Callers(realm=realm), shared=Scope(realm=realm, suffix=names.next()))

    async def own() -> Stand:
        return await stand("own")

    await swept(server)
    read, objects, alone = await stand("read"), await stand("objects"), await stand("alone")
    await enrich(read.shared, version, features)
    yield Stage(read=read, objects=objects, alone=alone, realm_maker=own)


async def swept(server: Server) -> None:
    """Take away what an earlier run left on the server: its realms and its callers in master."""
    for realm in (await server.admin("GET", "/admin/realms", query="briefRepresentation=true")).body:
        if LEFT_REALM.fullmatch(realm["realm"]):
            await server.ask("DELETE", f"/admin/realms/{realm['realm']}")
    for client in (await server.admin("GET", "/admin/realms/master/clients")).body:
        if client["clientId"].startswith("caller-"):
            await server.ask("DELETE", f"/admin/realms/master/clients/{client['id']}")


async def enrich(scope: Scope, version: Version, features: frozenset[str]) -> None:
    """Make the shared fixtures rich; leave events behind and stop recording them."""
    realm = scope.realm
    recording = {
        "eventsEnabled": True,
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        "enabledEventTypes": ["LOGIN"],
        "eventsListeners": ["jboss-logging"],
    }
    await realm.admin("PUT", "/events/config", recording)
    for key, needed in RICH.items():
        if needed(version, features):
            try:
                await scope.get(key)
            except Unexpected as error:
                say(f"fixture {key} cannot be had: {error}")
    await realm.admin("PUT", "/events/config", recording | {"eventsEnabled": False, "adminEventsEnabled": False})


@dataclass(slots=True, kw_only=True)
class Run:
    """A measurement on one server."""

    stage: Stage
    journal: Journal
    say: Callable[[str], None]
    hints: list[RoleSet] = field(default_factory=list)
    master_singles: bool = False
    """Whether callers of master are tried with every single role, too, and not only with none and with the sets found."""
    again: bool = False
    """Whether what the journal holds is measured once more."""

    async def all(self, tasks: Sequence[Task]) -> None:
        """Do all trials, several at once; those on what a realm has only one of take turns."""
        known = self.stage.read.realm.roles
        possible = [
            task
            for task in tasks
            if (self.again or task.key not in self.journal.done) and all(role in known for role in admin_roles_named(task.spec))
        ]
        later = [task for task in possible if admin_roles_named(task.spec) and admin_roles_named(task.spec)[0] not in REPRESENTATIVES]
        await self._several([task for task in possible if task not in later])
        await self._several([task for task in later if self.journal.roles_matter(task.operation)])

    async def _several(self, waiting: Sequence[Task]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        counter = {"done": 0}
        started = time.monotonic()

        async def one(task: Task) -> None:
            if place_of(task.operation, task.spec) is Place.ALONE:
                async with self.stage.alone.realm.turn, gate:
                    entry = await self.trial(task)
            else:
                async with gate:
                    entry = await self.trial(task)
            self.journal.add(entry)
            counter["done"] += 1
            self.say(f"{counter['done']}/{len(waiting)} {time.monotonic() - started:.0f}s {line_of(entry)}")

        await asyncio.gather(*(one(task) for task in waiting))

    async def trial(self, task: Task) -> dict[str, Any]:
        """One trial as a journal entry."""
        bench = Workbench(operation=task.operation, spec=task.spec, stage=self.stage)
        entry: dict[str, Any] = {"key": task.key}
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                entry |= await self._found(task, bench)
        except (Undetermined, Unexpected, KeyError, TimeoutError) as error:
            entry["undetermined"] = why(error, bench.last)
        return entry

    async def _found(self, task: Task, bench: Workbench) -> dict[str, Any]:
        base = await baseline(bench)
        realm = self.stage.read.realm
        roles = sorted(set(realm.roles) - {REALM_ADMIN})
        said = bench.last.words if bench.last else ""
        bar = Bar(bench=bench, base=base, kind=bench.kind, contains=realm.contains)
        finding = await find(bar, roles, self.hints)
        if not base.succeeded and base.status not in CLOSED and finding.admits == [[]]:
            raise Undetermined(f"realm-admin gets {base.status} and so does everybody: the check is not reached ({said})")
        if base.status in CLOSED:
            finding = Finding(refusal=base.status, notes=finding.notes)
        else:
            finding.any_of = finding.any_of or [[REALM_ADMIN]]
            finding.admits = finding.admits or [[REALM_ADMIN]]
            finding.useful = finding.useful or finding.any_of
        finding.notes += [task.spec.note] if task.spec.note else []
        self.hints += [found for found in map(frozenset, finding.any_of + finding.admits) if len(found) > 1 and found not in self.hints]
        entry = {
            "status": base.status,
            "said": "" if base.succeeded else said,
            "empty": base.succeeded and task.operation.method == "GET" and base.body in (None, "", [], {}),
        }
        entry |= _fields(finding)
        entry["cells"] = {
            "+".join(sorted(roles)) or "-": [judged.outcome, judged.status, judged.missing]
            for roles, judged in sorted(bar.judged.items(), key=lambda item: (len(item[0]), sorted(item[0])))
        }
        entry["master"] = await self._master(bench, base, bar, finding, roles)
        entry["masterRealmRoles"] = await _master_realm_roles(bench, base) if _closed_to_roles(base, entry) else []
        entry["attempts"] = bench.attempts
        return entry

    async def _master(self, bench: Workbench, base: Seen, bar: Bar, finding: Finding, roles: list[str]) -> dict[str, Any] | None:
        """What master-realm callers need, if it differs."""
        if bench.spec.console:
            return None
        if bench.place is Place.REALM:
            stand = self.stage.objects
        else:
            stand = {Place.READ: self.stage.read, Place.ALONE: self.stage.alone}.get(bench.place, self.stage.objects)
        known = await stand.callers.master_roles()
        if base.status == 401:
            return await self._only_master(bench, known)
        master = Bar(bench=bench, base=base, kind=Kind.MASTER, contains=known.contains)
        singles = [frozenset({role}) for role in roles if self.master_singles and role in known.roles and not admin_roles_named(bench.spec)]
        sets = [frozenset(), *singles, *(frozenset(found) for found in finding.any_of + finding.admits)]
        for found in sets:
            # Master has no realm-admin: there the most is all roles of `{realm}-realm`.
            theirs = await master.of(known.roles if REALM_ADMIN in found else found)
            if theirs.outcome is not (await bar.of(found)).outcome:
                return _fields(await find(master, sorted(known.roles), self.hints))
        return None

    async def _only_master(self, bench: Workbench, known: MasterRoles) -> dict[str, Any] | None:
        """What callers of master need if no token of the realm is taken at all."""
        every = (frozenset(known.roles), Kind.MASTER)
        base = await bench.attempt(*every)
        if not base.succeeded:
            self.say(f"{bench.operation.key}: all roles of master's client for the realm get {base.status}")
            return None
        master = Bar(bench=bench, base=base, kind=Kind.MASTER, contains=known.contains, reference=every)
        return _fields(await find(master, sorted(known.roles), self.hints))


def _closed_to_roles(base: Seen, entry: dict[str, Any]) -> bool:
    """Whether no role of one realm opens it, or none of `{realm}-realm` does for callers of master."""
    if entry["master"] is None:
        return base.status in CLOSED
    return base.status == 403 or not entry["master"]["anyOf"]


async def _master_realm_roles(bench: Workbench, base: Seen) -> list[list[str]]:
    """Which realm role of master opens what no role of one realm opens."""
    bar = Bar(bench=bench, base=base, kind=Kind.MASTER_REALM_ROLES, contains={})
    for role in ("create-realm", "admin"):
        if base.status in CLOSED:
            opens = (await bench.attempt(frozenset({role}), Kind.MASTER_REALM_ROLES)).succeeded
        else:
            opens = await bar.satisfied(frozenset({role}))
        if opens:
            return [[role]]
    return []


def why(error: Exception, last: Answer | None) -> str:
    """The reason why a trial says nothing, for people."""
    if isinstance(error, Undetermined):
        return str(error)
    answer = f"; the last answer was {last.status}: {last.words}" if last else ""
    if isinstance(error, TimeoutError):
        return f"no end within {TRIAL_SECONDS:g} seconds{answer}"
    made = OWN_REALM.sub("{realm}", str(error.args[0] if error.args else error))
    return f"what the call needs could not be made: {made}{answer}"


def _fields(finding: Finding) -> dict[str, Any]:
    return {
        "anyOf": finding.any_of,
        "admits": finding.admits,
        "reduced": finding.reduced,
        "useful": finding.useful,
        "lacks": finding.lacks,
        "refusal": finding.refusal,
        "notes": finding.notes,
    }


def line_of(entry: dict[str, Any]) -> str:
    """An entry in one line for who watches."""
    if "undetermined" in entry:
        return f"?? {entry['key']}: {entry['undetermined'][:300]}"
    text = f"{entry['key']}: {entry['anyOf']}"
    if entry["admits"] != entry["anyOf"]:
        text += f" admits {entry['admits']} reduced {entry['reduced']}"
    marks = [f"status {entry['status']} {entry['said']}"] if entry["status"] >= 300 else []
    marks += ["EMPTY"] if entry["empty"] else []
    marks += [f"refusal {entry['refusal']}"] if entry["refusal"] != 403 else []
    marks += [f"MASTER {entry['master']}"] if entry["master"] else []
    return " | ".join([text, *marks, *entry["notes"]])


def say(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)
