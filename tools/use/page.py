"""docs/tools/: for each tool its least roles, written from the results of the runs. No server is needed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.catalog.queries import least_cover
from kcproxy.model import CallerKind, Requirement
from kcproxy.usage.audit import audits
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord
from kcproxy.usage.needs import entries_by_key, requirements_of
from tools.docs.markdown import GENERATED, code, table
from tools.use.kept import kept, unequal
from tools.use.realm import CALLER, REALM
from tools.use.trial import ADMINISTRATOR

FOLDER = "docs/tools"
TITLES: Mapping[str, tuple[str, str, str]] = {
    "ansible": ("Ansible, community.general", "task", "The Keycloak modules of the collection."),
    "gocloak": ("gocloak (Go)", "method", "Methods of `GoCloak`."),
    "javascript": ("@keycloak/keycloak-admin-client (JavaScript)", "method", "Methods of the resources of the client."),
    "kcadm": (
        "kcadm.sh",
        "command",
        "Keycloak's own command line. `get`, `create`, `update` and `delete` of other paths need what the [role table](../roles/index.md) has for the operation.",
    ),
    "python-keycloak": (
        "python-keycloak",
        "method",
        "Methods of `KeycloakAdmin`. The asynchronous ones, whose names begin with `a_`, have [a page of their own](python-keycloak-async.md).",
    ),
    "python-keycloak-async": ("python-keycloak, asynchronous", "method", "The asynchronous methods of `KeycloakAdmin`."),
}
"""By the name of the tool: title, the noun for one use, and a sentence."""
_HOW = """\
Each was recorded with a service account that holds `realm-admin`. The audit's least set for its calls is the set in the table: the least powerful
one that gets the same responses as `realm-admin`. Then the service account of a new realm held exactly that set, and the same use had to give an equal
result, without ids, times and the caller's own rights. {dropped}"""
_DROPPED = "Without any one of the roles the result had to differ."
_HOW_DROPPED = {
    "ansible": "A task makes several calls, so that it is not tried without one of its roles: the first calls would have an effect.",
    "kcadm": "Commands are not tried without one of their roles.",
}


def documents() -> dict[str, str]:
    """The pages by path; nothing before the first run."""
    found = kept()
    pages = {f"{FOLDER}/{each['tool']}.md": "\n".join(_page(each)) for each in found}
    return pages | ({f"{FOLDER}/README.md": "\n".join(_index(found))} if found else {})


