"""Which objects an operation names, and where: in its path, its query, its body, or only by how they belong together."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.measure.recipes import RULES
from tools.measure.spec import PARAMETER, Operation, Spec, path_template
from tools.measure.stage import PLACEHOLDER

Place = Mapping[str, str]
"""One key says where: `path`, `query` or `body` with a name, else `ownerOf`, `parentOf`, `listed` or `related`."""

KINDS: dict[str, tuple[str, ...]] = {
    "Users": ("user", "other-user", "otp-user", "administrator", "member"),
    "Groups": ("group", "other-group", "child", "administrators", "organization.group"),
    "Clients": ("client", "other-client", "az-client", "saml-client", "ssf-client", "management"),
    "Roles": ("role", "other-role", "client-role", "other-client-role", "admin-composite"),
    "Organizations": ("organization",),
}
"""The fixtures of each resource type."""

TYPES = {key: name for name, keys in KINDS.items() for key in keys}

OWNERS: dict[str, tuple[str, Place]] = {
    "client-role": ("client", {"ownerOf": "client-role"}),
    "other-client-role": ("other-client", {"ownerOf": "other-client-role"}),
    "child": ("group", {"parentOf": "child"}),
    "member": ("organization", {"organizationOf": "member"}),
}
"""What an object brings with it though the request need not name it."""

NEEDS: dict[str, tuple[str, ...]] = {
    "user+group": ("group",),
    "user+roles": ("role", "client-role"),
    "group+roles": ("role", "client-role"),
    "role+composites": ("other-role", "client-role"),
    "client-role+composites": ("other-role", "other-client-role"),
    "client+scope-mappings": ("role", "other-client-role"),
    "organization.group+member": ("member",),
}
"""What stands in a relation to the object that a fixture is about."""

LISTED: dict[str, tuple[str, ...]] = {
    r"^~/users(/count)?$|^~/ui-ext/brute-force-user$|/role-users$|/roles/\{[^}]+\}/users$|/evaluate-scopes/": ("user",),
    r"^~/groups(/count)?$|^~/ui-ext/groups$|/roles/\{[^}]+\}/groups$|^~/users/\{[^}]+\}/groups(/count)?$": ("group",),
    r"^~/groups/\{[^}]+\}/members$": ("user",),
    r"^~/groups/\{[^}]+\}/children$|^~/ui-ext/groups/subgroups$": ("child",),
    r"^~/clients$|^~/client-session-stats$|^~/ui-ext/sessions$": ("client",),
    r"^~/organizations(/count)?$|/members/\{[^}]+\}/organizations$": ("organization",),
    r"^~/organizations/\{[^}]+\}/members(/count)?$": ("member",),
    r"/role-mappings(/realm)?(/available|/composite)?$|/scope-mappings(/realm)?(/available|/composite)?$|^~/ui-ext/(available|effective)-roles/": (
        "role",
    ),
    r"/clients/\{[^}]+\}(/available|/composite)?$": ("client-role",),
}
"""Readings by path, and what of the shared fixtures their answer lists."""

BY_PATH = re.compile(r"^~/group-by-path/")
"""Names a group by its path, of which the fixture's template has only the name."""


def objects_of(operation: Operation, spec: Spec) -> dict[str, Place]:
    """The objects that an operation takes, called in this way: key of the fixture → if it is named."""
    found: dict[str, Place] = {}
    for key, place in _named(operation, spec):
        if key in TYPES:
            found.setdefault(key, place)
    for need in spec.needs:
        _add(found, _needed(need), {"body": spec.variant} if "bodyPresent" in spec.when else {"related": need})
    if BY_PATH.search(operation.short):
        found.setdefault("group", {"path": "path"})
    if operation.method == "GET":
        listed = [key for pattern, keys in LISTED.items() if re.search(pattern, operation.short) for key in keys]
        _add(found, tuple(listed), {"listed": operation.short.rsplit("/", 1)[-1]})
    for key in tuple(found):
        if key in OWNERS:
            found.setdefault(*OWNERS[key])
    return found


def types_of(objects: Mapping[str, Place]) -> dict[str, str]:
    """The resource type of each object."""
    return {key: TYPES[key] for key in objects}


def _add(found: dict[str, Place], keys: tuple[str, ...], place: Place) -> None:
    for key in keys:
        found.setdefault(key, place)


def _needed(need: str) -> tuple[str, ...]:
    return NEEDS.get(need) or ((need,) if need in TYPES else ())


def _named(operation: Operation, spec: Spec) -> Iterator[tuple[str, Place]]:
    for label, text in _path_parts(operation, spec):
        for key in keys_in(text):
            yield key, {"path": label}
    for part in spec.query.split("&"):
        for key in keys_in(part):
            yield key, {"query": part.partition("=")[0]}
    yield from _in_body(spec.json, "")
    for name, text in (spec.form or {}).items():
        for key in keys_in(text):
            yield key, {"body": name}
    for key in keys_in(spec.text[0] if spec.text else ""):
        yield key, {"body": ""}


def _path_parts(operation: Operation, spec: Spec) -> Iterator[tuple[str, str]]:
    """Each parameter of the path with what fills it; a repeated name is numbered (`type`, `type#2`)."""
    try:
        filled = path_template(operation, spec, RULES).split("/")
    except KeyError:
        return
    seen: dict[str, int] = {}
    for part, text in zip(operation.path.split("/"), filled, strict=True):
        for match in PARAMETER.finditer(part):
            seen[match[1]] = seen.get(match[1], 0) + 1
            yield match[1] if seen[match[1]] == 1 else f"{match[1]}#{seen[match[1]]}", text


def _in_body(value: Any, name: str) -> Iterator[tuple[str, Place]]:
    if isinstance(value, str):
        for key in keys_in(value):
            yield key, {"body": name}
    elif isinstance(value, Mapping):
        for member, inner in value.items():
            yield from _in_body(inner, f"{name}.{member}" if name else str(member))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _in_body(inner, f"{name}[]")


def keys_in(text: str) -> list[str]:
    """The fixtures that a text's placeholders name: `{role.name}` is the fixture `role`."""
    keys = []
    for match in PLACEHOLDER.finditer(text):
        key = match[1]
        while key not in TYPES and "." in key:
            key = key.rpartition(".")[0]
        keys.append(key)
    return keys
