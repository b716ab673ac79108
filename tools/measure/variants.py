"""Variants of a call that need other roles: by query, by body, by target. Only those that do are in the data file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tools.measure.fixtures import user_body
from tools.measure.fixtures_clients import client_body
from tools.measure.fixtures_realm import ldap_body
from tools.measure.spec import Place, Spec
from tools.measure.specs import CLIENT_ROLE, NO_DEFAULT_GROUP, OTHER_CLIENT_ROLE, OTHER_ROLE, SPECS, role_body

ADMIN_ROLES = (
    "create-client", "impersonation", "manage-authorization", "manage-clients", "manage-events", "manage-identity-providers", "manage-organizations",
    "manage-realm", "manage-users", "query-clients", "query-groups", "query-organizations", "query-realms", "query-users", "realm-admin", "view-authorization",
    "view-clients", "view-events", "view-identity-providers", "view-organizations", "view-realm", "view-users",
)  # fmt: skip
"""Every role that realm-management had in one of the measured versions."""

ADMIN_ROLE_VARIANT = "admin-role-"

REPRESENTATIVES = ("impersonation", "manage-events", "realm-admin", "view-users")
"""Tried first: if none of these needs more than an ordinary role, no other is tried."""

MAPPING_OPERATIONS = {
    "POST ~/users/{user-id}/role-mappings/clients/{client-id}": {"client-id": "{management}"},
    "POST ~/users/{user-id}/role-mappings/clients/{client}": {"client": "{management}"},
    "POST ~/groups/{group-id}/role-mappings/clients/{client-id}": {"client-id": "{management}"},
    "POST ~/groups/{group-id}/role-mappings/clients/{client}": {"client": "{management}"},
    "POST ~/roles/{role-name}/composites": {},
    "POST ~/roles-by-id/{role-id}/composites": {},
    "POST ~/clients/{client-uuid}/roles/{role-name}/composites": {},
    "POST ~/clients/{client-uuid}/scope-mappings/clients/{client}": {"client": "{management}"},
    "POST ~/client-scopes/{client-scope-id}/scope-mappings/clients/{client}": {"client": "{management}"},
    "POST ~/organizations/{org-id}/groups/{group-id}/role-mappings/clients/{client-id}": {"client-id": "{management}"},
}
UNMAPPING_OPERATIONS = {
    "DELETE ~/users/{user-id}/role-mappings/clients/{client-id}": ({"client-id": "{management}"}, "user+admin-role"),
    "DELETE ~/users/{user-id}/role-mappings/clients/{client}": ({"client": "{management}"}, "user+admin-role"),
    "DELETE ~/groups/{group-id}/role-mappings/clients/{client-id}": ({"client-id": "{management}"}, "group+admin-role"),
    "DELETE ~/groups/{group-id}/role-mappings/clients/{client}": ({"client": "{management}"}, "group+admin-role"),
    "DELETE ~/roles/{role-name}/composites": ({}, "role+admin-role"),
    "DELETE ~/roles-by-id/{role-id}/composites": ({}, "role+admin-role"),
}
ON_ADMINISTRATOR = (
    "DELETE ~/users/{user-id}", "PUT ~/users/{user-id}", "PUT ~/users/{user-id}/reset-password", "POST ~/users/{user-id}/impersonation", "POST ~/users/{user-id}/logout",
    "PUT ~/users/{user-id}/execute-actions-email", "PUT ~/users/{user-id}/groups/{groupId}", "GET ~/users/{user-id}",
)  # fmt: skip


# Tables read best with one case a line.
# fmt: off
def _variants() -> dict[str, list[Spec]]:
    table: dict[str, list[Spec]] = {}

    def add(operation: str, variant: str, says: str, when: Mapping[str, Any], **changes: Any) -> None:
        plain = SPECS.get(operation, Spec())
        table.setdefault(operation, []).append(replace(plain, variant=variant, says=says, when=when, **changes))

    _roles(add)
    _administrators(add)
    _composites(add)
    _default_groups(add)
    _containers(add)
    _by_id_of_client_role(add)
    _protected(add)
    _flags(add)
    _bodies(add)
    return table


def _roles(add: Any) -> None:
    """Mapping a role of realm-management, and taking it away."""
    for role in ADMIN_ROLES:
        body = [{"id": f"{{management.{role}}}", "name": role, "clientRole": True, "containerId": "{management}"}]
        condition = {"bodyHasAny": {"name": [role]}}
        for operation, variables in MAPPING_OPERATIONS.items():
            add(operation, f"{ADMIN_ROLE_VARIANT}{role}", f"with {role} of realm-management", condition, json=body, variables=variables)
        for operation, (variables, need) in UNMAPPING_OPERATIONS.items():
            add(operation, f"{ADMIN_ROLE_VARIANT}{role}", f"with {role} of realm-management", condition, json=body, variables=variables, needs=(need,))


def _administrators(add: Any) -> None:
    """Users and groups that hold an administrator's roles."""
    for operation in ON_ADMINISTRATOR:
        variables = {"user-id": "{administrator}"}
        changes: dict[str, Any] = {"variables": variables, "see": ("~/users/{administrator}",)}
        if operation == "PUT ~/users/{user-id}":
            changes["json"] = {**user_body("administrator-{n}"), "firstName": "Changed", "credentials": []}
        if operation.endswith("impersonation"):
            changes["see"] = ()
        add(operation, "administrator", "when the user holds an administrator's roles", {"target": "administrator"}, **changes)
    add("PUT ~/users/{user-id}/groups/{groupId}", "administrators-group", "when the group holds an administrator's roles", {"target": "administrators-group"}, variables={"groupId": "{administrators}"})
    add("DELETE ~/users/{user-id}/groups/{groupId}", "administrators-group", "when the group holds an administrator's roles", {"target": "administrators-group"}, variables={"groupId": "{administrators}"}, needs=("user+administrators",))
    add("PUT ~/default-groups/{groupId}", "administrators-group", "when the group holds an administrator's roles", {"target": "administrators-group"}, variables={"groupId": "{administrators}"})
    for operation in ("PUT ~/groups/{group-id}", "DELETE ~/groups/{group-id}", "POST ~/groups/{group-id}/children"):
        changes = {"variables": {"group-id": "{administrators}"}, "see": ("~/groups/{administrators}",)}
        if operation.startswith("PUT"):
            changes["json"] = {"name": "administrators-{n}", "attributes": {"colour": ["green"]}}
        add(operation, "administrators-group", "when the group holds an administrator's roles", {"target": "administrators-group"}, **changes)