def _index(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "# The least roles of tools"
    yield GENERATED
    yield ""
    yield "Guides of these tools ask for `realm-admin`. Most uses need less. Each page has the least roles of `realm-management` for every method,"
    yield "module or command that was tried, and the set for all of them together. For a program of your own, record what it really calls:"
    yield "[`kcproxy audit`](../least-privilege.md), or [in a test](../testing.md)."
    yield ""
    rows = []
    for each in found:
        title = TITLES[each["tool"]][0]
        equal, tried = _equal(each), _tried(each)
        rows.append(
            (f"[{title}]({each['tool']}.md)", each["version"], each["keycloak"], str(len(tried)), str(len(equal)), _roles(_together(each)))
        )
    yield from table(("Tool", "Version", "Keycloak", "Tried", "Equal with the least set", "Least set for all together"), rows)
    yield ""
    yield "`python -m tools.use VERSION TOOL --write` repeats a run, and `make docs` writes the pages."


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    title, noun, says = TITLES[found["tool"]]
    tried, equal = _tried(found), _equal(found)
    yield f"# Least roles: {title}"
    yield GENERATED
    yield ""
    yield f"{says} Version {found['version']}, tried on Keycloak {found['keycloak']} on {found['date']}."
    yield ""
    yield _HOW.format(dropped=_HOW_DROPPED.get(found["tool"], _DROPPED))
    yield ""
    yield f"{len(equal)} of {len(tried)} gave an equal result with the least set. For all of them together, the least set is {_roles(_together(found))}."
    yield ""
    yield from _wrong(found)
    rows = [(code(each["name"]), _roles(each["least"]), _notes(found, each), "<br>".join(map(code, each["operations"]))) for each in tried]
    yield from table((noun.capitalize(), "Least roles", "Note", "Calls"), rows)
    yield from _left(found, noun)


def _wrong(found: Mapping[str, Any]) -> Iterator[str]:
    wrong = unequal(found)
    if wrong:
        yield "Not as expected:"
        yield ""
        yield from (f"- {sentence}" for sentence in wrong)
        yield ""


def _left(found: Mapping[str, Any], noun: str) -> Iterator[str]:
    left = [(code(name), why) for name, why in found["not_run"].items()]
    left += [(code(each["name"]), each["problem"]) for each in found["trials"] if each["least"] is None]
    if left:
        yield ""
        yield "## Without a set"
        yield ""
        yield from table((noun.capitalize(), "Why"), left)


def _tried(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted((each for each in found["trials"] if each["least"] is not None), key=lambda each: each["name"])


def _equal(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in _tried(found) if not each.get("differs")]


def _together(found: Mapping[str, Any]) -> list[str]:
    """The least set for the calls of all uses together, as the audit computes it for a caller that holds realm-admin."""
    shown = sorted({operation for each in _tried(found) for operation in each["operations"]})
    uses = tuple(_use(*_parts(operation)) for operation in shown)
    if not uses:
        return []
    held = {uses[0].caller: NamedRoles(by_owner={"realm-management": ADMINISTRATOR})}
    record = UseRecord(uses=uses, roles=held, days=frozenset())
    (audit,) = audits(_table_of(found), record)
    return list(audit.least or ())


def _parts(shown: str) -> tuple[str, str]:
    """Operation and variant of a call as the results name it."""
    name, _, variant = shown.removesuffix("]").partition(" [")
    return name, variant


def _roles(roles: Sequence[str]) -> str:
    return ", ".join(map(code, roles)) or "none: any token"


def _notes(found: Mapping[str, Any], each: Mapping[str, Any]) -> str:
    reports = f"the tool reports `{each['reports']}` although Keycloak succeeds" if "reports" in each else ""
    return "; ".join(filter(None, (reports, _less(found, each))))


def _less(found: Mapping[str, Any], each: Mapping[str, Any]) -> str:
    """Which smaller set is enough for responses without some named fields."""
    table_of_version = _table_of(found)
    entries = entries_by_key(table_of_version)
    needs = [
        requirement
        for name, variant in map(_parts, each["operations"])
        for requirement in requirements_of(entries[name], _use(name, variant))
    ]
    useful = least_cover(table_of_version, [need.useful or need.any_of for need in needs if need.any_of])
    held = table_of_version.closure(useful or ())
    lacking = {field for need in needs if not table_of_version.satisfies(held, need.any_of) for field in _lacking(need, held)}
    if useful is None or set(useful) == set(each["least"]) or not lacking:
        return ""
    return f"without {', '.join(map(code, sorted(lacking)))}: {_roles(useful)}"


def _lacking(need: Requirement, held: frozenset[str]) -> frozenset[str]:
    """The fields that a response lacks for these roles."""
    admitting = [frozenset(fields) for roles, fields in need.lacks.items() if held.issuperset(roles.split("+"))]
    return frozenset.intersection(*admitting) if admitting else frozenset()


def _table_of(found: Mapping[str, Any]) -> Catalog:
    return catalog.load(catalog.nearest(found["keycloak"]))


def _use(name: str, variant: str) -> Use:
    caller = UseCaller(client=CALLER, token_realm=REALM, kind=CallerKind.SERVICE_ACCOUNT, injected=False)
    return Use(caller=caller, realm=REALM, operation=name, variant=variant, counts={Outcome.FULL: 1})
