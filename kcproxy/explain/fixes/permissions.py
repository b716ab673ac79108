"""Fixes for missing fine-grained permissions, least power first: change one that the caller has, make one for the object, and last the role.

Commands use names and IDs that look-ups found. A policy or permission that is made gets a name that says for whom it is, so that pasting a
command twice changes nothing: Keycloak refuses the second one.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kcproxy.explain.context import Context
from kcproxy.explain.fixes import build
from kcproxy.explain.fixes.commands import CURL_HEAD, CURL_TAIL, PERMISSIONS, PERMISSIONS_CLIENT, curl_permissions_client, kcadm_client_id
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.permission_terraform import Form, permission_terraform
from kcproxy.explain.fixes.permission_warnings import joined_warning, warning_of
from kcproxy.explain.fixes.permission_words import by_administrator, corrections, part_of, with_some_of_list
from kcproxy.explain.fixes.policy_names import free_name
from kcproxy.explain.fixes.policy_roles import let_policy_role_through
from kcproxy.explain.fixes.shell import Part, line, path, realm_option, segment, word
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.explain.permission_needs import joined, one_of, permission_need
from kcproxy.explain.permission_view import View, permission_view
from kcproxy.explain.text import list_of, sentence, shown
from kcproxy.model import Fix, Verdict
from kcproxy.permissions.additions import Addition, AdditionKind
from kcproxy.permissions.operation import QUERY, operation_additions
from kcproxy.permissions.policies import acts_as_client

_CURL = "keycloak -H 'Content-Type: application/json'"
_RESOURCE_SERVER = "clients/{client}/authz/resource-server/"


class _Step(Struct, frozen=True, kw_only=True):
    """One request to the client admin-permissions, and the same in the console. ``below``: the path below the resource server."""

    method: str
    below: tuple[str, ...]
    body: dict[str, Any]
    console: tuple[str, ...]


def fixes_of(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """The fixes. None if nothing was looked up: then the remedy of the cause is in words."""
    view, to = permission_view(context), build.grantee(context)
    if view is None or to is None:
        return ()
    need = permission_need(context)
    if need is not None and not (need.levels.shows or need.levels.any_of):
        return _by_role(context, verdict, console_base)  # permissions would let the call in and leave the list empty
    by_role = _by_role(context, verdict, console_base)
    corrected = corrections(view, by_role)
    if corrected:
        return corrected
    let_through = let_policy_role_through(context, view, to, console_base)
    found = operation_additions(view.decision, view.situation)
    sides = [[each for each in side if each.kind is not AdditionKind.CHANGE_DENIAL] for side in found]
    query = _query_role(context, verdict, view, console_base)
    fixes: list[Fix] = []
    if all(sides):
        least = _compatible(sides)
        new = [next((each for each in side if each.kind is AdditionKind.NEW_PERMISSION), side[0]) for side in sides]
        fixes += [_fix(context, view, to, choice, query) for choice in ([least] if least == new else [least, new])]
    else:
        fixes += _denials(view, [each for side in found for each in side if each.kind is AdditionKind.CHANGE_DENIAL], to)
    roles = [fix.roles for fix in fixes if fix is query]  # a role by itself
    return (
        *by_administrator(context, view),
        *let_through,
        *with_some_of_list(context, verdict, view, to, fixes),
        *(fix for fix in by_role if fix.roles not in roles),
    )


def _compatible(sides: Sequence[Sequence[Addition]]) -> list[Addition]:
    """The least change of each side. One permission does not get a scope for one side and an object for another: it would give that scope there, too."""
    chosen: list[Addition] = []
    for side in sides:
        changed = {each.permission.id: each.kind for each in chosen if each.permission is not None}
        fitting = (each for each in side if each.permission is None or changed.get(each.permission.id, each.kind) is each.kind)
        chosen.append(next(fitting, side[0]))
    return chosen


def _by_role(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """The role, which concerns every object of its kind."""
    found = build.grant(context, replace(verdict, missing=context.missing), console_base)
    what = "roles allow" if len(context.missing) > 1 else "role allows"
    opens = f"The {what} {context.catalog.unlocked(context.missing)} operations, on every object of the realm and not only this one"
    gives = _given_by_query(context)
    return tuple(replace(fix, warning=". ".join(filter(None, (opens, fix.warning))), gives=fix.gives or gives) for fix in found)


def _given_by_query(context: Context) -> str | None:
    """What a ``query-`` role alone lets see: what permissions do. A count is then a number of these."""
    need = permission_need(context)
    if need is None or not all(role.startswith(QUERY) for role in context.missing):
        return None
    return next((part_of(term.type) for terms in need.opening for term in terms if term.type), None)


def _query_role(context: Context, verdict: Verdict, view: View, console_base: str | None) -> Fix | None:
    """The grant of the roles that the call needs beside permissions, such as the one that lets query; None if it needs none."""
    roles = tuple(each.term.role for each in view.decision.lacking if each.term.role)
    granted = build.grant(context, replace(verdict, missing=roles), console_base) if roles else ()
    asked = [each.decision.asked for each in view.decision.alternative if each.decision is not None and each.decision.asked.id]
    gives = part_of(asked[0].type) if asked else None
    return replace(granted[0], gives=gives) if granted else None


def _fix(context: Context, view: View, to: Grantee, choice: Sequence[Addition], role: Fix | None) -> Fix:
    """All requests of one choice, and the roles that are lacking, too."""
    steps = _steps(view, to, choice)
    if role is not None and not steps:
        return role
    also = (
        f"grant the role{'s' if role and len(role.roles) > 1 else ''} {list_of(role.roles)}{build.new_token_clause(context)}"
        if role
        else ""
    )
    summary = joined(list(dict.fromkeys(filter(None, [*(_summary(view, each, to) for each in choice), also]))))
    console = ("Choose the realm " + shown(to.realm), *(text for step in steps for text in step.console))
    kcadm = _whole(_written(view, to.realm, steps, _kcadm), role.kcadm if role else None)
    terraform = _terraform(context, view, to, steps, role) if kcadm else Form()
    return Fix(
        summary=sentence(summary[:1].upper() + summary[1:]),
        roles=role.roles if role else (),
        console=(*map(sentence, console), *(role.console if role else ())),
        kcadm=kcadm,
        curl=_whole(_script(view, to.realm, _written(view, to.realm, steps, _curl)), role.curl if role else None),
        terraform=terraform.text,
        gives=role.gives if role else None,
        warning=joined_warning(warning_of(context, view, choice), terraform.reason),
    )


def _terraform(context: Context, view: View, to: Grantee, steps: Sequence[_Step], role: Fix | None) -> Form:
    who = to.username or view.situation.identity.account_id or ""
    server = view.facts.client_uuid if view.names else None
    return permission_terraform(to.realm, who, steps, role, version=context.version, taken=_taken_names(view), server=server)


def _whole(permissions: tuple[str, ...], role: tuple[str, ...] | None) -> tuple[str, ...]:
    """Both parts of a form, or nothing."""
    return permissions if role is None else (*permissions, *role) if permissions and role else ()


def _written(view: View, realm: str, steps: Sequence[_Step], write: Callable[[View, str, _Step], str]) -> tuple[str, ...]:
    """All lines, or none if one cannot be written, or has an ID that its reader may not see."""
    if not all(view.visible.may_write(step.body.get("resources", ())) for step in steps):
        return ()
    try:
        return tuple(write(view, realm, step) for step in steps)
    except Unwritable:
        return ()


def _script(view: View, realm: str, requests: Sequence[str]) -> tuple[str, ...]:
    """Callers do not see the ID of the client admin-permissions, so that their commands look it up."""
    looked_up = () if view.names else (curl_permissions_client(realm),)
    return (*CURL_HEAD, *looked_up, *requests, *CURL_TAIL) if requests else ()


def _steps(view: View, to: Grantee, choice: Sequence[Addition]) -> list[_Step]:
    changes: dict[str, list[Addition]] = {}
    for each in choice:
        if each.permission is not None:
            changes.setdefault(each.permission.id, []).append(each)
    steps = [_change(view, changed) for changed in changes.values()]
    made = False
    for each in choice:
        if each.permission is not None:
            continue
        policy = each.policy.id if each.policy else _policy_name(view, to)
        if each.policy is None and not made:
            steps.append(_new_policy(view, to))
            made = True
        steps.append(_new_permission(view, to, each, policy, shown(each.policy.name) if each.policy else policy))
    return steps


def _by_client(view: View) -> bool:
    """Whether policies know the account only as its client, so that a policy has to name that."""
    return acts_as_client(view.situation.identity, view.situation.rules) is not False


def _policy_name(view: View, to: Grantee) -> str:
    return free_name(f"Only {to.username or view.situation.identity.account_id}", _taken_names(view))


def _taken_names(view: View) -> frozenset[str]:
    """Names that permissions and policies have. A policy may be left of an account that was deleted and made again."""
    known = view.facts.permissions
    return view.facts.taken_names | {each.name for each in known.permissions} | {each.name for each in known.policies.values()}


def _new_policy(view: View, to: Grantee) -> _Step:
    identity, name = view.situation.identity, _policy_name(view, to)
    by_client = _by_client(view)
    who = shown((to.client_id if by_client else to.username) or "")
    kind, member, value = ("client", "clients", identity.client_id) if by_client else ("user", "users", identity.account_id)
    return _Step(
        method="POST",
        below=("policy", kind),
        body={"name": name, member: [value], "logic": "POSITIVE"},
        console=(
            f"Permissions, tab Policies, Create policy, type {kind.capitalize()}",
            f"Name {shown(name)}, {member.capitalize()} {who}, Logic Positive, Save",
        ),
    )


def _new_permission(view: View, to: Grantee, each: Addition, policy: str, policy_shown: str) -> _Step:
    asked, who = each.asked, to.username or view.situation.identity.account_id
    one = one_of(asked.type)
    identifier = asked.id if view.visible.may_write([asked.id]) else _object(view, each)
    target = f"{one} {identifier}" if asked.id else f"all {one}s"
    name = free_name(f"{each.scope} of {target} for {who}", _taken_names(view))
    resources = f"Specific {asked.type.lower()} {_object(view, each)}" if asked.id else f"All {asked.type.lower()}"
    return _Step(
        method="POST",
        below=("permission", "scope"),
        body={
            "name": name,
            "resourceType": asked.type,
            "scopes": [each.scope],
            "policies": [policy],
            **({"resources": [asked.id]} if asked.id else {}),
        },
        console=(
            f"Permissions, Create permission, resource type {asked.type}",
            f"Name {shown(name)}, Authorization scopes {each.scope}, Enforce access to {resources}",
            f"Assign existing policies: {policy_shown}, Save",
        ),
    )


def _change(view: View, changes: Sequence[Addition]) -> _Step:
    """One request with all changes of a permission, because it replaces the permission."""
    permission = changes[0].permission
    if permission is None:
        raise LookupError("a change is of a permission")
    added = [each for each in changes if each.kind is AdditionKind.ADD_SCOPE]
    scopes = permission.scopes | {each.scope for each in added}
    objects = permission.objects | {each.asked.id for each in changes if each not in added and each.asked.id is not None}
    what = [
        f"Authorization scopes: add {each.scope}" if each in added else f"Specific {each.asked.type.lower()}: add {_object(view, each)}"
        for each in changes
    ]
    return _Step(
        method="PUT",
        below=("permission", "scope", permission.id),
        body={
            "id": permission.id,
            "name": permission.name,
            "description": permission.description,
            "type": "scope",
            "resourceType": permission.type,
            "scopes": sorted(scopes),
            "policies": list(permission.policies),
            **({"resources": sorted(objects)} if objects else {}),
        },
        console=(f"Permissions, {shown(permission.name)}", f"{', '.join(dict.fromkeys(what))}, Save"),
    )


def _object(view: View, each: Addition) -> str:
    identifier = each.asked.id or ""
    return shown(view.facts.labels.get(identifier, identifier))


def _kcadm(view: View, realm: str, step: _Step) -> str:
    client = segment(view.facts.client_uuid) if view.names else kcadm_client_id(realm, PERMISSIONS_CLIENT)
    parts = {"target": _target(client, step), "realm": realm_option(realm), "body": _body(step)}
    if step.method == "POST":
        return line("kcadm.sh create {target} {realm} -b {body}", **parts)
    return line("kcadm.sh update {target} {realm} -b {body}", **parts)


def _curl(view: View, realm: str, step: _Step) -> str:
    client = segment(view.facts.client_uuid) if view.names else PERMISSIONS
    parts = {"realm": segment(realm), "client": client, **_segments(step)}
    if "third" in parts:
        place = path("/admin/realms/{realm}/" + _RESOURCE_SERVER + "{first}/{second}/{third}", **parts)
    else:
        place = path("/admin/realms/{realm}/" + _RESOURCE_SERVER + "{first}/{second}", **parts)
    if step.method == "POST":
        return line(_CURL + ' -X POST -d {body} "$KEYCLOAK_URL"{place}', body=_body(step), place=place)
    return line(_CURL + ' -X PUT -d {body} "$KEYCLOAK_URL"{place}', body=_body(step), place=place)


def _target(client: Part, step: _Step) -> Part:
    parts = {"client": client, **_segments(step)}
    if "third" in parts:
        return path(_RESOURCE_SERVER + "{first}/{second}/{third}", **parts)
    return path(_RESOURCE_SERVER + "{first}/{second}", **parts)


def _segments(step: _Step) -> dict[str, Part]:
    return {name: segment(value) for name, value in zip(("first", "second", "third"), step.below, strict=False)}


def _body(step: _Step) -> Part:
    return word(json.dumps(step.body, ensure_ascii=True))


def _summary(view: View, each: Addition, to: Grantee) -> str:
    one = one_of(each.asked.type)
    target = f"{one} {_object(view, each)}" if each.asked.id else f"all {one}s"
    name = shown(each.permission.name) if each.permission else ""
    if each.kind is AdditionKind.ADD_OBJECT:
        return f"add {target} to the permission {name}, which gives {list_of(sorted(each.permission.scopes))}" if each.permission else ""
    if each.kind is AdditionKind.ADD_SCOPE:
        return f"add the scope {each.scope} to the permission {name}"
    who = shown(to.username or "the calling account")
    return f"make a permission with the scope {each.scope} for {target} and {f'the client of {who}' if each.for_others else f'{who} alone'}"


def _denials(view: View, denials: Sequence[Addition], to: Grantee) -> list[Fix]:
    """Nothing that is added helps: the permission that denies has to change. Its name is for operators."""
    if not view.names:
        return [Fix(summary="Ask the operator of the realm: a permission denies this call, and no other permission or scope outweighs it")]
    fixes = []
    for each in denials:
        if each.permission is not None:
            name = shown(each.permission.name)
            scopes, who = list_of(sorted(each.permission.scopes)), shown(to.username or "the calling account")
            steps = (
                f"Choose the realm {shown(to.realm)}",
                f"Permissions, {name}",
                f"Change its policies so that they permit {who}, or take the object out of it, Save",
            )
            fixes.append(
                Fix(
                    summary=sentence(
                        f"Change the permission {name}, which denies {who}: let its policies permit them, or take the object out of it"
                    ),
                    console=tuple(map(sentence, steps)),
                    warning=f"Everybody whom its policies permit gets {scopes} on every object that it names",
                )
            )
    return fixes
