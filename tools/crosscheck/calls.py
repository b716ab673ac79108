"""How each operation is called here: what stands for the parameters of its path, and what is sent."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tools.crosscheck.things import Things

REALM = "/admin/realms/{realm}"
PARAMETER = re.compile(r"\{([^}]+)\}")
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
Body = tuple[bytes, str]

# Tables read best with one case a line. The first pattern that the path up to a parameter matches names the kind of thing.
# fmt: off
KINDS: tuple[tuple[str, str], ...] = (
    (r"^/admin/(realms/)?\{$", "realm"),
    (r"/(client-scopes|client-templates)/\{$|default-(default|optional)-client-scopes/\{$|(default|optional)-client-scopes/\{$|ui-ext/[a-z-]+/clientScopes/\{$", "client-scope"),
    (r"client-(scopes|templates)/\{\}/protocol-mappers/models/\{$", "client-scope-mapper"),
    (r"/clients/\{\}/protocol-mappers/models/\{$", "client-mapper"),
    (r"~/clients/\{$|ui-ext/[a-z-]+/clients/\{$|(role|scope)-mappings/clients/\{$|composites/clients/\{$|offline-sessions/\{$", "client"),
    (r"authz/resource-server/resource/\{$", "authz-resource"),
    (r"authz/resource-server/scope/\{$", "authz-scope"),
    (r"authz/resource-server/policy/(\{\}/)?\{$", "authz-policy"),
    (r"authz/resource-server/permission/(\{\}/)?\{$", "authz-permission"),
    (r"~/clients/\{\}/roles/\{$", "client-role-name"),
    (r"~/clients-initial-access/\{$", "initial-access"),
    (r"~/roles/\{$", "role-name"),
    (r"~/roles-by-id/\{$|ui-ext/[a-z-]+/roles/\{$", "role"),
    (r"~/organizations/\{$", "organization"),
    (r"organizations/\{\}/groups/\{$", "organization-group"),
    (r"organizations/\{\}/groups/group-by-path/\{$", "organization-group-name"),
    (r"organizations/.*members/\{$", "member"),
    (r"organizations/\{\}/identity-providers/\{$", "organization-idp"),
    (r"~/group-by-path/\{$", "group-name"),
    (r"/groups/\{$|default-groups/\{$", "group"),
    (r"~/users/\{$|brute-force/users/\{$|ui-ext/([a-z-]+/)?users/\{$", "user"),
    (r"credentials/\{$|moveAfter/\{$", "credential"),
    (r"federated-identity/\{$|identity-provider/instances/\{$", "idp"),
    (r"identity-provider/instances/\{\}/mappers/\{$", "idp-mapper"),
    (r"consents/\{$", "client-id"),
    (r"~/sessions/\{$", "session"),
    (r"authentication/flows/\{flowAlias$", "flow-alias"),
    (r"authentication/flows/\{$", "flow"),
    (r"authentication/executions/\{$", "execution"),
    (r"authentication/(executions/\{\}/)?config/\{$", "execution-config"),
    (r"~/components/\{$", "keys"),
    (r"~/workflows/\{$", "workflow"),
    (r"workflows/scheduled/\{$|workflows/\{\}/(activate|deactivate|bind)/\{\}/\{$", "user"),
    (r"user-storage/\{$", "ldap"),
    (r"user-storage/\{\}/mappers/\{$", "ldap-mapper"),
)
WORDS: tuple[tuple[str, str], ...] = (
    (r"authentication/required-actions/\{$", "UPDATE_PROFILE"), (r"config-description/\{$", "auth-cookie"), (r"protocol/\{$", "openid-connect"),
    (r"certificates/\{$", "jwt.credential"), (r"evaluate-scopes/scope-mappings/\{$", "{client}"), (r"installation/providers/\{$", "keycloak-oidc-keycloak-json"),
    (r"nodes/\{$", "localhost"), (r"identity-provider/providers/\{$", "google"), (r"localization/\{$", "fr"), (r"localization/\{\}/\{$", "k"),
    (r"console/\{$", "index.html"), (r"index.\{$", "html"), (r"authentication-management/\{$", "clients"), (r"authentication-management/\{\}/\{$", "{flow}"),
    (r"organizations/\{\}/invitations/\{$", UNKNOWN_ID), (r"workflows/\{\}/(activate|deactivate|bind)/\{$", "USERS"),
)
# fmt: on


def path_of(method: str, path: str, things: Things, *, unknown: bool = False) -> str:
    """The path with objects of this realm in it; with `unknown` its last parameter is an id that does not exist. KeyError: not known how."""
    parts: list[str] = []
    at = 0
    found = list(PARAMETER.finditer(path))
    for match in found:
        before = PARAMETER.sub("{}", path[: match.start()]).replace("/admin/realms/{}", "~", 1)
        last = unknown and match is found[-1] and match[1] != "realm"
        parts += [path[at : match.start()], UNKNOWN_ID if last else _value(before, match[1], method, path, things)]
        at = match.end()
    query = next((query for leaf, query in QUERIES.items() if path.endswith(leaf)), "")
    return "".join([*parts, path[at:], PARAMETER.sub(lambda match: things(match[1]), query)])


def _value(before: str, name: str, method: str, path: str, things: Things) -> str:
    upto = "/admin/realms/{" if path.startswith(REALM) and before == "/admin/realms/" else before + "{"
    if "/authz/" in path and upto == "~/clients/{":
        return things("authz-client")
    if upto.endswith(("policy/{", "permission/{")) and _names_a_type(method, path):
        return "user" if "/policy/" in path else "resource"
    if name == "flowAlias":
        return things("flow-alias")
    for pattern, word in WORDS:
        if re.search(pattern, upto):
            return PARAMETER.sub(lambda match: things(match[1]), word)
    for pattern, kind in KINDS:
        if re.search(pattern, upto):
            return things(kind)
    raise KeyError(upto)


def _names_a_type(method: str, path: str) -> bool:
    """Whether the next `{type}` below a resource server is a kind of policy; if it stands alone it can be a policy's id."""
    if path.count("{type}") == 2 or path.endswith(("/providers", "/search", "/evaluate")):
        return True
    return method in {"GET", "POST"} and path.endswith("{type}")


