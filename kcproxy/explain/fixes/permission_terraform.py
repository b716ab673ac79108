"""The Terraform form of new fine-grained admin permissions, for the provider keycloak/keycloak since 5.9.

Each permission is a resource with a policy of its own, so that the pieces of different fixes stand in one module, and destroying one takes
back that one alone.

Facts about the provider 5.9.0, tried on Keycloak 26.7.5: its resource for users is for all users, and takes no ``reset-password``. Its
generic resource refuses a resource type beside resources, and Keycloak refuses a permission without a resource type, so that nothing names
one user. It has no resource for organizations, and takes two scopes of groups less than Keycloak has. It overwrites a permission that has
the name already, and does not read back which objects a permission names. Keycloak deletes a permission with its last policy, and refuses
one of two permissions (409, "Duplicate resource error") that are made on one object at the same time. The provider's data source
of a client reads its service account, which Keycloak creates on that occasion: for a reader who may see it, the client's ID is written instead.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, Protocol

from kcproxy.explain.fixes import hcl
from kcproxy.explain.fixes.policy_names import free_name
from kcproxy.explain.fixes.terraform import ID_IN_URL, addressable, head
from kcproxy.explain.fixes.unwritable import Unprintable, Unwritable
from kcproxy.explain.text import shown
from kcproxy.model import Fix
from kcproxy.permissions.model import CLIENTS, GROUPS, ORGANIZATIONS, ROLES, USERS

_NONE = "No Terraform is printed: "
_UP_TO = "the provider keycloak/keycloak (up to 5.9)"
ONE_USER = f"{_NONE}{_UP_TO} has permissions on all users, but none on a single one"
ORGANIZATION = f"{_NONE}{_UP_TO} has no permissions on organizations"
OTHER_TYPE = f"{_NONE}{_UP_TO} has no permissions on objects of this type"
SCOPE = f"{_NONE}{_UP_TO} does not take the scope "
EXISTING = f"{_NONE}the permission exists already, and a resource that imports it deletes it for everybody when it is destroyed"


class Step(Protocol):
    """One request to the client admin-permissions, as the commands make it."""

    @property
    def method(self) -> str:
        """POST for what is new, PUT for a change."""

    @property
    def below(self) -> tuple[str, ...]:
        """The path below the resource server."""

    @property
    def body(self) -> Mapping[str, Any]:
        """The representation."""


class Form(NamedTuple):
    """The resources, or why there are none; neither if a name cannot be written."""

    text: str | None = None
    reason: str | None = None


class _Place(NamedTuple):
    """The label of a permission, that of the data, the client admin-permissions, and the permission that has to be made first."""

    label: str
    data: str
    server: str
    before: str


class _Kind(NamedTuple):
    """A resource of the provider: its name, the argument with the objects, and the scopes that it takes."""

    resource: str
    objects: str
    scopes: frozenset[str]


_KINDS: Mapping[str, _Kind] = {
    USERS: _Kind(
        "keycloak_users_admin_permissions", "", frozenset({"view", "manage", "map-roles", "manage-group-membership", "impersonate"})
    ),
    GROUPS: _Kind(
        "keycloak_group_admin_permissions",
        "group_ids",
        frozenset({"view", "manage", "view-members", "manage-members", "manage-membership"}),
    ),
    CLIENTS: _Kind(
        "keycloak_openid_client_admin_permissions",
        "client_ids",
        frozenset({"view", "manage", "map-roles", "map-roles-client-scope", "map-roles-composite"}),
    ),
    ROLES: _Kind("keycloak_role_admin_permissions", "role_ids", frozenset({"map-role", "map-role-client-scope", "map-role-composite"})),
}
_POLICIES = {"user": "keycloak_openid_client_user_policy", "client": "keycloak_openid_client_client_policy"}


def permission_terraform(
    realm: str, who: str, steps: Sequence[Step], role: Fix | None, *, version: tuple[int, ...], taken: AbstractSet[str], server: str | None
) -> Form:
    """All new permissions of one fix, and its grant of a role. ``who``: the account; ``taken``: names of permissions and policies.

    ``server``: the ID of the client admin-permissions; None if the reader may not see it.
    """
    try:
        return Form(text=_written(realm, who, steps, role, version=version, taken=taken, server=server))
    except Unprintable as limit:
        return Form(reason=str(limit))
    except Unwritable:
        return Form()


def _written(
    realm: str, who: str, steps: Sequence[Step], role: Fix | None, *, version: tuple[int, ...], taken: AbstractSet[str], server: str | None
) -> str:
    addressable(realm)
    if any(step.method != "POST" for step in steps):
        raise Unprintable(EXISTING)
    if role is not None and role.terraform is None:
        raise Unprintable(ID_IN_URL)
    made = {step.body["name"]: step for step in steps if step.below[0] == "policy"}
    bodies = [step.body for step in steps if step.below[0] == "permission"]
    labels = [hcl.label(realm, who, *body["scopes"], body["resourceType"].lower(), *body.get("resources", ["all"])) for body in bodies]
    blocks = [hcl.filled(_REALM, labels={"label": labels[0]}, realm=realm)]
    if made and server is None:
        blocks.append(hcl.filled(_CLIENT, labels={"label": labels[0]}))
    client = hcl.string(server) if server is not None else f"data.keycloak_openid_client.{labels[0]}__permissions.id"
    before = ""
    for label, body in zip(labels, bodies, strict=True):
        blocks += _permission(_Place(label, labels[0], client, before), body, made.get(body["policies"][0]), taken)
        before = f"{_kind(body).resource}.{label}"
    return "\n\n".join([(role.terraform if role else None) or head(version), *blocks])


def _permission(place: _Place, body: Mapping[str, Any], policy: Step | None, taken: AbstractSet[str]) -> list[str]:
    """The policy, unless one exists already, and the permission."""
    kind, realm = _kind(body), {"realm_id": f"data.keycloak_realm.{place.data}.id"}
    named = hcl.string(body["policies"][0]) if policy is None else f"{_POLICIES[policy.below[1]]}.{place.label}.id"
    objects = {kind.objects: _list(body["resources"])} if "resources" in body else {}
    arguments = {**realm, "name": hcl.string(body["name"]), **objects, "scopes": _list(body["scopes"]), "policies": f"[{named}]"}
    arguments |= {"depends_on": f"[{place.before}]"} if place.before else {}
    permission = _TAKES_OVER + _resource(kind.resource, place.label, arguments)
    if policy is None:
        return [permission]
    where = {**realm, "resource_server_id": place.server}
    name = free_name(f"{body['name']} (policy)", taken)
    return [_LAST + _resource(_POLICIES[policy.below[1]], place.label, {**where, **_policy(policy, name)}), permission]


def _policy(policy: Step, name: str) -> dict[str, str]:
    """The policy of one permission: it names the caller alone, or their client."""
    member = f"{policy.below[1]}s"
    members = _list(policy.body[member])
    return {"name": hcl.string(name), member: members, "decision_strategy": '"UNANIMOUS"', "logic": '"POSITIVE"'}


def _resource(name: str, label: str, arguments: Mapping[str, str]) -> str:
    width = max(map(len, arguments))
    lines = [f"  {argument:<{width}} = {value}" for argument, value in arguments.items()]
    return "\n".join([f'resource "{name}" "{label}" {{', *lines, "}"])


def _kind(body: Mapping[str, Any]) -> _Kind:
    """The resource for it. Raises Unprintable if the provider has none that gives exactly this."""
    kind = _KINDS.get(body["resourceType"])
    if kind is None:
        raise Unprintable(ORGANIZATION if body["resourceType"] == ORGANIZATIONS else OTHER_TYPE)
    if "resources" in body and not kind.objects:
        raise Unprintable(ONE_USER)
    if unknown := sorted(set(body["scopes"]) - kind.scopes):
        raise Unprintable(SCOPE + shown(unknown[0]))
    return kind


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(hcl.string, values))}]"


_REALM = """\
data "keycloak_realm" "%(label)s" {
  realm = %(realm)s
}"""
_CLIENT = """\
# The provider reads the service account of this client, and Keycloak creates one for that if there is none.
data "keycloak_openid_client" "%(label)s__permissions" {
  realm_id  = data.keycloak_realm.%(label)s.id
  client_id = "admin-permissions"
}"""
_LAST = """\
# Keycloak deletes a permission with its last policy: destroying this one also deletes other permissions that have no other policy.
"""
_TAKES_OVER = """\
# Up to 5.9 the provider overwrites a permission that has this name already. It does not see if its objects are changed elsewhere.
"""
