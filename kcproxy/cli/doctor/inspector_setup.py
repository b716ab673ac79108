"""The commands that create an inspector: a confidential client whose service account can read what the look-ups need, and nothing more."""

from msgspec import Struct

from kcproxy.explain.fixes.commands import kcadm_client_id
from kcproxy.explain.fixes.shell import line, option, path, realm_option, repeated_option, word
from kcproxy.settings.merge import toml_value

CLIENT_ID = "kcproxy-inspector"
SECRET_FILE = "kcproxy-inspector-secret"  # noqa: S105 - a file's name
LEAST_ROLES = ("view-clients", "view-realm", "view-users")


class Setup(Struct, frozen=True):
    """Commands to paste, the settings that belong to them, and a warning."""

    commands: tuple[str, ...]
    config: str
    warning: str


def setup_commands(realm: str) -> Setup:
    """For an inspector in the realm that it reads. Raise Unwritable if no command can contain the realm's name."""
    here = realm_option(realm)
    secret = path("clients/{client}/client-secret", client=kcadm_client_id(realm, CLIENT_ID))
    return Setup(
        commands=(
            line(
                "kcadm.sh create clients {here} -s {client} -s publicClient=false -s serviceAccountsEnabled=true"
                " -s standardFlowEnabled=false -s directAccessGrantsEnabled=false",
                here=here,
                client=word(f"clientId={CLIENT_ID}"),
            ),
            line(
                "kcadm.sh add-roles {here} {account} --cclientid realm-management {roles}",
                here=here,
                account=option("--uusername", f"service-account-{CLIENT_ID}"),
                roles=repeated_option("--rolename", LEAST_ROLES),
            ),
            line(
                "(umask 077; kcadm.sh get {secret} {here} --fields value --format csv --noquotes > {file})",
                secret=secret,
                here=here,
                file=word(SECRET_FILE),
            ),
        ),
        config=f'[inspector]\nrealm = {toml_value(realm)}\nclient_id = "{CLIENT_ID}"\nclient_secret_file = "{SECRET_FILE}"',
        warning="before Keycloak 26.8, view-clients also reveals the secrets of all clients of the realm; protect this account's secret accordingly",
    )
