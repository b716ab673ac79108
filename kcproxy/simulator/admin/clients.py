"""ClientsResource and ClientResource: clients, their secret, their service account."""

from collections.abc import Mapping
from typing import Any

from kcproxy.simulator import represent
from kcproxy.simulator.call import NO_CONTENT, Call, Play, Refusal, Reply, listed
from kcproxy.simulator.state import Client


def list_clients(call: Call) -> Reply:
    """ClientsResource#getClients."""
    wanted, search = call.one("clientId"), call.flag("search")
    found = [client for client in call.realm.clients.values() if _fits(client, wanted, search=search)]
    return listed([_shown(call, client) for client in call.page(sorted(found, key=lambda client: client.client_id))])


def _fits(client: Client, wanted: str, *, search: bool) -> bool:
    return not wanted or client.client_id == wanted or (search and wanted in client.client_id)


def _shown(call: Call, client: Client) -> dict[str, Any]:
    return represent.client(client, call.realm, call.world.dialect, manage="manage-clients" in call.roles)


def create_client(call: Call) -> Reply:
    """ClientsResource#createClient."""
    fields = call.fields()
    client_id = str(fields.get("clientId") or "")
    if not client_id:
        raise Refusal(400, message="Client ID is missing")
    if call.realm.client(client_id) is not None:
        raise Refusal(409, message=f"Client {client_id} already exists")
    client = Client(client_id=client_id)
    call.realm.clients[client.id] = client
    _take(call, client, fields)
    return Reply(status=201, at=call.created("clients", client.id))


def _take(call: Call, client: Client, fields: Mapping[str, Any]) -> None:
    """Set the members that are present. A confidential client gets a secret, and one with service accounts a user."""
    client.client_id = str(fields.get("clientId", client.client_id))
    client.enabled = bool(fields.get("enabled", client.enabled))
    client.public = bool(fields.get("publicClient", client.public))
    client.bearer_only = bool(fields.get("bearerOnly", client.bearer_only))
    client.standard_flow = bool(fields.get("standardFlowEnabled", client.standard_flow))
    client.direct_access = bool(fields.get("directAccessGrantsEnabled", client.direct_access))
    client.full_scope = bool(fields.get("fullScopeAllowed", client.full_scope))
    client.fields |= fields
    if fields.get("secret"):
        client.secret = str(fields["secret"])
    if client.secret is None and not client.public and not client.bearer_only:
        _renew_secret(call, client)
    _switch_service_account(call, client, on=bool(fields.get("serviceAccountsEnabled", client.service_accounts)))


def _renew_secret(call: Call, client: Client) -> None:
    client.secret, client.secret_seconds = call.world.new_secret(), int(call.now_seconds)


def _switch_service_account(call: Call, client: Client, *, on: bool) -> None:
    """If service accounts are switched off, Keycloak deletes the user with all grants. Switched on again, the client gets a new one."""
    account = call.realm.service_account(client)
    client.service_accounts = on
    if on and account is None:
        call.world.add_service_account(call.realm, client, now_seconds=call.now_seconds)
    if not on and account is not None:
        call.world.remove_user(call.realm, account)


def get_client(call: Call) -> Reply:
    """ClientResource#getClient."""
    return listed(_shown(call, call.client()))


def update_client(call: Call) -> Reply:
    """ClientResource#update."""
    _take(call, call.client(), call.fields())
    return NO_CONTENT


def delete_client(call: Call) -> Reply:
    """ClientResource#deleteClient."""
    call.world.remove_client(call.realm, call.client())
    return NO_CONTENT


def show_secret(call: Call) -> Reply:
    """ClientResource#getClientSecret."""
    secret = call.client().secret
    return listed({"type": "secret"} | ({"value": secret} if secret is not None else {}))


def renew_secret(call: Call) -> Reply:
    """ClientResource#regenerateSecret."""
    client = call.client()
    _renew_secret(call, client)
    return listed({"type": "secret", "value": client.secret})


def service_account_user(call: Call) -> Reply:
    """ClientResource#getServiceAccountUser."""
    client = call.client()
    account = call.realm.service_account(client)
    if account is None:
        raise Refusal(400, f"Service account not enabled for the client '{client.client_id}'")
    return listed(represent.user(account, call.world.dialect))


_CLIENT = "/admin/realms/{}/clients/{}"
PLAYS: Mapping[str, Play] = {
    "GET /admin/realms/{}/clients": list_clients,
    "POST /admin/realms/{}/clients": create_client,
    f"GET {_CLIENT}": get_client,
    f"PUT {_CLIENT}": update_client,
    f"DELETE {_CLIENT}": delete_client,
    f"GET {_CLIENT}/client-secret": show_secret,
    f"POST {_CLIENT}/client-secret": renew_secret,
    f"GET {_CLIENT}/service-account-user": service_account_user,
}
