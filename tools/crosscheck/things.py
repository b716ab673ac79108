"""What the calls are about: objects of one realm, made when a call first names their kind."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tools.crosscheck.server import Keycloak

SECRET = "crosscheck-secret"
LIFESPAN_SECONDS = 7200
NUMBERS = count(1)


@dataclass(slots=True, kw_only=True)
class Realm:
    """A realm of its own, its management client with the ids of its roles."""

    server: Keycloak
    name: str
    organizations: bool
    management: str = ""
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Below the server's address."""
        return f"/admin/realms/{self.name}"

    def admin(self, method: str, path: str, value: Any = None) -> Any:
        """As administrator below the realm."""
        return self.server.admin(method, self.path + path, value)

    def account(self, *names: str) -> str:
        """The token of a new service account that holds exactly these roles of realm-management."""
        client_id = f"caller-{next(NUMBERS)}"
        body = {"clientId": client_id, "secret": SECRET, "serviceAccountsEnabled": True, "publicClient": False}
        client = self.admin("POST", "/clients", body).made
        user = self.admin("GET", f"/clients/{client}/service-account-user").body["id"]
        granted = [{"id": self.roles[name], "name": name} for name in names]
        if granted:
            self.admin("POST", f"/users/{user}/role-mappings/clients/{self.management}", granted)
        return self.server.token(self.name, client_id=client_id, client_secret=SECRET, grant_type="client_credentials")


def new_realm(server: Keycloak, *, organizations: bool) -> Realm:
    """A realm that nobody used before."""
    name = f"crosscheck-{time.time_ns():x}"
    server.log_in()
    body = {"realm": name, "enabled": True, "accessTokenLifespan": LIFESPAN_SECONDS, "sslRequired": "none"}
    body["passwordPolicy"] = "hashIterations(1)"
    server.admin("POST", "/admin/realms", body)
    server.log_in()
    realm = Realm(server=server, name=name, organizations=organizations)
    if organizations:
        realm.admin("PUT", "", {"organizationsEnabled": True})
    realm.management = realm.admin("GET", "/clients?clientId=realm-management").body[0]["id"]
    realm.roles = {role["name"]: role["id"] for role in realm.admin("GET", f"/clients/{realm.management}/roles").body}
    return realm


@dataclass(slots=True, kw_only=True)
class Things:
    """The objects of one call: `thing("user")` makes a user the first time and names the same one afterwards."""

    realm: Realm
    number: int = field(default_factory=lambda: next(NUMBERS))
    given: Mapping[str, str] = field(default_factory=dict)
    """What is there already, by kind."""
    _made: dict[str, str] = field(default_factory=dict)

    def __call__(self, kind: str) -> str:
        if kind in self.given:
            return self.given[kind]
        if kind not in self._made:
            self._made[kind] = MAKERS[kind](self)
        return self._made[kind]

    def made(self, path: str, value: Any) -> str:
        """Create by POST, give the id that the Location ends with."""
        return str(self.realm.admin("POST", path, value).made)

    def found(self, path: str) -> Any:
        """What is there."""
        return self.realm.admin("GET", path).body


def _user(things: Things) -> str:
    mail = f"u{things.number}@crosscheck.example"
    credentials = [{"type": "password", "value": "long-enough-1"}]
    return things.made("/users", {"username": f"user{things.number}", "email": mail, "enabled": True, "credentials": credentials})


def _role(things: Things, name: str) -> str:
    things.realm.admin("POST", "/roles", {"name": name})
    return str(things.found(f"/roles/{name}")["id"])


def _client_role(things: Things) -> str:
    things.realm.admin("POST", f"/clients/{things('client')}/roles", {"name": f"crole{things.number}"})
    return str(things.found(f"/clients/{things('client')}/roles/crole{things.number}")["id"])


