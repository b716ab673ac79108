"""The commands of a fix for kcadm.sh and curl: a grant, and a scope mapping.

Names are the request's own; only the server's address and the administrator's login are the operator's. In curl they are
``$KEYCLOAK_URL`` and ``$ADMIN_TOKEN``; kcadm.sh stores them itself (``kcadm.sh config credentials``).

Each value is quoted for its place by ``shell`` and ``url``; what builds a command raises Unwritable if no command is possible. An id
that a command looks up is free text as well (who creates a client may choose its id), so ``jq`` percent-encodes it.
"""

from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.shell import Part, line, option, output_of, realm_option, repeated_option, segment, segment_option, word
from kcproxy.model import RoleSet

Lines = tuple[str, ...]


def kcadm_grant(to: Grantee, container: str | None, roles: RoleSet) -> str:
    """Add roles of a client (or, without one, of the realm) to the account."""
    return _kcadm_roles("add-roles", to, container, roles)


def kcadm_revoke(to: Grantee, container: str | None, roles: RoleSet) -> str:
    """Remove directly granted roles of a client (or, without one, of the realm) from the account."""
    return _kcadm_roles("remove-roles", to, container, roles)


def _kcadm_roles(command: str, to: Grantee, container: str | None, roles: RoleSet) -> str:
    realm, names, account, what = realm_option(to.realm), repeated_option("--rolename", roles), _kcadm_account(to), word(command)
    if container is None:
        return line("kcadm.sh {what} {realm} {account} {names}", what=what, realm=realm, account=account, names=names)
    owner = option("--cclientid", container)
    return line("kcadm.sh {what} {realm} {account} {owner} {names}", what=what, realm=realm, account=account, owner=owner, names=names)


def _kcadm_account(to: Grantee) -> Part:
    return option("--uusername", to.by_name) if to.by_name is not None else segment_option("--uid", to.user_id or "")


def kcadm_scope(to: Grantee, container: str | None, roles: RoleSet) -> Lines:
    """Let roles of a client (or, without one, of the realm) through a client's scope; the endpoint takes a role's own representation, fetched first.

    One line for each role, whose commands run one after the other: two that run at once and both renew the login fail ("Failed to get lock").
    """
    return tuple(_kcadm_scope_of(to, container, role) for role in roles)


_KCADM_ID = "kcadm.sh get clients {realm} -q {query} --fields id | jq -r '.[0].id|@uri'"
_KCADM_CLIENT = "CLIENT={client} && "
_KCADM_OWNER = "OWNER={owner} && "
_KCADM_OF_CLIENT = (
    'ROLE=$(kcadm.sh get clients/"$OWNER"/roles/{role} {realm}) && '
    'kcadm.sh create clients/"$CLIENT"/scope-mappings/clients/"$OWNER" {realm} -b "[$ROLE]"'
)
_KCADM_OF_REALM = 'ROLE=$(kcadm.sh get roles/{role} {realm}) && kcadm.sh create clients/"$CLIENT"/scope-mappings/realm {realm} -b "[$ROLE]"'


def _kcadm_scope_of(to: Grantee, container: str | None, role: str) -> str:
    realm, client, name = realm_option(to.realm), _kcadm_client(to), segment(role)
    if container is None:
        return line(_KCADM_CLIENT + _KCADM_OF_REALM, client=client, role=name, realm=realm)
    owner = kcadm_client_id(to.realm, container)
    return line(_KCADM_OWNER + _KCADM_CLIENT + _KCADM_OF_CLIENT, owner=owner, client=client, role=name, realm=realm)


def _kcadm_client(to: Grantee) -> Part:
    return segment(to.client_uuid) if to.client_uuid else kcadm_client_id(to.realm, to.client_id or "")


def kcadm_client_id(realm: str, client_id: str) -> Part:
    """A client's internal id, looked up: a part of a path."""
    query = word("clientId=" + client_id)
    return output_of(_KCADM_ID, realm=realm_option(realm), query=query)


NO_URL = "KEYCLOAK_URL is not set: set it to the address of Keycloak, with its base path"
WITHOUT_LOGIN = (
    "ADMIN_TOKEN is not set: set it to an access token of an administrator. This asks for the password and puts it on no command line: "
    'stty -echo; read -r PASSWORD; stty echo; ADMIN_TOKEN=$(printf %s "$PASSWORD" | curl -sSf '
    '"$KEYCLOAK_URL"/realms/master/protocol/openid-connect/token -d grant_type=password -d client_id=admin-cli -d username=admin '
    "--data-urlencode password@- | jq -r .access_token)"
)
NO_JQ = "jq is not installed: install the package jq"
CURL_HEAD: Lines = (
    "(",
    "set -eu",
    f"[ -n \"${{KEYCLOAK_URL:-}}\" ] || {{ echo '{NO_URL}' >&2; exit 1; }}",
    f"[ -n \"${{ADMIN_TOKEN:-}}\" ] || {{ echo '{WITHOUT_LOGIN}' >&2; exit 1; }}",
    f"command -v jq >/dev/null || {{ echo '{NO_JQ}' >&2; exit 1; }}",
    'keycloak() { printf \'header = "Authorization: Bearer %s"\\n\' "$ADMIN_TOKEN" | curl -sSf -K - "$@"; }',
)
"""Checks before the first request, and a function that gives curl the token by its standard input: command lines can be read by others.

All lines form one subshell: the first failure ends it with one message, also if the lines are pasted at a prompt.
"""
CURL_TAIL: Lines = (")",)
_ID = "jq -r '(.[0].id // error(\"Keycloak has nothing with this name\"))|@uri'"
_FIND = 'keycloak -G "$KEYCLOAK_URL"/admin/realms/{realm}/{things} --data-urlencode {query}'
_READ = 'ROLE=$(keycloak "$KEYCLOAK_URL"/admin/realms/{realm}/'
_OF_CLIENT, _OF_REALM = 'clients/"$OWNER"/roles/{role})', "roles/{role})"
_MAP = 'keycloak -H \'Content-Type: application/json\' -d "[$ROLE]" "$KEYCLOAK_URL"/admin/realms/{realm}/'
_ACCOUNT, _CLIENT = 'users/"$ACCOUNT"/role-mappings/', 'clients/"$CLIENT"/scope-mappings/'
_UNMAP = 'keycloak -X DELETE -H \'Content-Type: application/json\' -d "[$ROLE]" "$KEYCLOAK_URL"/admin/realms/{realm}/'
_ROLE_OF_CLIENT, _ROLE_OF_REALM = 'clients/"$OWNER"', "realm"
_CLIENTS, _USERS = segment("clients"), segment("users")


