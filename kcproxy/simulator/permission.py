"""Allowed, reduced or refused: the catalog's decision about a caller's roles."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from kcproxy.catalog import Catalog
from kcproxy.model import Requirement, Target
from kcproxy.simulator.call import NotPlayed
from kcproxy.simulator.state import REALM_ADMIN

_SUPERUSER = "admin"
"""The realm role of master that contains all roles of all realms."""
_FIELDS = re.compile(r"(items )?(?P<kind>without|only) fields: (?P<names>\w+(, \w+)*)")
_QUERY_ROLE = {"users": "query-users", "groups": "query-groups", "clients": "query-clients"}


class Outcome(StrEnum):
    """The outcome of a request."""

    FULL = "full"
    REDUCED = "reduced"
    REFUSED = "refused"


def judge(catalog: Catalog, requirement: Requirement | None, roles: frozenset[str], realm_roles: frozenset[str]) -> Outcome:
    """The outcome for these roles. An operation that is not in the table is allowed only with every role.

    ``realm_roles`` are the realm roles of a master caller (``create-realm``).
    """
    if requirement is None or requirement.undetermined is not None:
        if REALM_ADMIN in roles:
            return Outcome.FULL
        raise NotPlayed("an operation whose roles the catalog does not know, for callers other than realm-admin")
    if _SUPERUSER in realm_roles or any(realm_roles.issuperset(wanted) for wanted in requirement.master_realm_roles):
        return Outcome.FULL
    if catalog.satisfies(roles, requirement.any_of):
        return Outcome.FULL
    return Outcome.REDUCED if catalog.satisfies(roles, requirement.admits) else Outcome.REFUSED


def with_realm_admin(catalog: Catalog, roles: frozenset[str]) -> frozenset[str]:
    """In master, no client has a role realm-admin. Callers with all other roles count as such."""
    others = frozenset(catalog.roles) - {REALM_ADMIN}
    return roles | {REALM_ADMIN} if roles >= others else roles


def hides_existence(target: Target, roles: frozenset[str]) -> bool:
    """Whether a refused caller gets 403 even if the id does not exist. Callers who may query that kind of object get 404 instead."""
    kind = (target.operation.path if target.operation else "").removeprefix("/admin/realms/{realm}/").partition("/")[0]
    return _QUERY_ROLE.get(kind) not in roles


def thinned(catalog: Catalog, requirement: Requirement, roles: frozenset[str], full: Any) -> Any:
    """The reduced response, from the catalog's description of what is missing."""
    text = _reduction(catalog, requirement, roles)
    if text == "no items":
        return []
    if text == "no content" and isinstance(full, dict):
        return {}  # an object with none of its members
    if text == "another value" and isinstance(full, int):
        return 0  # a count of objects that the caller may not see (24.0.5, users)
    found = _FIELDS.fullmatch(text)
    if found is None:
        raise NotPlayed(f"the reduced response ({text or 'not described'})")
    names = frozenset(found["names"].split(", "))
    return _with_fields(full, lambda name: (name in names) is (found["kind"] == "only"))


def _reduction(catalog: Catalog, requirement: Requirement, roles: frozenset[str]) -> str:
    reduced: Mapping[str, str] = requirement.reduced
    fitting = [key for key in reduced if catalog.satisfies(roles, (tuple(key.split("+")),))]
    return reduced[max(fitting, key=lambda key: (catalog.unlocked(tuple(key.split("+"))), key))] if fitting else ""


def _with_fields(full: Any, kept: Callable[[str], bool]) -> Any:
    if isinstance(full, list):
        return [_with_fields(item, kept) for item in full]
    return {name: value for name, value in full.items() if kept(name)} if isinstance(full, dict) else full