def _composites(add: Any) -> None:
    """Realm roles and client roles as parts of a role."""
    for owner in ("users/{user-id}", "groups/{group-id}"):
        composite = [{"id": "{admin-composite}", "name": "{admin-composite.name}"}]
        add(f"POST ~/{owner}/role-mappings/realm", "administrator-composite", "with a realm role that contains an administrator's role", {"target": "admin-role"}, json=composite)
    add("POST ~/roles/{role-name}/composites", "administrator-composite", "with a realm role that contains an administrator's role", {"target": "admin-role"}, json=[{"id": "{admin-composite}", "name": "{admin-composite.name}"}])
    add("POST ~/roles/{role-name}/composites", "client-roles", "with a client role", {"bodyHasAny": {"clientRole": [True]}}, json=[{**CLIENT_ROLE, "clientRole": True}])
    add("DELETE ~/roles/{role-name}/composites", "client-roles", "with a client role", {"bodyHasAny": {"clientRole": [True]}}, json=[{**CLIENT_ROLE, "clientRole": True}])
    add("POST ~/roles-by-id/{role-id}/composites", "client-roles", "with a client role", {"bodyHasAny": {"clientRole": [True]}}, json=[{**CLIENT_ROLE, "clientRole": True}])
    add("DELETE ~/roles-by-id/{role-id}/composites", "client-roles", "with a client role", {"bodyHasAny": {"clientRole": [True]}}, json=[{**CLIENT_ROLE, "clientRole": True}])
    add("POST ~/clients/{client-uuid}/roles/{role-name}/composites", "realm-roles", "with a realm role", {"bodyHasAny": {"clientRole": [False]}}, json=[{**OTHER_ROLE, "clientRole": False}])
    add("DELETE ~/clients/{client-uuid}/roles/{role-name}/composites", "realm-roles", "with a realm role", {"bodyHasAny": {"clientRole": [False]}}, json=[{**OTHER_ROLE, "clientRole": False}])


def _default_groups(add: Any) -> None:
    """The realm that is read has default groups; one without shows less and needs less."""
    without: dict[str, Any] = {"place": Place.ALONE, "before": NO_DEFAULT_GROUP, "see": ()}
    for operation in ("GET ~", "GET /admin/realms", "POST ~/partial-export"):
        add(operation, "no-default-groups", "where the realm has no default groups", {"target": "no-default-groups"}, **without)
    both = {"exportClients": ["true"], "exportGroupsAndRoles": ["true"]}
    for flag in both:
        add("POST ~/partial-export", f"no-default-groups-{flag.lower()}", f"with {flag}=true, where the realm has no default groups", {"target": "no-default-groups", "query": {flag: ["true"]}}, query=f"{flag}=true", **without)


