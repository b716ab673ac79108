"""The commands that make an inspector: a confidential client whose service account may read what the look-ups read, and nothing more."""

from dataclasses import dataclass

from kcproxy.explain.shell import command, option, options, quoted, realm_option

CLIENT_ID = "kcproxy-inspector"
SECRET_FILE = "kcproxy-inspector-secret"  # noqa: S105 - a file's name
LEAST_ROLES = ("view-clients", "view-realm", "view-users")


@dataclass(frozen=True, slots=True)
class Setup:
    """Commands to paste, the piece of configuration that goes with them, and what to mind."""

    commands: tuple[str, ...]
    config: str
    warning: str


def setup_commands(realm: str) -> Setup:
    """For an inspector that lives in the realm into which it looks."""
    here = realm_option(realm)
    flows = "-s publicClient=false -s serviceAccountsEnabled=true -s standardFlowEnabled=false -s directAccessGrantsEnabled=false"
    client = f"$(kcadm.sh get clients {here} -q clientId={CLIENT_ID} --fields id --format csv --noquotes)"
    return Setup(
        commands=(
            command("kcadm.sh create clients", here, f"-s clientId={CLIENT_ID}", flows),
            command(
                "kcadm.sh add-roles",
                here,
                option("--uusername", f"service-account-{CLIENT_ID}"),
                "--cclientid realm-management",
                options("--rolename", LEAST_ROLES),
            ),
            f"(umask 077; kcadm.sh get clients/{client}/client-secret {here} --fields value --format csv --noquotes > {quoted(SECRET_FILE)})",
        ),
        config=f'[inspector]\nrealm = {_toml(realm)}\nclient_id = "{CLIENT_ID}"\nclient_secret_file = "{SECRET_FILE}"',
        warning="before Keycloak 26.8 view-clients also reveals the secrets of all clients of the realm, so guard this account's secret like theirs",
    )


def _toml(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(character):04X}" if ord(character) < 32 or ord(character) == 127 else character
        for character in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'
