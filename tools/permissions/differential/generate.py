"""Random configurations: policies, permissions and questions over the few things of a small realm. The same seed gives the same ones.

Things are named by labels (`user-0`, `group-1`); the realm maps labels to ids (see realm.py).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

USERS = ("user-0", "user-1", "user-2", "user-3")
GROUPS = ("group-0", "group-1", "group-2", "group-3")
"""`group-1` lies below `group-0`; the name of `group-3` begins with that of `group-0`."""
CLIENTS = ("client-0", "client-1")
ROLES = ("role-0", "role-1", "role-2")
"""`role-2` is a role of `client-0`."""
ORGANIZATIONS = ("organization-0", "organization-1")
CALLERS = ("service", "narrow", "person", "light", "resource-server")
OBJECTS: Mapping[str, Sequence[str]] = {
    "Users": USERS,
    "Groups": GROUPS,
    "Clients": CLIENTS,
    "Roles": ROLES,
    "Organizations": ORGANIZATIONS,
}
WEIGHTS = {"Users": 8, "Groups": 6, "Clients": 3, "Roles": 2, "Organizations": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call and the decisions that it shows: it is allowed where all of them are granted. An empty object means the whole type."""

    probe: str
    names: tuple[str, ...]
    needs: tuple[tuple[str, str, str], ...]
    """(type, object, scope)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Policies and permissions as the server takes them (ids are labels), and what is asked by whom."""

    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    """(type, body); bodies name other policies by position."""
    permissions: tuple[Mapping[str, Any], ...]
    questions: tuple[tuple[str, Question], ...]
    """(caller, question)."""


def configuration(seed: int, types: Mapping[str, Sequence[str]], number: int = 10) -> Configuration:
    """The configuration of a seed, for a version's types and scopes."""
    chance = random.Random(seed)
    policies = tuple(_policy(chance, position) for position in range(chance.randint(1, 5)))
    permissions = tuple(_permission(chance, types, len(policies), position) for position in range(chance.randint(1, 6)))
    possible = questions(types)
    asked = [(chance.choice(CALLERS), _question(chance, possible, permissions)) for _ in range(number)]
    return Configuration(policies=policies, permissions=permissions, questions=tuple(dict.fromkeys(asked)))


def _policy(chance: random.Random, position: int) -> tuple[str, Mapping[str, Any]]:
    kinds = {"user": 5, "role": 4, "group": 4, "client": 2, "client-scope": 1, "time": 2, "regex": 2}
    if position:
        kinds["aggregate"] = 3
    kind = chance.choices(list(kinds), weights=list(kinds.values()))[0]
    logic = "NEGATIVE" if chance.random() < 0.2 else "POSITIVE"
    return kind, {"name": f"policy-{position}", "logic": logic, **_BODIES[kind](chance, position)}


def _user(chance: random.Random, _: int) -> dict[str, Any]:
    return {"users": [f"account:{name}" for name in chance.sample(CALLERS, chance.randint(2, 4))]}


def _role(chance: random.Random, _: int) -> dict[str, Any]:
    roles = [{"id": role, "required": chance.random() < 0.4} for role in chance.sample(ROLES, chance.randint(1, 2))]
    return {"roles": roles, "fetchRoles": chance.random() < 0.3}


def _group(chance: random.Random, _: int) -> dict[str, Any]:
    groups = [{"id": group, "extendChildren": chance.random() < 0.5} for group in chance.sample(GROUPS, chance.randint(1, 2))]
    return {"groups": groups, **({"groupsClaim": "groups"} if chance.random() < 0.4 else {})}


def _client(chance: random.Random, _: int) -> dict[str, Any]:
    return {"clients": [f"client-of:{name}" for name in chance.sample(CALLERS, chance.randint(1, 2))]}


def _client_scope(chance: random.Random, _: int) -> dict[str, Any]:
    return {"clientScopes": [{"id": "client-scope-0", "required": chance.random() < 0.5}]}


def _time(chance: random.Random, _: int) -> dict[str, Any]:
    return chance.choice(
        (
            {"notBefore": "2020-01-01 00:00:00"},
            {"notOnOrAfter": "2020-01-01"},
            {"hour": "0", "hourEnd": "23"},
            {"year": "2001", "yearEnd": "2002"},
            {"notBefore": "2099-01-01 00:00:00"},
        )
    )


