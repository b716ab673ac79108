"""A client of your own in the place of one of Keycloak's built-in clients, whose settings no fix may change.

Built-in clients serve the login pages, the consoles and the admin roles of their realm. Keycloak creates them with each realm
(``RealmManager``: setupAdminConsole, setupAccountManagement, setupBrokerService, setupAdminCli, setupRealmAdminManagement).
"""

from kcproxy.explain.context import MASTER, Context
from kcproxy.explain.fixes.commands import CURL_HEAD, CURL_TAIL, kcadm_client_id
from kcproxy.explain.fixes.shell import line, path, realm_option, segment, word
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.explain.text import sentence, shown
from kcproxy.model import Fix, Verdict

BUILT_IN_CLIENTS = frozenset(
    {"account", "account-console", "admin-cli", "admin-permissions", "broker", "realm-management", "security-admin-console"}
)
NAME = "my-service"
"""Of the client that the commands create. Their templates are constants and have it, too; a test compares them."""
_LEFT_OUT = "Commands are left out: the name of the realm cannot be written in them"


def is_built_in(client_id: str | None, realm: str | None) -> bool:
    """Whether Keycloak creates this client itself: in each realm, or for the roles of a realm in master."""
    return client_id in BUILT_IN_CLIENTS or (realm == MASTER and (client_id or "").endswith("-realm"))


def use_own_client(context: Context, _verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """For a token request of a built-in client: commands that create a client. Nothing for any other client."""
    client_id = context.request.form.get("client_id") or context.caller.client_id
    realm = context.request.target.realm
    if realm is None or client_id is None or not is_built_in(client_id, realm):
        return ()
    return (own_client(realm, client_id),)


def own_client(realm: str, client_id: str) -> Fix:
    """The fix for one realm."""
    kcadm, curl = _commands(realm)
    return Fix(
        summary=sentence(
            f"Use a client of your own in realm {shown(realm)}, with its service account, and leave the built-in client {shown(client_id)} as it is"
        ),
        console=(
            f"Choose the realm {shown(realm)}",
            f"Clients, Create client: Client ID {NAME}, Next",
            "Client authentication: On; tick Service accounts roles, clear the other flows, Next, Save",
            "Tab Credentials: copy the client secret",
            "Grant the service account only the roles that its calls require",
        ),
        kcadm=kcadm,
        curl=curl,
        warning=None if kcadm else _LEFT_OUT,
    )


_CLIENT = '{"clientId":"my-service","publicClient":false,"serviceAccountsEnabled":true,"standardFlowEnabled":false,"directAccessGrantsEnabled":false}'
_CREATE = (
    "kcadm.sh create clients {here} -s clientId=my-service -s publicClient=false -s serviceAccountsEnabled=true"
    " -s standardFlowEnabled=false -s directAccessGrantsEnabled=false"
)
_CLIENTS = '"$KEYCLOAK_URL"/admin/realms/{realm}/clients'


def _commands(realm: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        return _kcadm(realm), _curl(realm)
    except Unwritable:
        return (), ()


def _kcadm(realm: str) -> tuple[str, ...]:
    here = realm_option(realm)
    secret = path("clients/{client}/client-secret", client=kcadm_client_id(realm, NAME))
    return (
        line(_CREATE, here=here),
        line(
            "(umask 077; kcadm.sh get {secret} {here} --fields value --format csv --noquotes > my-service-secret)", secret=secret, here=here
        ),
    )


def _curl(realm: str) -> tuple[str, ...]:
    here = segment(realm)
    return (
        *CURL_HEAD,
        line("keycloak -H 'Content-Type: application/json' -d {client} " + _CLIENTS, client=word(_CLIENT), realm=here),
        line(
            "CLIENT=$(keycloak " + _CLIENTS + "'?clientId=my-service'); CLIENT=$(printf %s \"$CLIENT\" | jq -r '.[0].id|@uri')", realm=here
        ),
        line("(umask 077; keycloak " + _CLIENTS + '/"$CLIENT"/client-secret | jq -r .value > my-service-secret)', realm=here),
        *CURL_TAIL,
    )
