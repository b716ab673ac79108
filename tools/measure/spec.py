"""How to call one operation so that realm-admin succeeds: path parameters, body, and where the effect is visible."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tools.measure.http import Body, form_body, json_body, multipart_body, text_body
from tools.measure.stage import Scope

REALM_PREFIX = "/admin/realms/{realm}"
PARAMETER = re.compile(r"\{([^}]+)\}")


class Place(StrEnum):
    """Which realm an operation meets."""

    READ = "read"  # nothing changes: one set of fixtures for all
    OBJECTS = "objects"  # changes its own fixture objects only: side by side with others
    ALONE = "alone"  # changes something there is one of in a realm: one after the other, restored before each try
    REALM = "realm"  # changes the whole realm: a realm of its own for each try
    FREE = "free"  # not below one realm


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One way to call one operation. Strings may hold `{fixture}` placeholders; `~` stands for the realm's path."""

    json: Any = None
    json_since: tuple[tuple[int, ...], Mapping[str, Any]] | None = None
    """Members of the JSON body that only a version and later ones know."""
    form: Mapping[str, str] | None = None
    text: tuple[str, str] | None = None
    multipart: tuple[Mapping[str, tuple[str, bytes, str]], Mapping[str, str]] | None = None
    query: str = ""
    accept: str = "application/json, */*;q=0.5"
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    see: tuple[str, ...] | None = None
    before: tuple[tuple[str, str, Any], ...] = ()
    leaves: tuple[tuple[str, str, Any], ...] = ()
    """Steps after a success, so that nothing of it weighs on later tries."""
    place: Place | None = None
    features: tuple[str, ...] = ()
    variant: str = ""
    when: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""
    since: tuple[int, ...] = (0,)
    until: tuple[int, ...] = (999,)
    note: str = ""
    console: bool = False
    """Whether only tokens of the administration console are taken at all."""
    ignore_body: bool = False
    """Whether realm-admin's response is the same in kind but random (a download)."""

    async def body(self, scope: Scope) -> Body | None:
        """The request's body with the scope's fixtures in it."""
        if self.json is not None:
            return json_body(await scope.fill({**self.json, **self._newer(scope)} if isinstance(self.json, dict) else self.json))
        if self.form is not None:
            return form_body(await scope.fill(self.form))
        if self.text is not None:
            return text_body(await scope.fill_text(self.text[0]), self.text[1])
        if self.multipart is not None:
            return multipart_body(self.multipart[0], await scope.fill(self.multipart[1]))
        return None

    def _newer(self, scope: Scope) -> Mapping[str, Any]:
        if self.json_since is None or not scope.realm.version.since(*self.json_since[0]):
            return {}
        return self.json_since[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the server as the enumeration lists it."""

    method: str
    path: str
    handler: str
    body: str = ""
    consumes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The path with `~` for the realm."""
        return self.path.replace(REALM_PREFIX, "~", 1)

    @property
    def key(self) -> str:
        """What names the operation in the journal."""
        return " ".join(part for part in (self.method, self.path, self.body, self.handler) if part)


def path_template(operation: Operation, spec: Spec, rules: Mapping[str, str]) -> str:
    """The path with each parameter replaced by a fixture placeholder; KeyError names the parameter nobody knows."""
    parts: list[str] = []
    at = 0
    seen: dict[str, int] = {}
    for match in PARAMETER.finditer(operation.path):
        name = match[1]
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name}#{seen[name]}"
        upto = operation.path[: match.end()].replace(REALM_PREFIX, "~", 1)
        parts += [operation.path[at : match.start()], spec.variables.get(label) or _by_rule(upto, operation.path, rules)]
        at = match.end()
    return "".join([*parts, operation.path[at:]])


def _by_rule(upto: str, path: str, rules: Mapping[str, str]) -> str:
    if upto == "~/clients/{client-uuid}" and "/authz/" in path:
        return "{az-client}"
    for pattern, template in rules.items():
        if re.search(pattern, upto):
            return template
    raise KeyError(f"no fixture for the last parameter of {upto}")
