"""Remarks beside the cause: hidden second calls of libraries, narrower endpoints, doubts about IDs and versions."""

from collections.abc import Mapping
from typing import NamedTuple

from kcproxy.explain.causes import SPECS, guards
from kcproxy.explain.causes.addresses import id_hint
from kcproxy.explain.context import Context, is_line_of
from kcproxy.explain.targets import hidden, is_guard, need_of
from kcproxy.explain.text import either, list_of, sentences, shown
from kcproxy.model import RoleSet, Verdict
from kcproxy.permissions.facts import PermissionFacts

_BY_OPERATION: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/admin/realms/{realm}/users"): (
        "Client libraries list users before they create one (create_user, ensure user), so the refused call may not appear in your own code.",
    ),
    ("GET", "/admin/realms/{realm}/roles/{role-name}"): (
        "GET /admin/realms/{realm}/users/{user-id}/role-mappings/realm/available lists the roles that can be assigned to one user, for callers with manage-users.",
    ),
    ("GET", "/admin/realms/{realm}/components"): (
        "The Admin console calls this to show user federation. It is one of several calls of a page, and only this one was refused.",
    ),
    ("GET", "/admin/realms/{realm}/clients"): (
        "To list the users of one client role, use GET /admin/realms/{realm}/clients/{client-uuid}/roles/{role-name}/users, which requires no list of clients.",
    ),
    ("GET", "/admin/serverinfo"): ("Tools call serverinfo when they start; many have an option to skip that call.",),
    ("PUT", "/admin/realms/{realm}/users/{user-id}/credentials/{credentialId}/userLabel"): (
        "The console sends this right after a password reset. The password itself may have been changed.",
    ),
    ("PUT", "/admin/realms/{realm}/users/{user-id}/execute-actions-email"): (
        "Fine-grained permissions have no narrower scope for this call than manage for the user.",
    ),
}


AUTHORIZATION_SERVICES, OF_AUTHORIZATION = "/authz/resource-server", ("view-authorization", "manage-authorization")