def _containers(add: Any) -> None:
    """Roles of the realm and roles of a client are looked at by different roles."""
    realm = {"parameterIs": {"roleContainerId": "realm"}}
    for leaf in ("granted", "not-granted"):
        operation = f"GET ~/clients/{{client-uuid}}/evaluate-scopes/scope-mappings/{{roleContainerId}}/{leaf}"
        add(operation, "realm-container", "for the roles of the realm (the container is the realm's name)", realm, variables={"roleContainerId": "{realm}"})
    own = {"parameterIs": {"client": "client-uuid"}}
    add("GET ~/clients/{client-uuid}/scope-mappings/clients/{client}/available", "own-roles", "for the client's own roles, which are never available", own, variables={"client": "{client}"})
    target, says = {"target": "client-roles-only"}, "where only roles of clients are mapped"
    for kind in ("effective-roles", "effective-roles-all"):
        add(f"GET ~/ui-ext/{kind}/clients/{{id}}", "client-roles-only", says, target, variables={"id": "{client-of-client-roles}"})
        add(f"GET ~/ui-ext/{kind}/clientScopes/{{id}}", "client-roles-only", says, target, variables={"id": "{scope-of-client-roles}"})
        add(f"GET ~/ui-ext/{kind}/groups/{{id}}", "client-roles-only", says, target, variables={"id": "{group-of-client-roles}"})


def _by_id_of_client_role(add: Any) -> None:
    """A role by its id can be a role of a client: another container, another check."""
    see = ("~/roles-by-id/{client-role}", "~/roles-by-id/{client-role}/composites")
    shared = {"variables": {"role-id": "{client-role}"}}
    target = {"target": "client-role"}
    says = "when the role belongs to a client"
    add("GET ~/roles-by-id/{role-id}", "client-role", says, target, **shared)
    add("PUT ~/roles-by-id/{role-id}", "client-role", says, target, see=see, json=role_body("{client-role.name}"), **shared)
    add("DELETE ~/roles-by-id/{role-id}", "client-role", says, target, see=see, **shared)
    for leaf in ("", "/realm"):
        add(f"GET ~/roles-by-id/{{role-id}}/composites{leaf}", "client-role", says, target, **shared)
    composites_of = {"variables": {"role-id": "{client-role}", "clientUuid": "{other-client}"}}
    add("GET ~/roles-by-id/{role-id}/composites/clients/{clientUuid}", "client-role", says, target, **composites_of)
    add("POST ~/roles-by-id/{role-id}/composites", "client-role", says, target, see=see, json=[OTHER_CLIENT_ROLE], **shared)
    add("DELETE ~/roles-by-id/{role-id}/composites", "client-role", says, target, see=see, json=[OTHER_CLIENT_ROLE], needs=("client-role+composites",), **shared)


def _protected(add: Any) -> None:
    """The built-in client realm-management and its roles; each try in a realm of its own, for success destroys it."""
    target, says = {"target": "protected-client"}, "when the client is realm-management"
    shared = {"variables": {"client-uuid": "{management}"}, "place": Place.REALM, "see": ("~/clients/{management}",)}
    add("PUT ~/clients/{client-uuid}", "protected-client", says, target, json={"clientId": "realm-management", "description": "after"}, **shared)
    add("DELETE ~/clients/{client-uuid}", "protected-client", says, target, **shared)
    add("POST ~/clients/{client-uuid}/roles", "protected-client", says, target, json=role_body("new-{n}"), **shared)
    add("POST ~/clients/{client-uuid}/client-secret", "protected-client", says, target, json={}, **shared)
    role = {"variables": {"client-uuid": "{management}", "role-name": "view-events"}, "place": Place.REALM, "see": ("~/clients/{management}/roles/view-events",)}
    add("PUT ~/clients/{client-uuid}/roles/{role-name}", "protected-client", says, target, json=role_body("view-events"), **role)
    add("DELETE ~/clients/{client-uuid}/roles/{role-name}", "protected-client", says, target, **role)
    composite = [{"id": "{role}", "name": "{role.name}"}]
    add("POST ~/clients/{client-uuid}/roles/{role-name}/composites", "protected-client", says, target, json=composite, **role)
    reading = {"variables": {"client-uuid": "{management}"}}
    for leaf in ("", "/roles", "/client-secret"):
        add(f"GET ~/clients/{{client-uuid}}{leaf}", "protected-client", says, target, **reading)


