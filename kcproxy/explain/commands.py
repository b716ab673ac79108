"""The commands of a fix: Admin console, kcadm, curl and Terraform, for a grant and for a scope mapping.

Names are the request's own; only the server's address and the administrator's login are the operator's. In curl they are
``$KEYCLOAK_URL`` and ``$ADMIN_TOKEN``, kcadm.sh keeps them itself (``kcadm.sh config credentials``), Terraform's provider has them.
"""

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from kcproxy.explain.shell import command, option, options, quoted, realm_option
from kcproxy.model import RoleSet

_JSON_HEADER = "-H 'Content-Type: application/json'"
_BEARER = '-H "Authorization: Bearer $ADMIN_TOKEN"'
_SERVICE_ACCOUNT_PREFIX = "service-account-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grantee:
    """Who receives a role: the account's realm and name, its id where the token or a look-up gives it, its client."""

    realm: str
    username: str | None
    user_id: str | None = None
    client_id: str | None = None
    client_uuid: str | None = None

    @property
    def is_service_account(self) -> bool:
        """Whether the account is that of the client; an exchanged token may be of another client's."""
        return self.client_id is not None and self.username == _SERVICE_ACCOUNT_PREFIX + self.client_id.lower()

    @property
    def is_named(self) -> bool:
        """Whether a command can name the account at all; some lightweight tokens show neither name nor id."""
        return self.username is not None or self.user_id is not None

    @property
    def option(self) -> str:
        """The option of kcadm.sh that names the account."""
        # An address may be the name, or what a mapper put into preferred_username instead of it.
        doubtful = self.username is not None and (self.username.startswith("-") or "@" in self.username)
        by_name = self.username is not None and not (doubtful and self.user_id is not None)
        return option("--uusername", self.username or "") if by_name else option("--uid", self.user_id or "")


def kcadm_grant(to: Grantee, container: str | None, roles: RoleSet) -> str:
    """Add roles of a client (or, without one, of the realm) to the account."""
    if container is None:
        return command("kcadm.sh add-roles", realm_option(to.realm), to.option, options("--rolename", roles))
    return command("kcadm.sh add-roles", realm_option(to.realm), to.option, option("--cclientid", container), options("--rolename", roles))


def kcadm_scope(to: Grantee, container: str | None, roles: RoleSet) -> tuple[str, ...]:
    """Let roles of a client (or, without one, of the realm) through a client's scope; the endpoint takes a role's own representation, fetched first."""
    realm = realm_option(to.realm)
    if container is None:
        client = _kcadm_client(realm, to)
        return tuple(
            f"""printf '[%s]' "$(kcadm.sh get roles/{_segment(role)} {realm})" | kcadm.sh create clients/{client}/scope-mappings/realm {realm} -f -"""
            for role in roles
        )
    owner, client = _kcadm_id(realm, container), _kcadm_client(realm, to)
    return tuple(
        f"""printf '[%s]' "$(kcadm.sh get clients/{owner}/roles/{_segment(role)} {realm})" """
        f"| kcadm.sh create clients/{client}/scope-mappings/clients/{owner} {realm} -f -"
        for role in roles
    )


def _kcadm_client(realm: str, to: Grantee) -> str:
    return to.client_uuid or _kcadm_id(realm, to.client_id or "")


def _kcadm_id(realm: str, client_id: str) -> str:
    return f"$(kcadm.sh get clients {realm} -q {quoted('clientId=' + client_id)} --fields id --format csv --noquotes)"


def curl_grant(to: Grantee, container: str, roles: RoleSet) -> tuple[str, ...]:
    """The three requests behind kcadm's one: the account's id, the owning client's id, the mapping."""
    base = f'"$KEYCLOAK_URL"/admin/realms/{_segment(to.realm)}'
    lines = [f"OWNER=$({_curl_client_id(base, container)})"]
    if to.user_id:
        lines.append(f"ACCOUNT={quoted(to.user_id)}")
    else:
        find = f"curl -sSf -G {_BEARER} {base}/users --data-urlencode {quoted('username=' + (to.username or ''))} -d exact=true"
        lines.append(f"ACCOUNT=$({find} | jq -r '.[0].id')")
    target = f'{base}/users/"$ACCOUNT"/role-mappings/clients/"$OWNER"'
    return (*lines, *(_curl_map(base, role, target) for role in roles))


def curl_scope(to: Grantee, container: str, roles: RoleSet) -> tuple[str, ...]:
    """The same for a scope mapping."""
    base = f'"$KEYCLOAK_URL"/admin/realms/{_segment(to.realm)}'
    client = f"CLIENT=$({_curl_client_id(base, to.client_id or '')})"
    target = f'{base}/clients/"$CLIENT"/scope-mappings/clients/"$OWNER"'
    return (f"OWNER=$({_curl_client_id(base, container)})", client, *(_curl_map(base, role, target) for role in roles))


def _curl_client_id(base: str, client_id: str) -> str:
    return f"curl -sSf -G {_BEARER} {base}/clients --data-urlencode {quoted('clientId=' + client_id)} | jq -r '.[0].id'"