class Hints(NamedTuple):
    """The sentences in their order, and whether one about the form of the IDs in the path goes between them."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    about_ids: bool = False

    def about(self, parameters: Mapping[str, str]) -> tuple[str, ...]:
        """All sentences for a request with these values in its path."""
        return sentences((*self.before, *(id_hint(parameters) if self.about_ids else ()), *self.after))


def hints(context: Context, verdict: Verdict) -> Hints:
    """Short sentences, for refusals of the Admin REST API only."""
    if context.answer.status != 403 or context.requirement is None:
        return Hints()
    if not SPECS[verdict.cause].is_about_a_role:
        return Hints(before=(*_version_hint(context), *_first_edition_hint(context, verdict)))
    found = [*_version_hint(context), *_first_edition_hint(context, verdict)]
    found += [*_organizations_hint(context), *_creator_hint(context, verdict)]
    found += [*_realms_hint(context), *_permissions_hint(context, verdict), *_administrator_hint(context)]
    found += [*_target_hints(context, verdict), *_less_power_hints(context, verdict)]
    return Hints(before=_BY_OPERATION.get((context.method, context.template), ()), after=tuple(found), about_ids=True)


def _target_hints(context: Context, verdict: Verdict) -> list[str]:
    """What the request does not show: that the role with this ID belongs to a client, that a realm has default groups."""
    if context.requirement is None or context.requirement.variant is not None:
        return []
    enough = context.catalog.closure((*context.held, *(context.facts.granted or ()), *verdict.missing))
    hints = []
    for variant in hidden(context):
        need = need_of(variant, context)
        if need.any_of and not is_guard(variant) and not context.catalog.satisfies(enough, need.any_of):
            hints.append(
                f"{variant.says[:1].upper()}{variant.says[1:]}, the call requires {either(need.any_of)} of {context.words['container']}."
            )
    return hints


def _less_power_hints(context: Context, verdict: Verdict) -> list[str]:
    """If the least powerful set can change something and another set only reads; and what is let in to a reduced response."""
    requirement, catalog = context.requirement, context.catalog
    if requirement is None or context.method != "GET" or not verdict.missing:
        return []
    if _only_reads(verdict.missing):
        return _part_is_enough(context, verdict.missing)
    reading = catalog.least([roles for roles in requirement.any_of if roles and _only_reads(roles)])
    if reading:
        return [f"{list_of(reading)} of {context.words['container']} is also enough, and can only read."]
    reduced = catalog.least([roles for roles in requirement.admits if roles and _only_reads(roles)])
    if not reduced:
        return []
    what = requirement.reduced.get("+".join(reduced))
    return [
        f"{list_of(reduced)} of {context.words['container']} is also let in, and gets a reduced response" + (f" ({what})." if what else ".")
    ]


def _part_is_enough(context: Context, missing: RoleSet) -> list[str]:
    """If a part of what the fix grants is let in to a reduced response: the rest may reveal more than the caller needs."""
    if context.requirement is None:
        return []
    parts = [roles for roles in context.requirement.admits if roles and set(roles) < set(missing)]
    part = context.catalog.least(parts)
    if not part:
        return []
    what = context.requirement.reduced.get("+".join(part))
    return [
        f"{list_of(part)} of {context.words['container']} alone is let in, and gets a reduced response" + (f" ({what})." if what else ".")
    ]


def _only_reads(roles: RoleSet) -> bool:
    return all(role.startswith(("view-", "query-")) for role in roles)


def _version_hint(context: Context) -> list[str]:
    requirement = context.requirement
    if requirement is None or requirement.asked_keycloak is None:
        return []
    asked = shown(requirement.asked_keycloak, 60)
    if is_line_of(requirement.asked_keycloak, requirement.keycloak):
        return [f"Of the version of Keycloak only {asked} is known, not its patch; the table of {requirement.keycloak} was used."]
    return [f"Keycloak {asked} has no table of its own; the table of {requirement.keycloak} was used."]


def _first_edition_hint(context: Context, verdict: Verdict) -> list[str]:
    """Version 1 of the permissions lets ``manage-clients`` change most of a client's authorization services, but ``view-clients`` and
    ``manage-clients`` read nothing of them, and change no permission (measured on 26.7.5). There is no table for a server with it.
    """
    has = context.held if context.facts.granted is None else context.facts.granted
    held = context.catalog.closure((*has, *verdict.missing))
    of_clients = sorted(held & {"manage-clients", "view-clients"})
    is_second = context.facts.admin_permissions_enabled is True
    if AUTHORIZATION_SERVICES not in context.template or not of_clients or is_second or not held.isdisjoint(OF_AUTHORIZATION):
        return []
    more = f"{list_of(of_clients)} may not be enough: the call then requires {OF_AUTHORIZATION[0]}"
    return [f"If the server has the feature admin-fine-grained-authz:v1, {more} of {context.words['container']}, too."]


def _organizations_hint(context: Context) -> list[str]:
    off = context.facts.organizations_enabled is False and "/organizations" in context.template
    return ["Organizations are switched off in this realm. With the role the response is 404 until they are on."] if off else []


def _permissions_hint(context: Context, verdict: Verdict) -> list[str]:
    need = guards.need_of_permissions_client(context)
    if need is None or set(need) <= {*context.held, *(context.facts.granted or ()), *verdict.missing}:
        return []
    condition = "If the client is admin-permissions, which holds the fine-grained permissions of the realm"
    return [f"{condition}, the call requires {list_of(need)} of {context.words['container']} instead."]


def _administrator_hint(context: Context) -> list[str]:
    """What else impersonating an administrator takes, for the operator."""
    facts, parameters = context.facts.permissions, context.request.target.parameters
    if not isinstance(facts, PermissionFacts) or not context.for_operator or not context.template.endswith("/impersonation"):
        return []
    roles = set(facts.powers.get(parameters.get("user-id", ""), ())) - set(context.catalog.closure(context.facts.granted or ()))
    return (
        [
            f"The user is an administrator. The call takes the role impersonation, or a permission with the scope impersonate, and also {list_of(sorted(roles))}."
        ]
        if roles
        else []
    )


def _realms_hint(context: Context) -> list[str]:
    listed = context.from_master and (context.method, context.template) == ("GET", "/admin/realms")
    return [_REALMS_HINT] if listed else []


_REALMS_HINT = "The list contains each realm for which the account has an admin role. For realms other than master, grant roles of their clients {realm}-realm instead."


def _creator_hint(context: Context, verdict: Verdict) -> list[str]:
    creator = context.from_master and "impersonation" in verdict.missing and "create-realm" in context.caller.realm_roles
    return ["The creator of a realm gets its admin roles except impersonation."] if creator else []
