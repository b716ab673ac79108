"""docs/roles/powers.md: what each role can be turned into, version by version, from the measured powers."""

from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog, Ease, RolePower, Way, Yields
from tools.docs.markdown import GENERATED, code, table

PAGE = "docs/roles/powers.md"
_WORDS = {
    Yields.BECOMES_ADMIN: "becomes admin",
    Yields.ACTS_AS_OTHER: "acts as another",
    Yields.READS_SECRETS: "reads secrets",
    Yields.DESTROYS: "destroys",
    Yields.CHANGES: "changes",
    Yields.READS: "reads",
}
_EASE = {
    Ease.ALWAYS: "yes",
    Ease.USUAL: "yes, in most realms",
    Ease.SPECIAL: "yes, in some realms",
    Ease.LURED: "only with an administrator's help",
}


def page(tables: Sequence[Catalog]) -> Iterator[str]:
    """The page; ``tables`` are newest first."""
    yield "# What each role can be turned into"
    yield GENERATED
    yield ""
    yield from _INTRODUCTION
    yield ""
    yield " · ".join(f"[{each.version}](#keycloak-{each.version.replace('.', '')})" for each in tables) + " · [The ways](#the-ways)"
    yield ""
    for each in tables:
        yield from _matrix(each)
    yield from _ways(tables)


_INTRODUCTION = (
    "What can the holder of one role of `realm-management` do beyond the role's name? Every way below was tried with every role, with",
    "real calls to a real server. *Becomes admin* means: with the new token, the holder read the realm's authentication flows and granted",
    "`realm-admin`. A holder who can do that can also do everything else, regardless of the other columns. *In most realms*: it needs something that most realms have, such as an administrator's account. *In some realms*: it needs an",
    "object that only some realms have. The last column is the shortest way. [Below](#the-ways) are all ways, with their calls.",
    "",
    "The roles of each table are in order of power, the least powerful first. Advice names the set of roles whose most powerful role is",
    "highest in this table. 26.8 is documented, not measured. `realm-admin` is left out: it is the administrator.",
)


def _matrix(each: Catalog) -> Iterator[str]:
    yield f"## Keycloak {each.version}"
    yield ""
    roles = sorted((role for role in each.roles if role != "realm-admin"), key=lambda role: each.rank((role,)))
    shown = (Yields.BECOMES_ADMIN, Yields.ACTS_AS_OTHER, Yields.READS_SECRETS, Yields.DESTROYS, Yields.CHANGES)
    yield from table(("Role", *(_WORDS[yields] for yields in shown), "Shortest way"), [_row(each.power(role), shown) for role in roles])
    yield ""
    for way in each.everybodys_ways:
        yield f"Possible with any role, so not the power of a single one: {_sentence(way)} (`{way.id}`)."
        yield ""


def _row(power: RolePower, shown: Sequence[Yields]) -> tuple[str, ...]:
    return code(power.role), *(_cell(power, yields) for yields in shown), _shortest(power)


def _cell(power: RolePower, yields: Yields) -> str:
    way = power.best(yields)
    return _EASE[way.ease] if way else "no"


def _shortest(power: RolePower) -> str:
    way = next((way for way in power.ways if way.yields is not Yields.READS), None)
    return "" if way is None else _sentence(way)


def _sentence(way: Way) -> str:
    return way.says + (f" (if {way.needs})" if way.needs else "")


def _ways(tables: Sequence[Catalog]) -> Iterator[str]:
    yield "## The ways"
    yield ""
    yield "Ways that work with no role on any version are left out. `powers.json` has those, too, with the reason why they failed."
    yield ""
    found = {way.id: way for each in tables for role in each.roles for way in each.power(role).ways}
    for yields in Yields:
        chosen = sorted((way for way in found.values() if way.yields is yields), key=lambda way: (list(Ease).index(way.ease), way.id))
        if chosen:
            yield f"### {_WORDS[yields][0].upper()}{_WORDS[yields][1:]}"
            yield ""
            yield from table(("Way", "The holder can", "Works with", "Calls"), [_way(way, tables) for way in chosen])
            yield ""


def _way(way: Way, tables: Sequence[Catalog]) -> tuple[str, ...]:
    return code(way.id), _sentence(way), _holders(way, tables), " → ".join(code(call.replace("`", "'")) for call in way.calls)


def _holders(way: Way, tables: Sequence[Catalog]) -> str:
    """The roles for which the way works, each with its versions if it does not work on all."""
    versions: dict[str, list[str]] = {}
    for each in reversed(tables):
        for role in each.roles:
            if each.has_way(role, way.id):
                versions.setdefault(role, []).append(each.version)
    every = len(tables)
    return "; ".join(code(role) + ("" if len(there) == every else f" ({', '.join(there)})") for role, there in sorted(versions.items()))
