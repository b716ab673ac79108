"""The reported refusals, with a hostile text in each field of token, look-ups, request and response in turn."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from devkit.explain.case import Case
from devkit.explain.cases import CASES
from devkit.explain.stage import BARE_401, BARE_403, BASE, NOW, OLD_401, OLD_403, TABLE, caller_of
from kcproxy.explain.api import explain
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Caller, CallerKind, Explanation, Facts, RequestFacts, RoleElsewhere, Target

Read = tuple[RequestFacts, Caller, Answer, Facts | None]
Text = Callable[[str], str]
"""Replaces a text."""
Change = Callable[[Text], Any]
"""A value with one change."""
_TEXT_OF_ITS_OWN = {"catalog", "operation"}
"""Types that contain no text from outside."""


def read_of(case: Case, *, looked_up: bool) -> Read:
    """The input of a case, as ``stage.ask`` builds it."""
    ask = dict(case.ask)
    catalog, status = ask.get("catalog", TABLE), ask.get("status", 403)
    old = catalog.version < "26"
    bare = {401: OLD_401 if old else BARE_401, 403: OLD_403 if old else BARE_403}.get(status)
    body, text = ask.get("body"), ask.get("text", "")
    request = RequestFacts(
        target=catalog.target(case.method, case.path, base_path=ask.get("base_path", "")),
        headers=ask.get("headers") or {},
        body=ask.get("sent"),
        form=ask.get("form") or {},
        public_url=ask.get("public_url", BASE),
        base_path=ask.get("base_path", ""),
        withheld=ask.get("withheld"),
    )
    answer = Answer(status=status, json=body if body is not None or text else bare, text=text, headers=ask.get("answer_headers") or {})
    return request, ask.get("caller") or caller_of(), answer, case.facts if looked_up else None


def explained(case: Case, read: Read) -> Explanation | None:
    """The explanation of the case."""
    request, caller, answer, facts = read
    return explain(
        "denial-1",
        Inputs(
            request=request,
            caller=caller,
            answer=answer,
            catalog=case.ask.get("catalog", TABLE),
            facts=facts,
            now_epoch_seconds=NOW,
            keycloak_version=case.ask.get("keycloak_version"),
            require_audience=case.ask.get("require_audience"),
            docs_url="https://docs.test",
            for_operator=case.ask.get("for_operator", False),
        ),
    )


def planted(case: Case, hostile: str) -> Iterator[tuple[str, Explanation]]:
    """Variants of the case with the hostile text in each field, replacing and following its value, and then in all fields at once."""
    for looked_up in (False, True):
        read = read_of(case, looked_up=looked_up)
        for where, changed in _each(read, hostile):
            explanation = explained(case, changed)
            if explanation is not None:
                yield f"{case.id}, {where}", explanation
        everywhere = explained(case, _everywhere(read, hostile))
        if everywhere is not None:
            yield f"{case.id}, everywhere", everywhere


def all_planted(hostile: str) -> Iterator[tuple[str, Explanation]]:
    """The variants of all cases."""
    for case in CASES:
        yield from planted(case, hostile)


def _each(read: Read, hostile: str) -> Iterator[tuple[str, Read]]:
    ways: Mapping[str, Text] = {"instead": lambda _: hostile, "after": lambda was: f"{was}{hostile}"}
    for position, part in enumerate(read):
        for where, change in _places(part, ""):
            for how, text in ways.items():
                parts: list[Any] = list(read)
                parts[position] = change(text)
                yield f"{where} {how}", (parts[0], parts[1], parts[2], parts[3])


def _places(value: Any, name: str) -> Iterator[tuple[str, Change]]:
    """All texts in a value, each with a function that changes only this one."""
    if type(value) is str:
        yield name, partial(_itself, value)
    elif isinstance(value, Struct):
        for field in (field.name for field in fields(value) if field.name not in _TEXT_OF_ITS_OWN):
            for where, change in _places(_filled(value, field), f"{name}.{field}"):
                yield where, partial(_in_field, value, field, change)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str):
                yield f"{name}[{key}] key", partial(_as_key, value, key)
            for where, change in _places(item, f"{name}[{key}]"):
                yield where, partial(_in_mapping, value, key, change)
    elif isinstance(value, tuple | list):
        yield from _places_in_list(value, name)


def _places_in_list(value: Any, name: str) -> Iterator[tuple[str, Change]]:
    for place, item in enumerate(value):
        for where, change in _places(item, f"{name}[{place}]"):
            yield where, partial(_in_list, value, place, change)


def _itself(value: str, text: Text) -> Any:
    return text(value)


def _in_field(value: Any, field: str, change: Change, text: Text) -> Any:
    return replace(value, **{field: change(text)})


def _as_key(value: Mapping[str, Any], key: str, text: Text) -> Any:
    return {**value, text(key): value[key]}


def _in_mapping(value: Mapping[str, Any], key: str, change: Change, text: Text) -> Any:
    return {**value, key: change(text)}


def _in_list(value: Any, place: int, change: Change, text: Text) -> Any:
    return type(value)([*value[:place], change(text), *value[place + 1 :]])


def _filled(value: Any, name: str) -> Any:
    """The value of a field; an empty text if a text is allowed and missing."""
    found = getattr(value, name)
    if found is None and name in _MAY_HOLD_TEXT:
        return ""
    return ("",) if name in _MAY_HOLD_TEXTS and not found else found


_MAY_HOLD_TEXT = frozenset(
    {
        *("client_id", "username", "subject", "issuer", "token_kind", "token_id", "algorithm", "key_id", "session_id", "scheme", "problem"),
        *("keycloak", "account_id", "account_name", "service_account_id", "client_uuid", "ssl_required", "issuer", "realm", "public_url"),
    }
)
_MAY_HOLD_TEXTS = frozenset({"realm_roles", "audiences", "scopes", "allowed_origins", "granted", "in_scope", "key_ids"})


def _everywhere(read: Read, hostile: str) -> Read:
    request, caller, answer, facts = read
    target = request.target
    wild = replace(
        request,
        target=Target(
            kind=target.kind, method=target.method, raw_path=target.raw_path + hostile, operation=target.operation, realm=hostile,
            parameters=dict.fromkeys(target.parameters, hostile), ambiguous=target.ambiguous,
        ),
        headers=dict.fromkeys(("origin", "accept", "host", "x-forwarded-proto", "x-forwarded-host", "dpop", "user-agent"), hostile),
        query={hostile: (hostile,)},
    )  # fmt: skip
    named = caller.kind not in {CallerKind.ANONYMOUS, CallerKind.UNREADABLE}
    roles = {client: (*names, hostile) for client, names in caller.client_roles.items()} | {
        hostile: (hostile,),
        f"{hostile}-realm": ("view-users",),
    }
    who = replace(
        caller, client_id=hostile, username=hostile, subject=hostile, realm=hostile, issuer=f"http://localhost:8080/realms/{hostile}",
        realm_roles=(*caller.realm_roles, hostile), client_roles=roles, audiences=(hostile,), scopes=(hostile,), token_id=hostile,
        session_id=hostile, key_id=hostile, allowed_origins=(hostile,),
    )  # fmt: skip
    words = {**(answer.json or {}), "error_description": hostile, "errorMessage": hostile} if answer.json is not None else None
    known = facts and replace(
        facts, keycloak=facts.keycloak and facts.keycloak + hostile, account_id=hostile, account_name=hostile, service_account_id=hostile,
        client_uuid=hostile, ssl_required=hostile, issuer=facts.issuer and hostile, granted=facts.granted and (*facts.granted, hostile),
        in_scope=facts.in_scope and (*facts.in_scope, hostile), granted_elsewhere=(RoleElsewhere(name="view-users", client=hostile),),
    )  # fmt: skip
    return wild, who if named else caller, replace(answer, json=words, headers={"server": hostile, "via": hostile}), known