def _curl_map(base: str, role: str, target: str) -> str:
    read = f'curl -sSf {_BEARER} {base}/clients/"$OWNER"/roles/{_segment(role)}'
    return f"{read} | jq '[.]' | curl -sSf {_BEARER} {_JSON_HEADER} -d @- {target}"


def _segment(name: str) -> str:
    return quoted(quote(name, safe=""))


def console_grant(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> tuple[str, ...]:
    """The way through the Admin console, by the words on its buttons."""
    realm = f"Choose the realm {to.realm}"
    if to.is_service_account and to.client_id:
        way = (realm, f"Clients, {to.client_id}, tab Service accounts roles")
    else:
        way = (realm, f"Users, {to.username or to.user_id or 'the calling user'}, tab Role mapping")
    if container is None:
        return (*way, "Assign role, Realm roles", f"Tick {_listed(roles)}", "Assign")
    assign = "Assign role, Client roles" if version >= (26, 3) else "Assign role, Filter by clients"
    return (*way, assign, f"Tick {_listed(roles)} of the client {container}", "Assign")


def console_scope(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> tuple[str, ...]:
    """The way to a client's own scope mappings."""
    client = to.client_id or "the client"
    way = (f"Choose the realm {to.realm}", f"Clients, {client}, tab Client scopes, {client}-dedicated, tab Scope")
    if container is None:
        return (*way, "Assign role, Realm roles", f"Tick {_listed(roles)}", "Assign")
    assign = "Assign role, Client roles" if version >= (26, 3) else "Assign role, Filter by clients"
    return (*way, assign, f"Tick {_listed(roles)} of the client {container}", "Assign")


def console_url(base: str | None, to: Grantee) -> str | None:
    """A deep link to the account's role mappings (or, with the client's id known, its service account's tab)."""
    if base is None:
        return None
    start = f"{base.rstrip('/')}/admin/master/console/#/{quote(to.realm, safe='')}"
    if to.client_uuid and to.is_service_account:
        return f"{start}/clients/{quote(to.client_uuid, safe='')}/service-account"
    if to.user_id:
        return f"{start}/users/{quote(to.user_id, safe='')}/role-mapping"
    return f"{start}/clients" if to.is_service_account else f"{start}/users"


def console_scope_url(base: str | None, to: Grantee) -> str | None:
    """A deep link to the client's scopes, or to the list of clients."""
    if base is None:
        return None
    start = f"{base.rstrip('/')}/admin/master/console/#/{quote(to.realm, safe='')}/clients"
    return f"{start}/{quote(to.client_uuid, safe='')}/clientScopes" if to.client_uuid else start


def terraform_grant(to: Grantee, container: str, roles: RoleSet, *, with_scope: bool = False) -> str | None:
    """Resources of the provider keycloak/keycloak; for service accounts only, since users are seldom kept in Terraform."""
    if not (to.is_service_account and to.client_id):
        return None
    blocks = [_terraform_realm(to.realm), _terraform_client("caller", to.client_id), _terraform_client("owner", container)]
    blocks += [_terraform_role(role) for role in roles]
    return "\n\n".join(blocks + [_terraform_mapping(role) for role in roles if with_scope])


def terraform_scope(to: Grantee, container: str, roles: RoleSet) -> str | None:
    """The scope mapping as resources."""
    if not to.client_id:
        return None
    blocks = [_terraform_realm(to.realm), _terraform_client("caller", to.client_id), _terraform_client("owner", container)]
    return "\n\n".join(blocks + [_terraform_mapping(role) for role in roles])


def _terraform_realm(realm: str) -> str:
    return f'data "keycloak_realm" "target" {{\n  realm = {_hcl(realm)}\n}}'


def _terraform_client(label: str, client_id: str) -> str:
    body = f"  realm_id  = data.keycloak_realm.target.id\n  client_id = {_hcl(client_id)}"
    return f'data "keycloak_openid_client" "{label}" {{\n{body}\n}}'


def _terraform_role(role: str) -> str:
    lines = (
        "  realm_id                = data.keycloak_realm.target.id",
        "  service_account_user_id = data.keycloak_openid_client.caller.service_account_user_id",
        "  client_id               = data.keycloak_openid_client.owner.id",
        f"  role                    = {_hcl(role)}",
    )
    return f'resource "keycloak_openid_client_service_account_role" "{_label(role)}" {{\n' + "\n".join(lines) + "\n}"


def _terraform_mapping(role: str) -> str:
    label = _label(role)
    lines = (
        "  realm_id  = data.keycloak_realm.target.id",
        "  client_id = data.keycloak_openid_client.owner.id",
        f"  name      = {_hcl(role)}",
    )
    data = f'data "keycloak_role" "{label}" {{\n' + "\n".join(lines) + "\n}"
    mapping = (
        "  realm_id  = data.keycloak_realm.target.id",
        "  client_id = data.keycloak_openid_client.caller.id",
        f"  role_id   = data.keycloak_role.{label}.id",
    )
    return data + f'\n\nresource "keycloak_generic_role_mapper" "{label}" {{\n' + "\n".join(mapping) + "\n}"


def _label(role: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", role)


def _hcl(text: str) -> str:
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")


def _listed(roles: RoleSet) -> str:
    return " and ".join(roles)
