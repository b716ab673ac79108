"""The audit: what each caller holds, what it used, and the least roles for all its calls together. Pure.

The least set is exact: ``catalog.queries.least_cover`` is a branch and bound over the alternatives of all demands. It may discard a branch
because more roles never rank lower in the order of power.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kcproxy.catalog import Catalog
from kcproxy.catalog.queries import least_cover
from kcproxy.model import RoleSet
from kcproxy.usage.model import OTHER_REALM, NamedRoles, Outcome, Use, UseCaller, UseRecord
from kcproxy.usage.needs import MASTER, Alternatives, Need, TargetCase, need_of

REALM_MANAGEMENT = "realm-management"
REALM_ROLES = ""
LONG_AGO_DAYS = 7
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose roles count: a client (or "" for realm roles) and its realm."""

    client: str
    realm: str

    @property
    def words(self) -> str:
        """Whose roles count, in words. Calls with a token of master to realms where none succeeded have no client: their realms may not exist."""
        if self.client == f"{OTHER_REALM}-realm":
            return "calls to realms where none succeeded"
        return f"roles of {self.client} in realm {self.realm}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A held role with which the caller can become an administrator of the realm. ``needed``: whether the least set has it too."""

    role: str
    says: str
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One caller and the roles of one owner.

    ``held``: without the roles that another one contains; None if unknown. ``least``: for the same responses as before; ``full``: for full
    responses; None if nothing is enough. ``unused``: held roles without which every call works as before; ``excessive``: other held roles that
    contain more than is needed. ``add`` and ``remove`` lead from ``held`` to ``least``.
    """

    caller: UseCaller
    owner: Owner
    held: RoleSet | None
    least: RoleSet | None
    full: RoleSet | None
    unused: RoleSet
    excessive: RoleSet
    add: RoleSet
    remove: RoleSet
    escalations: tuple[Escalation, ...]
    needs: tuple[Need, ...]
    not_used: tuple[Use, ...]
    """Uses without a success: refused or failed."""

    @property
    def rare(self) -> tuple[Use, ...]:
        """Calls that succeeded only once."""
        return tuple(need.use for need in self.needs if need.use.successes == 1)

    def other_targets(self, catalog: Catalog) -> tuple[tuple[Use, TargetCase], ...]:
        """Uses for which the least set is not enough if the target is of another kind than the plain one. No record shows that."""
        held = catalog.closure(self.least or ())
        return tuple((need.use, case) for need in self.needs for case in need.by_target if not catalog.satisfies(held, case.sets))

    def long_ago(self, now_epoch_seconds: float) -> tuple[Use, ...]:
        """Calls whose last one is more than a week ago."""
        limit = now_epoch_seconds - LONG_AGO_DAYS * _DAY_SECONDS
        return tuple(need.use for need in self.needs if 0 < need.use.last_at < limit)


def audits(catalog: Catalog, record: UseRecord, *, held: Sequence[str] | None = None) -> tuple[Audit, ...]:
    """One audit for each caller and owner. ``held`` replaces the roles that the tokens named."""
    grouped: dict[tuple[UseCaller, Owner], list[Use]] = {}
    for use in record.uses:
        grouped.setdefault((use.caller, owner_of(use)), []).append(use)
    for caller, named in record.roles.items():
        for client, roles in named.by_owner.items():
            if client != REALM_ROLES and roles:
                grouped.setdefault((caller, Owner(client=client, realm=caller.token_realm)), [])
    order = sorted(grouped, key=lambda key: (key[0].client, key[0].token_realm, key[0].kind, key[0].injected, key[1].client))
    return tuple(_audit(catalog, *key, grouped[key], _held(record.roles, *key) if held is None else tuple(held)) for key in order)


def owner_of(use: Use) -> Owner:
    """Whose roles count for a use (Keycloak's MgmtPermissions): ``{realm}-realm`` for tokens of master, otherwise ``realm-management``."""
    if use.caller.token_realm == MASTER:
        return Owner(client=f"{use.realm or MASTER}-realm", realm=MASTER)
    return Owner(client=REALM_MANAGEMENT, realm=use.caller.token_realm)


def _held(roles: Mapping[UseCaller, NamedRoles], caller: UseCaller, owner: Owner) -> tuple[str, ...] | None:
    named = roles.get(caller)
    if named is None or not named.by_owner:
        return None
    return named.by_owner.get(owner.client, ())


def _audit(catalog: Catalog, caller: UseCaller, owner: Owner, uses: Iterable[Use], named: tuple[str, ...] | None) -> Audit:
    held_closure = None if named is None else catalog.closure(named)
    used = [use for use in uses if use.successes]
    needs = tuple(need_of(catalog, use, held_closure) for use in used)
    least = least_cover(catalog, [demand for need in needs for demand in need.as_answered])
    held = None if named is None else tops(catalog, named)
    kept = catalog.closure(least or ())
    unused, excessive = _beyond(catalog, held or (), kept, [demand for need in needs for demand in need.as_answered])
    return Audit(
        caller=caller,
        owner=owner,
        held=held,
        least=least,
        full=least_cover(catalog, [demand for need in needs for demand in need.full]),
        unused=unused,
        excessive=excessive,
        add=tuple(role for role in least or () if role not in (held or ())),
        remove=tuple(role for role in held or () if least is not None and role not in least),
        escalations=_escalations(catalog, held or (), kept),
        needs=needs,
        not_used=tuple(use for use in uses if not use.successes),
    )


def tops(catalog: Catalog, roles: Iterable[str]) -> RoleSet:
    """The roles without those that another of them contains."""
    held = set(roles)
    inner = {each for role in held for each in catalog.contains(role) if each != role}
    return tuple(sorted(held - inner))


def _beyond(catalog: Catalog, held: RoleSet, kept: frozenset[str], demands: Sequence[Alternatives]) -> tuple[RoleSet, RoleSet]:
    """The roles without which every call works as before, and the others that contain more than is needed. The most powerful roles go first."""
    met = [demand for demand in demands if catalog.satisfies(catalog.closure(held), demand)]
    rest = set(held)
    for role in sorted(held, key=lambda role: catalog.rank((role,)), reverse=True):
        without = catalog.closure(frozenset(rest - {role}))
        if not catalog.contains(role) & kept and all(catalog.satisfies(without, demand) for demand in met):
            rest.remove(role)
    excessive = tuple(role for role in held if role in rest and not catalog.contains(role) <= kept)
    return tuple(role for role in held if role not in rest), excessive


def _escalations(catalog: Catalog, held: RoleSet, kept: frozenset[str]) -> tuple[Escalation, ...]:
    found = []
    for role in held:
        power = catalog.power(role)
        way = next((each for each in power.ways if each.yields.value == "becomes-admin"), None)
        if power.becomes_admin and way is not None:
            says = way.says + (f" (if {way.needs})" if way.needs else "")
            found.append(Escalation(role=role, says=says, needed=role in kept))
    return tuple(found)


def outcomes_of(use: Use) -> dict[str, int]:
    """Numbers by outcome, for display."""
    return {outcome.value: use.counts[outcome] for outcome in Outcome if use.counts.get(outcome)}