def _authz_client(things: Things) -> str:
    body = {"clientId": f"az{things.number}", "secret": SECRET, "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
    return things.made("/clients", body | {"publicClient": False})


def _authz(things: Things, leaf: str, value: Any, key: str) -> str:
    reply = things.realm.admin("POST", f"/clients/{things('authz-client')}/authz/resource-server/{leaf}", value)
    return str(reply.body[key])


def _mapper(things: Things, owner: str) -> str:
    body = {"name": f"m{things.number}", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "config": {}}
    return things.made(f"{owner}/protocol-mappers/models", body | {"config": {"claim.name": "c", "user.attribute": "a"}})


def _idp(things: Things) -> str:
    config = {"clientId": "x", "clientSecret": "y", "authorizationUrl": "http://localhost:1/a", "tokenUrl": "http://localhost:1/t"}
    return things.made("/identity-provider/instances", {"alias": f"idp{things.number}", "providerId": "oidc", "config": config})


def _idp_mapper(things: Things) -> str:
    body = {"name": f"im{things.number}", "identityProviderMapper": "oidc-username-idp-mapper", "config": {"syncMode": "INHERIT"}}
    alias = things("idp")
    return things.made(f"/identity-provider/instances/{alias}/mappers", body | {"identityProviderAlias": alias})


def _flow(things: Things) -> str:
    body = {"alias": f"flow{things.number}", "providerId": "basic-flow", "topLevel": True, "builtIn": False}
    return things.made("/authentication/flows", body)


def _execution(things: Things) -> str:
    things("flow")
    path = f"/authentication/flows/flow{things.number}/executions/execution"
    return things.made(path, {"provider": "identity-provider-redirector"})


def _execution_config(things: Things) -> str:
    return things.made(
        f"/authentication/executions/{things('execution')}/config", {"alias": f"ec{things.number}", "config": {"defaultProvider": "x"}}
    )


def _component(things: Things, provider: str, kind: str, parent: str, config: dict[str, list[str]]) -> str:
    body = {"name": f"co{things.number}", "providerId": provider, "providerType": kind, "parentId": parent, "config": config}
    return things.made("/components", body)


LDAP = {
    "enabled": ["false"], "vendor": ["other"], "connectionUrl": ["ldap://localhost:1"], "usersDn": ["ou=p"], "authType": ["none"], "editMode": ["READ_ONLY"],
    "usernameLDAPAttribute": ["uid"], "rdnLDAPAttribute": ["uid"], "uuidLDAPAttribute": ["entryUUID"], "userObjectClasses": ["person"],
}  # fmt: skip


def _ldap(things: Things) -> str:
    return _component(things, "ldap", "org.keycloak.storage.UserStorageProvider", things("realm-id"), LDAP)


def _ldap_mapper(things: Things) -> str:
    config = {"ldap.attribute": ["cn"], "user.model.attribute": ["firstName"], "read.only": ["true"]}
    kind = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
    return _component(things, "user-attribute-ldap-mapper", kind, things("ldap"), config)


def _keys(things: Things) -> str:
    return _component(things, "hmac-generated", "org.keycloak.keys.KeyProvider", things("realm-id"), {"priority": ["0"]})


def _session(things: Things) -> str:
    things("user")
    body = {"clientId": f"login{things.number}", "publicClient": True, "directAccessGrantsEnabled": True}
    client = things.made("/clients", body)
    user = f"user{things.number}"
    details = {
        "username": user,
        "email": f"u{things.number}@crosscheck.example",
        "firstName": "A",
        "lastName": "B",
        "enabled": True,
        "emailVerified": True,
    }
    things.realm.admin("PUT", f"/users/{things('user')}", details)
    things.realm.server.token(
        things.realm.name, client_id=f"login{things.number}", grant_type="password", username=user, password="long-enough-1"
    )
    return str(things.found(f"/clients/{client}/user-sessions")[0]["id"])


def _organization(things: Things) -> str:
    return things.made("/organizations", {"name": f"org{things.number}", "domains": [{"name": f"org{things.number}.example"}]})


def _raw(things: Things, path: str, text: str) -> None:
    realm = things.realm
    reply = realm.server.send("POST", realm.path + path, token=realm.server.admin_token, data=text.encode())
    if reply.status >= 400:
        raise RuntimeError(f"POST {path}: {reply.status} {reply.body}")


def _member(things: Things) -> str:
    _raw(things, f"/organizations/{things('organization')}/members", things("user"))
    return things("user")


def _organization_idp(things: Things) -> str:
    _raw(things, f"/organizations/{things('organization')}/identity-providers", things("idp"))
    return things("idp")


def _group(things: Things) -> str:
    return things.made("/groups", {"name": f"group{things.number}"})


MAKERS: dict[str, Callable[[Things], str]] = {
    "realm": lambda things: things.realm.name,
    "realm-id": lambda things: str(things.found("")["id"]),
    "management": lambda things: things.realm.management,
    "user": _user,
    "role": lambda things: _role(things, f"role{things.number}"),
    "role-name": lambda things: f"role{things.number}" if things("role") else "",
    "second-role": lambda things: _role(things, f"second{things.number}"),
    "client": lambda things: things.made("/clients", {"clientId": f"client{things.number}", "secret": SECRET, "publicClient": False, "serviceAccountsEnabled": True}),
    "client-id": lambda things: f"client{things.number}" if things("client") else "",
    "client-role": _client_role,
    "client-role-name": lambda things: f"crole{things.number}" if things("client-role") else "",
    "client-mapper": lambda things: _mapper(things, f"/clients/{things('client')}"),
    "client-scope": lambda things: things.made("/client-scopes", {"name": f"scope{things.number}", "protocol": "openid-connect"}),
    "client-scope-mapper": lambda things: _mapper(things, f"/client-scopes/{things('client-scope')}"),
    "initial-access": lambda things: str(things.realm.admin("POST", "/clients-initial-access", {"count": 1, "expiration": 60}).body["id"]),
    "authz-client": _authz_client,
    "authz-resource": lambda things: _authz(things, "resource", {"name": f"r{things.number}"}, "_id"),
    "authz-scope": lambda things: _authz(things, "scope", {"name": f"s{things.number}"}, "id"),
    "authz-policy": lambda things: _authz(things, "policy/user", {"name": f"p{things.number}", "users": [things("user")]}, "id"),
    "authz-permission": lambda things: _authz(things, "permission/resource", {"name": f"q{things.number}", "resources": [things("authz-resource")]}, "id"),
    "group": _group,
    "group-name": lambda things: f"group{things.number}" if things("group") else "",
    "idp": _idp,
    "idp-mapper": _idp_mapper,
    "flow": _flow,
    "flow-alias": lambda things: f"flow{things.number}" if things("flow") else "",
    "execution": _execution,
    "execution-config": _execution_config,
    "ldap": _ldap,
    "ldap-mapper": _ldap_mapper,
    "keys": _keys,
    "credential": lambda things: str(things.found(f"/users/{things('user')}/credentials")[0]["id"]),
    "session": _session,
    "workflow": lambda things: things.made("/workflows", {"name": f"wf{things.number}", "on": "user_created", "steps": [{"uses": "disable-user", "after": "9000000"}]}),
    "organization": _organization,
    "member": _member,
    "organization-idp": _organization_idp,
    "organization-group": lambda things: things.made(f"/organizations/{things('organization')}/groups", {"name": f"og{things.number}"}),
    "organization-group-name": lambda things: f"og{things.number}" if things("organization-group") else "",
}  # fmt: skip