def curl_grant(to: Grantee, container: str | None, roles: RoleSet, *, with_scope: bool = False) -> Lines:
    """The requests behind kcadm's one: the account's id, the owning client's id, the mappings. ``with_scope``: and those of ``curl_scope``."""
    ids = (_curl_account(to), *((_curl_client(to),) if with_scope else ()))
    mappings = (_to_account(to, container), *((_to_scope(to, container),) if with_scope else ()))
    return _whole(to, container, ids, roles, mappings)


def curl_revoke(to: Grantee, container: str | None, roles: RoleSet) -> Lines:
    """The requests behind kcadm's removal."""
    return _whole(to, container, (_curl_account(to),), roles, (_from_account(to, container),))


def curl_scope(to: Grantee, container: str | None, roles: RoleSet) -> Lines:
    """Scope mappings alone."""
    return _whole(to, container, (_curl_client(to),), roles, (_to_scope(to, container),))


def _whole(to: Grantee, container: str | None, ids: Lines, roles: RoleSet, mappings: Lines) -> Lines:
    owner = () if container is None else (_curl_owner(to, container),)
    return (*CURL_HEAD, *owner, *ids, *(text for role in roles for text in (_curl_role(to, container, role), *mappings)), *CURL_TAIL)


def _curl_role(to: Grantee, container: str | None, role: str) -> str:
    if container is None:
        return line(_READ + _OF_REALM, realm=segment(to.realm), role=segment(role))
    return line(_READ + _OF_CLIENT, realm=segment(to.realm), role=segment(role))


def _to_account(to: Grantee, container: str | None) -> str:
    if container is None:
        return line(_MAP + _ACCOUNT + _ROLE_OF_REALM, realm=segment(to.realm))
    return line(_MAP + _ACCOUNT + _ROLE_OF_CLIENT, realm=segment(to.realm))


def _from_account(to: Grantee, container: str | None) -> str:
    if container is None:
        return line(_UNMAP + _ACCOUNT + _ROLE_OF_REALM, realm=segment(to.realm))
    return line(_UNMAP + _ACCOUNT + _ROLE_OF_CLIENT, realm=segment(to.realm))


def _to_scope(to: Grantee, container: str | None) -> str:
    if container is None:
        return line(_MAP + _CLIENT + _ROLE_OF_REALM, realm=segment(to.realm))
    return line(_MAP + _CLIENT + _ROLE_OF_CLIENT, realm=segment(to.realm))


def _curl_owner(to: Grantee, container: str) -> str:
    query = word("clientId=" + container)
    return line("OWNER=$(" + _FIND + '); OWNER=$(printf %s "$OWNER" | ' + _ID + ")", realm=segment(to.realm), things=_CLIENTS, query=query)


PERMISSIONS_CLIENT = "admin-permissions"
PERMISSIONS = Part('"$PERMISSIONS"', inside="$PERMISSIONS")
"""The internal ID that ``curl_permissions_client`` looks up: a part of a path."""


def curl_permissions_client(realm: str) -> str:
    """Looks up the internal ID of the client that holds the fine-grained permissions of a realm."""
    query = word("clientId=" + PERMISSIONS_CLIENT)
    return line(
        "PERMISSIONS=$(" + _FIND + '); PERMISSIONS=$(printf %s "$PERMISSIONS" | ' + _ID + ")",
        realm=segment(realm),
        things=_CLIENTS,
        query=query,
    )


def _curl_account(to: Grantee) -> str:
    if to.user_id:
        return line("ACCOUNT={account}", account=segment(to.user_id))
    query = word("username=" + (to.username or ""))
    return line(
        "ACCOUNT=$(" + _FIND + ' -d exact=true); ACCOUNT=$(printf %s "$ACCOUNT" | ' + _ID + ")",
        realm=segment(to.realm),
        things=_USERS,
        query=query,
    )


def _curl_client(to: Grantee) -> str:
    if to.client_uuid:
        return line("CLIENT={client}", client=segment(to.client_uuid))
    query = word("clientId=" + (to.client_id or ""))
    return line(
        "CLIENT=$(" + _FIND + '); CLIENT=$(printf %s "$CLIENT" | ' + _ID + ")", realm=segment(to.realm), things=_CLIENTS, query=query
    )
