"""The commands of a fix: Admin console, kcadm, curl and Terraform, for a grant and for a scope mapping.

Names are the request's own; only the server's address and the administrator's login are the operator's. In curl they are
``$KEYCLOAK_URL`` and ``$ADMIN_TOKEN``, kcadm.sh keeps them itself (``kcadm.sh config credentials``), Terraform's provider has them.

Each value is quoted for its place by ``shell``, ``url``, ``hcl`` or ``text``; what builds a command raises Unwritable where one cannot be. An id
that a command looks up is free text as well (who creates a client may choose its id), so that ``jq`` percent-encodes it.
"""

from dataclasses import dataclass

from kcproxy.explain.fixes import hcl, url
from kcproxy.explain.fixes.shell import Part, line, option, output_of, path, realm_option, repeated_option, segment, segment_option, word
from kcproxy.explain.text import shown
from kcproxy.model import RoleSet

_SERVICE_ACCOUNT_PREFIX = "service-account-"
_MAX_NAME_CHARACTERS = 300
"""Longer than any name that Keycloak takes: a step of the console has it whole."""


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
    def option(self) -> Part:
        """The option of kcadm.sh that names the account."""
        # An address may be the name, or what a mapper put into preferred_username instead of it.
        doubtful = self.username is not None and (self.username.startswith("-") or "@" in self.username)
        by_name = self.username is not None and not (doubtful and self.user_id is not None)
        return option("--uusername", self.username or "") if by_name else segment_option("--uid", self.user_id or "")


def kcadm_grant(to: Grantee, container: str | None, roles: RoleSet) -> str:
    """Add roles of a client (or, without one, of the realm) to the account."""
    realm, names = realm_option(to.realm), repeated_option("--rolename", roles)
    if container is None:
        return line("kcadm.sh add-roles {realm} {account} {names}", realm=realm, account=to.option, names=names)
    owner = option("--cclientid", container)
    return line("kcadm.sh add-roles {realm} {account} {owner} {names}", realm=realm, account=to.option, owner=owner, names=names)


def kcadm_scope(to: Grantee, container: str | None, roles: RoleSet) -> tuple[str, ...]:
    """Let roles of a client (or, without one, of the realm) through a client's scope; the endpoint takes a role's own representation, fetched first."""
    return tuple(_kcadm_scope_of(to, container, role) for role in roles)


def _kcadm_scope_of(to: Grantee, container: str | None, role: str) -> str:
    realm, client = realm_option(to.realm), _kcadm_client(to)
    if container is None:
        source, target = path("roles/{role}", role=segment(role)), path("clients/{client}/scope-mappings/realm", client=client)
    else:
        owner = kcadm_client_id(to.realm, container)
        source = path("clients/{owner}/roles/{role}", owner=owner, role=segment(role))
        target = path("clients/{client}/scope-mappings/clients/{owner}", client=client, owner=owner)
    read = output_of("kcadm.sh get {source} {realm}", source=source, realm=realm)
    return line("printf '[%s]' {read} | kcadm.sh create {target} {realm} -f -", read=read, target=target, realm=realm)


def _kcadm_client(to: Grantee) -> Part:
    return segment(to.client_uuid) if to.client_uuid else kcadm_client_id(to.realm, to.client_id or "")


def kcadm_client_id(realm: str, client_id: str) -> Part:
    """A client's internal id, looked up: a part of a path."""
    query = word("clientId=" + client_id)
    return output_of("kcadm.sh get clients {realm} -q {query} --fields id | jq -r '.[0].id|@uri'", realm=realm_option(realm), query=query)


_FIND_CLIENT = (
    'curl -sSf -G -H "Authorization: Bearer $ADMIN_TOKEN" "$KEYCLOAK_URL"/admin/realms/{realm}/clients'
    " --data-urlencode {query} | jq -r '.[0].id|@uri'"
)
_FIND_ACCOUNT = (
    'ACCOUNT=$(curl -sSf -G -H "Authorization: Bearer $ADMIN_TOKEN" "$KEYCLOAK_URL"/admin/realms/{realm}/users'
    " --data-urlencode {query} -d exact=true | jq -r '.[0].id|@uri')"
)
_READ_ROLE = 'curl -sSf -H "Authorization: Bearer $ADMIN_TOKEN" "$KEYCLOAK_URL"/admin/realms/{realm}/clients/"$OWNER"/roles/{role}'
_MAP_ROLE = (
    'curl -sSf -H "Authorization: Bearer $ADMIN_TOKEN" -H \'Content-Type: application/json\' -d @- "$KEYCLOAK_URL"/admin/realms/{realm}'
)
_TO_ACCOUNT = _READ_ROLE + " | jq '[.]' | " + _MAP_ROLE + '/users/"$ACCOUNT"/role-mappings/clients/"$OWNER"'
_TO_SCOPE = _READ_ROLE + " | jq '[.]' | " + _MAP_ROLE + '/clients/"$CLIENT"/scope-mappings/clients/"$OWNER"'


def curl_grant(to: Grantee, container: str, roles: RoleSet) -> tuple[str, ...]:
    """The three requests behind kcadm's one: the account's id, the owning client's id, the mapping."""
    realm = segment(to.realm)
    if to.user_id:
        account = line("ACCOUNT={account}", account=segment(to.user_id))
    else:
        account = line(_FIND_ACCOUNT, realm=realm, query=word("username=" + (to.username or "")))
    return (_curl_owner(realm, container), account, *(line(_TO_ACCOUNT, realm=realm, role=segment(role)) for role in roles))