def _flags(add: Any) -> None:
    """Query parameters that change what is asked for."""

    def flag(operation: str, parameter: str, value: str, query: str = "", **changes: Any) -> None:
        name = f"{parameter}-{value}" if value in ("true", "false") else parameter
        condition = {"query": {parameter: [value]}} if value in ("true", "false") else {"queryPresent": [parameter]}
        says = f"with {parameter}={value}" if value in ("true", "false") else f"with {parameter}"
        add(operation, name.lower(), says, condition, query=query or f"{parameter}={value}", **changes)

    flag("POST ~/partial-export", "exportClients", "true")
    flag("POST ~/partial-export", "exportGroupsAndRoles", "true")
    add("POST ~/partial-export", "exportclients-exportgroupsandroles-true", "with exportClients=true and exportGroupsAndRoles=true", {"query": {"exportClients": ["true"], "exportGroupsAndRoles": ["true"]}}, query="exportClients=true&exportGroupsAndRoles=true")
    for parameter, value in (("search", "user"), ("username", "user"), ("email", "user"), ("q", "colour:red"), ("exact", "true"), ("briefRepresentation", "false"), ("briefRepresentation", "true")):
        query = {"exact": "exact=true&username=user-{n}", "search": "search=user"}.get(parameter, "")
        flag("GET ~/users", parameter, value, query)
    flag("GET ~/users/count", "search", "user")
    flag("GET ~/users/{user-id}", "userProfileMetadata", "true")
    flag("GET ~/users/{user-id}/groups", "briefRepresentation", "false", needs=("user+group",))
    flag("GET ~/users/{user-id}/groups", "search", "group", needs=("user+group",))
    for parameter, value in (("search", "group"), ("q", "colour:red"), ("briefRepresentation", "false"), ("populateHierarchy", "false"), ("subGroupsCount", "false")):
        flag("GET ~/groups", parameter, value)
    flag("GET ~/groups/count", "search", "group")
    flag("GET ~/groups/count", "top", "true")
    flag("GET ~/groups/{group-id}/children", "briefRepresentation", "false")
    flag("GET ~/groups/{group-id}/children", "briefRepresentation", "true")
    for value in ("true", "false"):
        flag("GET ~/groups/{group-id}/members", "briefRepresentation", value)
        flag("GET ~/organizations", "briefRepresentation", value)
        flag("GET ~/identity-provider/instances", "briefRepresentation", value)
        flag("GET ~/roles", "briefRepresentation", value)
        flag("GET ~/clients/{client-uuid}/roles", "briefRepresentation", value)
        flag("GET /admin/realms", "briefRepresentation", value)
    flag("GET ~/roles", "search", "role")
    flag("GET ~/clients", "viewableOnly", "true")
    flag("GET ~/clients", "clientId", "client", "clientId=client-{n}")
    flag("GET ~/clients", "search", "true", "search=true&clientId=client")
    flag("GET ~/organizations", "search", "org")
    flag("GET ~/identity-provider/instances", "search", "idp")
    flag("GET ~/identity-provider/instances", "realmOnly", "true")
    flag("GET ~/identity-provider/instances", "type", "ANY")
    flag("GET ~/components", "type", "org.keycloak.keys.KeyProvider")
    flag("GET ~/localization/{locale}", "useRealmDefaultLocaleFallback", "true")
    flag("DELETE ~/sessions/{session}", "isOffline", "true", needs=("user+offline",), variables={"session": "{offline-session}"})
    flag("GET ~/client-policies/policies", "include-global-policies", "true")
    flag("GET ~/client-policies/profiles", "include-global-profiles", "true")
    for kind in ("ALL", "REGULAR", "OFFLINE"):
        add("GET ~/ui-ext/sessions", f"type-{kind.lower()}", f"with type={kind}", {"query": {"type": [kind]}}, query=f"type={kind}")
    add("GET ~/ui-ext/authentication-management/{type}/{id}", "identity-providers", "for identity providers", {"target": "identity-providers"}, variables={"type": "idp"})


