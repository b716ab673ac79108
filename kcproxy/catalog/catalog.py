"""The catalog of one Keycloak version: finds the operation of a request, and the roles that it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.catalog.entry import Entry
from kcproxy.catalog.match import Matcher
from kcproxy.catalog.paths import ambiguity, decoded_before_split, path_of, plain_segments, segments_of
from kcproxy.catalog.power import Powers, RolePower, Way, warnings
from kcproxy.catalog.roles import RoleAlgebra, SetKey
from kcproxy.model import NOTHING, Basis, Requirement, RoleSet, Target, TargetKind

HIDDEN_OPERATION = "an escape that hides another operation"
"""The reason for paths in which an escape (``%2F``) leads to another operation or realm for readers that decode before they split."""

_API_ROOTS = frozenset({"realms", "serverinfo", "api"})


class Power(Struct, frozen=True, kw_only=True):
    """A measured power of a role beyond its name: what it yields (for example ``becomes-admin``), and the warning that says how."""

    power: str
    says: str


class Catalog:
    """The measured table of one version. Pure; build it with ``kcproxy.catalog.load``."""

    def __init__(
        self,
        *,
        version: str,
        basis: Basis,
        provenance: Mapping[str, Any],
        entries: tuple[Entry, ...],
        algebra: RoleAlgebra,
        powers: Powers,
    ) -> None:
        """Keep the parts and compile the matcher."""
        self.version = version
        self.basis = basis
        self.provenance = provenance
        self.operations = entries
        self._algebra = algebra
        self._powers = powers
        self._warnings: dict[str, tuple[Power, ...]] = {}
        self._matcher = Matcher(entries)
        self._entries = {(e.operation.method, e.operation.path, e.operation.body): e for e in entries}

    def target(self, method: str, raw_target: str, *, base_path: str = "", content_type: str | None = None) -> Target:
        """The target of a request in origin form. Never raises. Unknown requests are OTHER or ADMIN_UNKNOWN, never guessed."""
        raw_path = path_of(raw_target)
        segments = None if base_path else plain_segments(raw_path)
        doubt = None
        if segments is None:
            doubt = ambiguity(raw_path)
            segments = segments_of(raw_path, base_path)
            if segments is None:
                return Target(kind=TargetKind.OTHER, method=method, raw_path=raw_path, ambiguous=doubt)
            if doubt is None and "%" in raw_path and self._is_read_otherwise(method, segments, raw_path[len(base_path) :]):
                doubt = HIDDEN_OPERATION
        if not segments or segments[0] != "admin" or _is_console_page(segments):
            return _elsewhere(method, raw_path, segments, doubt)
        found = self._matcher.find(method, segments, content_type)
        if found is None:
            return _unknown(method, raw_path, segments, doubt)
        entry, parameters = found
        realm = parameters.get("realm")
        return Target(
            kind=TargetKind.ADMIN,
            method=method,
            raw_path=raw_path,
            realm=parameters.get("realmName") if realm is None else realm,
            operation=entry.operation,
            parameters=parameters,
            ambiguous=doubt,
        )

    def _is_read_otherwise(self, method: str, segments: Sequence[str], path: str) -> bool:
        """Whether a reader that decodes the path before splitting it finds another realm or another operation, or may: of an unknown one."""
        others = decoded_before_split(path)
        if others is None or others == segments:
            return False  # what is not UTF-8 has been doubted already
        realm, template = self._place(method, segments)
        other_realm, other_template = self._place(method, others)
        is_unknown = template is None and segments[:1] == ["admin"] and not _is_console_page(segments)
        return other_realm != realm or is_unknown or other_template not in {None, template}

    def _place(self, method: str, segments: Sequence[str]) -> tuple[str | None, str | None]:
        """Realm and template, each if there is one."""
        if not segments or segments[0] != "admin" or _is_console_page(segments):
            return _elsewhere(method, "", segments, None).realm, None
        found = self._matcher.find(method, segments)
        if found is None:
            return _unknown(method, "", segments, None).realm, None
        entry, parameters = found
        return parameters.get("realm", parameters.get("realmName")), entry.operation.path

    def requirement(
        self,
        target: Target,
        *,
        query: Mapping[str, Sequence[str]] = NOTHING,
        body: Any = None,
        master: bool = False,
        asked: str | None = None,
    ) -> Requirement | None:
        """The roles that the target needs: of the variant that query and body show, and of ``{realm}-realm`` for a caller of master.

        ``asked`` is the server's version, or its line (``26.7``) if no more is known. If this is the table of another version, nobody measured
        it on that one: its basis is ``documented``. None if the operation is not in the table.
        """
        entry = self.entry(target)
        if entry is None:
            return None
        requirement = entry.pick(query=query, body=body, master=master, parameters=target.parameters)
        if asked in {None, self.version}:
            return requirement
        basis = Basis.DOCUMENTED if requirement.basis is Basis.MEASURED else requirement.basis
        return replace(requirement, asked_keycloak=asked, basis=basis)

    def entry(self, target: Target) -> Entry | None:
        """The entry for a target."""
        operation = target.operation
        return None if operation is None else self._entries.get((operation.method, operation.path, operation.body))

    def find(self, method: str, path_template: str, body: str | None = None) -> Entry | None:
        """The entry for a path template, with parameter names as in the table."""
        exact = self._entries.get((method, path_template, body))
        if exact is not None or body is not None:
            return exact
        return next((e for (m, p, _), e in self._entries.items() if (m, p) == (method, path_template)), None)

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles of realm-management on this version, sorted."""
        return self._algebra.names

    def contains(self, role: str) -> frozenset[str]:
        """A role and all roles that it contains."""
        return self._algebra.contains(role)

    def closure(self, roles: RoleSet | frozenset[str]) -> frozenset[str]:
        """A set of roles and all roles that they contain."""
        return self._algebra.closure(roles)

    def satisfies(self, held: frozenset[str] | RoleSet, sets: tuple[RoleSet, ...]) -> bool:
        """Whether the held roles, including composites, contain one of the sets."""
        amount = self._algebra.closure(held)
        for roles in sets:  # noqa: SIM110 - asked some twenty times for each refusal; a generator costs more than the response
            if amount.issuperset(roles):
                return True
        return False

    def sufficient(self, sets: tuple[RoleSet, ...]) -> frozenset[str]:
        """The roles that contain one of the sets, each by itself."""
        return self._algebra.sufficient(sets)

    def unlocked(self, roles: RoleSet) -> int:
        """How many operations of this table allowed a caller with these roles."""
        return self._algebra.unlocked(roles)

    def least(self, sets: Sequence[RoleSet]) -> RoleSet | None:
        """The set with the least power."""
        return self._algebra.least(sets)

    def rank(self, roles: RoleSet) -> SetKey:
        """The sort key of sets of roles, the least powerful first. More roles never rank lower."""
        return self._algebra.power(roles)

    def power(self, role: str) -> RolePower:
        """What a role can be turned into, also through the roles that it contains."""
        return self._powers.of(role, sorted(self.contains(role) - {role}))

    def powers(self, role: str) -> tuple[Power, ...]:
        """Warnings for a fix that grants the role, the strongest power first."""
        known = self._warnings.get(role)
        if known is None:
            known = tuple(Power(power=yields.value, says=says) for yields, says in warnings(self.power(role)))
            if role in self.roles:  # other names are not limited in number
                self._warnings[role] = known
        return known

    @property
    def everybodys_ways(self) -> tuple[Way, ...]:
        """Ways that worked with every role of this version, so they are not the power of a single one."""
        return self._powers.everybodys

    def has_way(self, role: str, way: str) -> bool:
        """Whether a way was tried with this role and worked."""
        return self._powers.has(role, way)

    @property
    def powers_version(self) -> str | None:
        """The version on which the powers were measured; None if there are none."""
        return self._powers.version


def _elsewhere(method: str, raw_path: str, segments: Sequence[str], doubt: str | None) -> Target:
    if len(segments) < 2 or segments[0] != "realms":
        return Target(kind=TargetKind.OTHER, method=method, raw_path=raw_path, ambiguous=doubt)
    is_token = list(segments[2:]) == ["protocol", "openid-connect", "token"]
    kind = TargetKind.TOKEN if is_token else TargetKind.OTHER
    return Target(kind=kind, method=method, raw_path=raw_path, realm=segments[1] or None, ambiguous=doubt)


def _is_console_page(segments: Sequence[str]) -> bool:
    # Pages of the console need no token; only whoami does.
    return len(segments) < 2 or (segments[1] not in _API_ROOTS and segments[-1] != "whoami")


def _unknown(method: str, raw_path: str, segments: Sequence[str], doubt: str | None) -> Target:
    realm = segments[2] if segments[1] in {"realms", "api"} and len(segments) > 2 else None
    return Target(kind=TargetKind.ADMIN_UNKNOWN, method=method, raw_path=raw_path, realm=realm or None, ambiguous=doubt)