def curl_scope(to: Grantee, container: str, roles: RoleSet) -> tuple[str, ...]:
    """The same for a scope mapping."""
    realm = segment(to.realm)
    client = line("CLIENT=$(" + _FIND_CLIENT + ")", realm=realm, query=word("clientId=" + (to.client_id or "")))
    return (_curl_owner(realm, container), client, *(line(_TO_SCOPE, realm=realm, role=segment(role)) for role in roles))


def _curl_owner(realm: Part, container: str) -> str:
    return line("OWNER=$(" + _FIND_CLIENT + ")", realm=realm, query=word("clientId=" + container))


def console_grant(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> tuple[str, ...]:
    """The way through the Admin console, by the words on its buttons."""
    if to.is_service_account and to.client_id:
        account = f"Clients, {_name(to.client_id)}, tab Service accounts roles"
    else:
        account = f"Users, {_name(to.username or to.user_id or 'the calling user')}, tab Role mapping"
    return (f"Choose the realm {_name(to.realm)}", account, *_console_assign(container, roles, version))


def console_scope(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> tuple[str, ...]:
    """The way to a client's own scope mappings."""
    client = _name(to.client_id or "the client")
    tab = f"Clients, {client}, tab Client scopes, {client}-dedicated, tab Scope"
    return (f"Choose the realm {_name(to.realm)}", tab, *_console_assign(container, roles, version))


def _console_assign(container: str | None, roles: RoleSet, version: tuple[int, ...]) -> tuple[str, ...]:
    names = " and ".join(map(shown, roles))
    if container is None:
        return ("Assign role, Realm roles", f"Tick {names}", "Assign")
    assign = "Assign role, Client roles" if version >= (26, 3) else "Assign role, Filter by clients"
    return (assign, f"Tick {names} of the client {_name(container)}", "Assign")


def _name(name: str) -> str:
    return shown(name, _MAX_NAME_CHARACTERS)


def console_url(base: str | None, to: Grantee) -> str | None:
    """A deep link to the account's role mappings (or, with the client's id known, its service account's tab)."""
    if to.client_uuid and to.is_service_account:
        return _console_link(base, to, "clients", to.client_uuid, "service-account")
    if to.user_id:
        return _console_link(base, to, "users", to.user_id, "role-mapping")
    return _console_link(base, to, "clients" if to.is_service_account else "users")


def console_scope_url(base: str | None, to: Grantee) -> str | None:
    """A deep link to the client's scopes, or to the list of clients."""
    return _console_link(base, to, "clients", to.client_uuid, "clientScopes") if to.client_uuid else _console_link(base, to, "clients")


def _console_link(base: str | None, to: Grantee, *place: str) -> str | None:
    origin = url.link(base)
    # The console's own addresses are in the fragment, so that the rest is a path of its own.
    return None if origin is None else url.link(f"{origin}{_CONSOLE}", to.realm, *place)


_CONSOLE = "/admin/master/console/#"


def terraform_grant(to: Grantee, container: str, roles: RoleSet, *, with_scope: bool = False) -> str | None:
    """Resources of the provider keycloak/keycloak; for service accounts only, since users are seldom kept in Terraform."""
    if not (to.is_service_account and to.client_id):
        return None
    grants = [hcl.filled(_SERVICE_ACCOUNT_ROLE, labels={"label": role}, role=role) for role in roles]
    return "\n\n".join([*_terraform_data(to, container), *grants, *(_terraform_mappings(roles) if with_scope else ())])


def terraform_scope(to: Grantee, container: str, roles: RoleSet) -> str | None:
    """The scope mapping as resources."""
    if not to.client_id:
        return None
    return "\n\n".join([*_terraform_data(to, container), *_terraform_mappings(roles)])


def _terraform_mappings(roles: RoleSet) -> list[str]:
    return [hcl.filled(_MAPPING, labels={"label": role}, role=role) for role in roles]


def _terraform_data(to: Grantee, container: str) -> tuple[str, ...]:
    caller = hcl.filled(_CLIENT, labels={"label": "caller"}, client_id=to.client_id or "")
    return (hcl.filled(_REALM, realm=to.realm), caller, hcl.filled(_CLIENT, labels={"label": "owner"}, client_id=container))


_REALM = """\
data "keycloak_realm" "target" {
  realm = %(realm)s
}"""
_CLIENT = """\
data "keycloak_openid_client" "%(label)s" {
  realm_id  = data.keycloak_realm.target.id
  client_id = %(client_id)s
}"""
_SERVICE_ACCOUNT_ROLE = """\
resource "keycloak_openid_client_service_account_role" "%(label)s" {
  realm_id                = data.keycloak_realm.target.id
  service_account_user_id = data.keycloak_openid_client.caller.service_account_user_id
  client_id               = data.keycloak_openid_client.owner.id
  role                    = %(role)s
}"""
_MAPPING = """\
data "keycloak_role" "%(label)s" {
  realm_id  = data.keycloak_realm.target.id
  client_id = data.keycloak_openid_client.owner.id
  name      = %(role)s
}

resource "keycloak_generic_role_mapper" "%(label)s" {
  realm_id  = data.keycloak_realm.target.id
  client_id = data.keycloak_openid_client.caller.id
  role_id   = data.keycloak_role.%(label)s.id
}"""