def _role_list(path: str, things: Things) -> list[dict[str, str]]:
    """Roles to map or to take away: of the client that the path names last, otherwise of the realm."""
    if re.search(r"-mappings/clients/\{[^}]+\}$", path) or path.startswith(f"{REALM}/clients/{{client-uuid}}/roles/"):
        return [{"id": things("client-role"), "name": things("client-role-name")}]
    return [{"id": things("second-role"), "name": f"second{things.number}"}]


JSON_OF_TYPE: Mapping[str, Callable[[str, Things], Any]] = {
    "List<RoleRepresentation>": _role_list,
    "List<RoleDeleteRequest>": lambda _path, things: [{"roleId": things("second-role")}],
    "List<String>": lambda _path, _things: ["UPDATE_PASSWORD"],
    "List<ProtocolMapperRepresentation>": lambda _path, _things: [],
    "UserRepresentation": lambda _path, things: {"username": f"made{things.number}"},
    "GroupRepresentation": lambda _path, things: {"name": f"made{things.number}"},
    "RoleRepresentation": lambda _path, things: {"name": f"made{things.number}"},
    "ClientRepresentation": lambda _path, things: {"clientId": f"made{things.number}"},
    "ClientScopeRepresentation": lambda _path, things: {"name": f"made{things.number}", "protocol": "openid-connect"},
    "UPConfig": lambda _path, things: things.found("/users/profile"),
    "UIRealmRepresentation": lambda _path, things: {"realm": things.realm.name},
    "ResourceServerRepresentation": lambda _path, _things: {"policyEnforcementMode": "ENFORCING"},
    "PolicyEvaluationRequest": lambda _path, things: {"userId": things("user"), "resources": [], "context": {"attributes": {}}, "roleIds": []},
    "CredentialRepresentation": lambda _path, _things: {"type": "password", "value": "long-enough-2"},
    "IdentityProviderRepresentation": lambda _path, things: {"alias": f"made{things.number}", "providerId": "oidc"},
    "OrganizationRepresentation": lambda _path, things: {"name": f"made{things.number}", "domains": [{"name": f"made{things.number}.example"}]},
    "ComponentRepresentation": lambda _path, things: {"name": "k", "providerId": "hmac-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": things("realm-id"), "config": {}},
}  # fmt: skip
PLAIN: Mapping[str, str] = {"identity-providers": "idp", "members": "user"}
"""Bodies that are a bare id, by the end of the path."""
QUERIES: Mapping[str, str] = {
    "/ui-ext/sessions/client": "?clientId={client-id}&type=ALL",
    **{f"/generate-example-{what}": "?scope=openid&userId={user}" for what in ("access-token", "id-token", "userinfo", "saml-response")},
}
"""Without these the server fails before it asks who calls."""
MULTIPART = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{}\r\n--x--\r\n', "multipart/form-data; boundary=x")


def body_of(operation: Mapping[str, Any], things: Things) -> Body | None:
    """What is sent; None for nothing."""
    consumes, kind = operation.get("consumes", []), _type(operation.get("bodyType", ""))
    leaf = operation["path"].rsplit("/", 1)[1]
    if leaf in PLAIN and kind == "String":
        return things(PLAIN[leaf]).encode(), "application/json"
    if "multipart/form-data" in consumes:
        return MULTIPART
    if "application/x-www-form-urlencoded" in consumes:
        return b"id=" + things("user").encode() + b"&email=x%40crosscheck.example", "application/x-www-form-urlencoded"
    if "text/plain" in consumes and "application/json" not in consumes:
        return b"word", "text/plain"
    if kind in JSON_OF_TYPE:
        return json.dumps(JSON_OF_TYPE[kind](operation["path"], things)).encode(), "application/json"
    return (b"{}", "application/json") if kind or consumes else None


def _type(name: str) -> str:
    return re.sub(r"[a-z][a-zA-Z0-9]*\.", "", name)