def _regex(chance: random.Random, _: int) -> dict[str, Any]:
    claim, pattern = chance.choice(
        (
            ("email", ".*@example\\.org"),
            ("email", "nobody@.*"),
            ("azp", "narrow|person"),
            ("preferred_username", "(service-account-)?[a-z]+"),
            ("address.country", "DE"),
        )
    )
    return {"targetClaim": claim, "pattern": pattern}


def _aggregate(chance: random.Random, position: int) -> dict[str, Any]:
    parts = chance.sample(range(position), min(position, chance.randint(1, 3)))
    return {"policies": [f"policy:{part}" for part in parts], "decisionStrategy": chance.choice(("UNANIMOUS", "AFFIRMATIVE", "CONSENSUS"))}


_BODIES = {
    "user": _user,
    "role": _role,
    "group": _group,
    "client": _client,
    "client-scope": _client_scope,
    "time": _time,
    "regex": _regex,
    "aggregate": _aggregate,
}


def _permission(chance: random.Random, types: Mapping[str, Sequence[str]], policies: int, position: int) -> Mapping[str, Any]:
    known = [name for name in types if name in WEIGHTS]
    type_name = chance.choices(known, weights=[WEIGHTS[name] for name in known])[0]
    scopes = chance.sample(list(types[type_name]), min(len(types[type_name]), chance.randint(1, 3)))
    objects = chance.sample(OBJECTS[type_name], chance.randint(1, 2)) if chance.random() < 0.6 else []
    number = min(policies, chance.choices((0, 1, 2), weights=(1, 8, 3))[0])
    return {
        "name": f"permission-{position}",
        "resourceType": type_name,
        "scopes": scopes,
        "policies": [f"policy:{part}" for part in chance.sample(range(policies), number)],
        **({"resources": objects} if objects else {}),
    }


def _question(chance: random.Random, possible: Sequence[Question], permissions: Sequence[Mapping[str, Any]]) -> Question:
    """Mostly one that a permission speaks of: the same type and scope, or a user if it speaks of groups."""
    permission = chance.choice(list(permissions))
    near = [each for each in possible if any(_is_near(need, permission) for need in each.needs)]
    return chance.choice(near if near and chance.random() < 0.85 else list(possible))


def _is_near(need: tuple[str, str, str], permission: Mapping[str, Any]) -> bool:
    type_name, target, scope = need
    if permission["resourceType"] == "Groups" and type_name == "Users":
        return ALIASES.get(scope) in permission["scopes"]
    return (
        type_name == permission["resourceType"] and scope in permission["scopes"] and target in ("", *permission.get("resources", [target]))
    )


ALIASES = {"view": "view-members", "manage": "manage-members", "impersonate": "impersonate-members", "reset-password": "manage-members"}


def questions(types: Mapping[str, Sequence[str]]) -> list[Question]:
    """Every question that the realm's things allow."""
    found = [
        Question(probe=probe, names=(), needs=((type_name, "", scope),))
        for probe, (type_name, scope) in TYPE_WIDE.items()
        if type_name in types
    ]
    for probe, (type_name, scope) in SINGLE.items():
        if scope in types.get(type_name, ()) or (probe == "reset-password"):
            found += [Question(probe=probe, names=(name,), needs=((type_name, name, scope),)) for name in OBJECTS[type_name]]
    if "Organizations" in types:
        for name in ORGANIZATIONS:
            found.append(
                Question(
                    probe="put-organization", names=(name,), needs=tuple(("Organizations", name, scope) for scope in ("manage", "view"))
                )
            )
    for user in USERS:
        for group in GROUPS:
            needs = (("Groups", group, "manage-membership"), ("Users", user, "manage-group-membership"))
            found.append(Question(probe="join", names=(user, group), needs=needs))
        found.append(
            Question(probe="map-role", names=(user, "role-0"), needs=(("Users", user, "map-roles"), ("Roles", "role-0", "map-role")))
        )
    return found


TYPE_WIDE = {
    "create-user": ("Users", "manage"),
    "create-group": ("Groups", "manage"),
    "create-client": ("Clients", "manage"),
    "list-users": ("Users", "view"),
    "list-groups": ("Groups", "view"),
    "list-clients": ("Clients", "view"),
}
SINGLE = {
    "get-user": ("Users", "view"),
    "put-user": ("Users", "manage"),
    "impersonate": ("Users", "impersonate"),
    "reset-password": ("Users", "reset-password"),
    "get-group": ("Groups", "view"),
    "put-group": ("Groups", "manage"),
    "get-members": ("Groups", "view-members"),
    "get-client": ("Clients", "view"),
    "put-client": ("Clients", "manage"),
    "get-organization": ("Organizations", "view"),
}
