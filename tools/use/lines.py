"""Tables of methods as text: one method with its arguments in a line. Arguments are names from ``VALUES``, or JSON."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tools.use import realm as r
from tools.use.stage import Made, key_provider

Value = Any | Callable[[Made], Any]
_ROLE, _OTHER_ROLE = dict(r.REALM_ROLES[0]), dict(r.REALM_ROLES[1])
_CLIENT_ROLE, _OTHER_CLIENT_ROLE = dict(r.CLIENT_ROLES[0]) | {"clientRole": True}, dict(r.CLIENT_ROLES[1]) | {"clientRole": True}

VALUES: Mapping[str, Value] = {
    "$realm": r.REALM,
    "$user": r.USER,
    "$other-user": r.OTHER_USER,
    "$group": r.GROUP,
    "$team": r.TEAM,
    "$client": r.CLIENT,
    "$scope": r.SCOPE,
    "$spare-scope": r.SPARE_SCOPE,
    "$scope-mapper": r.SCOPE_MAPPER,
    "$client-mapper": r.CLIENT_MAPPER,
    "$idp-mapper": r.IDP_MAPPER,
    "$role-id": r.REALM_ROLE_ID,
    "$other-role-id": r.OTHER_REALM_ROLE_ID,
    "$client-role-id": r.CLIENT_ROLE_ID,
    "$roles": [_ROLE],
    "$other-roles": [_OTHER_ROLE],
    "$client-roles": [_CLIENT_ROLE],
    "$other-client-roles": [_OTHER_CLIENT_ROLE],
    "$resource": r.RESOURCE,
    "$policy": r.POLICY,
    "$permission": r.PERMISSION,
    "$authz-scope": r.AUTHZ_SCOPE,
    "$key-provider": key_provider("more-key"),
    "$mapper": {name: value for name, value in r.mapper("", "more").items() if name != "id"},
    "$flow": lambda made: made.flow,
    "$execution": lambda made: made.execution,
    "$bare-execution": lambda made: made.bare_execution,
    "$execution-config": lambda made: made.execution_config,
    "$organization": lambda made: made.organization,
    "$component": lambda made: made.component,
    "$credential": lambda made: made.credential,
}
"""Names that stand for values, alone or as strings in JSON."""


def methods(text: str) -> Iterator[tuple[str, list[Any]]]:
    """Name and arguments of each line, with the names of values as they are. An argument is a word, or JSON without blanks outside of strings."""
    for line in text.strip().splitlines():
        name, *words = line.split(" ")
        yield name, [json.loads(word) if word[0] in '{["' or word in {"true", "false"} else word for word in words]


def filled(value: Any, made: Made) -> Any:
    """A value with the names replaced."""
    if isinstance(value, str):
        found = VALUES.get(value, value)
        return found(made) if callable(found) else found
    if isinstance(value, list):
        return [filled(each, made) for each in value]
    return {name: filled(each, made) for name, each in value.items()} if isinstance(value, dict) else value