def _bodies(add: Any) -> None:
    """Parts of a body that are honoured, ignored or refused."""
    new = {"username": "new-{n}", "enabled": True}
    see = ("~/users?username=new-{n}",)
    parts: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        "groups": ({"groups": ["/group-{n}"]}, ("group",)),
        "realmRoles": ({"realmRoles": ["role-{n}"]}, ("role",)),
        "clientRoles": ({"clientRoles": {"client-{n}": ["client-role-{n}"]}}, ("client-role",)),
        "credentials": ({"credentials": [{"type": "password", "value": "other-pass-2"}]}, ()),
        "federatedIdentities": ({"federatedIdentities": [{"identityProvider": "idp-{n}", "userId": "r-{n}", "userName": "r-{n}"}]}, ("idp",)),
        "requiredActions": ({"requiredActions": ["UPDATE_PASSWORD"]}, ()),
    }
    for part, (extra, needs) in parts.items():
        says, when = f"with {part} in the body", {"bodyPresent": [part]}
        add("POST ~/users", part.lower(), says, when, json=new | extra, needs=needs, see=see)
        add("PUT ~/users/{user-id}", part.lower(), says, when, json={"username": "user-{n}", "firstName": "Changed"} | extra, needs=needs)
    administrators = {"groups": ["/administrators-{n}"]}
    add("POST ~/users", "administrators-group", "with a group that holds an administrator's roles", {"target": "administrators-group"}, json=new | administrators, needs=("administrators",), see=see)
    add("POST ~/groups", "id", "when it moves an existing group to the top (id in the body)", {"bodyPresent": ["id"]}, json={"id": "{child}", "name": "child-{n}"}, see=("~/groups/{child}",))
    add("POST ~/groups/{group-id}/children", "id", "when it moves an existing group (id in the body)", {"bodyPresent": ["id"]}, json={"id": "{other-group}", "name": "other-group-{n}"})
    add("POST ~/roles", "composites", "with composites in the body", {"bodyPresent": ["composites"]}, json={"name": "new-{n}", "composite": True, "composites": {"realm": ["role-{n}"], "client": {"client-{n}": ["client-role-{n}"]}}}, needs=("role", "client-role"), see=("~/roles/new-{n}/composites",))
    services = {"authorizationServicesEnabled": True}
    add("POST ~/clients", "authorizationservicesenabled", "with authorization services", {"bodyPresent": ["authorizationServicesEnabled"]}, json=client_body("new-{n}") | services)
    add("PUT ~/clients/{client-uuid}", "authorizationservicesenabled", "with authorization services", {"bodyPresent": ["authorizationServicesEnabled"]}, json=client_body("client-{n}") | services)
    add("POST ~/clients", "defaultclientscopes", "with default client scopes", {"bodyPresent": ["defaultClientScopes"]}, json=client_body("new-{n}") | {"defaultClientScopes": ["scope-{n}"]}, needs=("client-scope",))
    imports: dict[str, tuple[Any, str]] = {
        "users": ([{"username": "imported-{n}", "enabled": True}], "~/users?username=imported-{n}"),
        "groups": ([{"name": "imported-{n}", "path": "/imported-{n}", "subGroups": []}], "~/groups?search=imported-{n}"),
        "clients": ([{"clientId": "imported-{n}"}], "~/clients?clientId=imported-{n}"),
        "identityProviders": ([{"alias": "imported-{n}", "providerId": "oidc", "config": {"clientId": "x"}}], "~/identity-provider/instances/imported-{n}"),
        "roles": ({"realm": [{"name": "imported-{n}"}]}, "~/roles/imported-{n}"),
    }
    for part, (value, view) in imports.items():
        add("POST ~/partialImport", part.lower(), f"with {part} to import", {"bodyPresent": [part]}, json={"ifResourceExists": "SKIP", part: value}, see=(view,))
    administrator = [{"username": "imported-{n}", "enabled": True, "clientRoles": {"realm-management": ["realm-admin"]}}]
    add("POST ~/partialImport", "administrator", "with a user who holds an administrator's roles", {"target": "administrator"}, json={"ifResourceExists": "SKIP", "users": administrator}, see=("~/users?username=imported-{n}",))
    add("POST ~/components", "user-storage", "with a user federation provider", {"bodyHasAny": {"providerType": ["org.keycloak.storage.UserStorageProvider"]}}, json=ldap_body("new-{n}"))
    saml = {"alias": "new-{n}", "providerId": "saml", "enabled": True, "config": {"singleSignOnServiceUrl": "http://localhost:1/saml", "idpEntityId": "http://localhost:1"}}
    add("POST ~/identity-provider/instances", "saml", "with a SAML identity provider", {"bodyHasAny": {"providerId": ["saml"]}}, json=saml)


# fmt: on
VARIANTS = {operation: tuple(specs) for operation, specs in _variants().items()}
