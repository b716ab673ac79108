"""``kcproxy fix ID``: shows the commands that fix a denial, asks, runs them with an administrator's login, and says how to undo them."""

import asyncio
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from kcproxy.cli.advice_text import fix_lines
from kcproxy.cli.denials.source import RunningProxy
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.terminal import result, talk, wrapped
from kcproxy.settings import Secret
from kcproxy.settings.load import admin_address, load

_GRANT, _REVOKE = ("kcadm.sh", "add-roles"), "kcadm.sh remove-roles"
EXAMPLES = """\b
Examples:
  kcproxy fix 7f3a9c4e --dry-run
  kcproxy fix 7f3a9c4e --admin-username alice

"""


@click.command(name="fix", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("denial_id", metavar="ID")
@click.option("--admin", metavar="HOST:PORT", help="Admin port of the proxy. Default: as configured.")
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="KCPROXY_ADMIN_KEY_FILE",
    metavar="FILE",
    help="File with the admin key, if the port requires one.",
)
@click.option("--upstream", metavar="URL", help="Address of Keycloak, as for serve.")
@click.option("--admin-realm", metavar="REALM", default="master", show_default=True, help="Realm in which the administrator logs in.")
@click.option("--admin-username", metavar="NAME", default="admin", show_default=True, help="The administrator.")
@click.option(
    "--admin-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File with the administrator's password. Default: KEYCLOAK_ADMIN_PASSWORD, or a question.",
)
@click.option("--dry-run", is_flag=True, help="Only show the commands, and how to undo them.")
@click.option("--yes", is_flag=True, help="Do not ask. The commands come from the admin port: trust it.")
@config_option
def command(
    *,
    denial_id: str,
    admin: str | None,
    key_file: Path | None,
    upstream: str | None,
    admin_realm: str,
    admin_username: str,
    admin_password_file: Path | None,
    dry_run: bool,
    yes: bool,
    config: Path | None,
) -> None:
    """Run the fix of a denial: grant the missing role to the account that was refused.

    Shows the commands first, and asks. kcproxy's own accounts are not used: the login is an administrator's, and it is not stored. Only role
    grants are run; for every other fix the steps are shown. The commands run as calls of the Admin REST API, directly at Keycloak.
    """
    proxy = RunningProxy(admin_address(config, os.environ, {"admin_listen": admin}), Secret(path=key_file) if key_file else None)
    found = proxy.denial(denial_id)
    if found is None:
        talk(f"kcproxy: no denial {denial_id}; only recent denials are stored")
        sys.exit(Exit.FAILED)
    lines = _shown(found["explanation"])
    if dry_run:
        return
    url = load(config, os.environ, {"upstream.url": upstream}).upstream.url
    if not yes and not click.confirm(f"Run this as {admin_username} of realm {admin_realm} at {url}?", err=True):
        talk("kcproxy: nothing was changed")
        sys.exit(Exit.FAILED)
    _run(lines, url, admin_realm, admin_username, _password(admin_password_file))
    talk("Done. The next request of this account is judged by its new roles.")


def _shown(explanation: Mapping[str, Any]) -> Sequence[str]:
    """Print the first fix, which has the least power, and how to undo it. Ends the program if it is not a grant of roles."""
    if not explanation["fixes"]:
        talk(
            f"kcproxy: no change of settings is known to fix {explanation['cause']}; kcproxy denials {explanation['id']} shows the evidence"
        )
        sys.exit(Exit.FAILED)
    fix = explanation["fixes"][0]
    for line in fix_lines(fix):
        result(line)
    lines: Sequence[str] = fix["kcadm"]
    if not lines or not all(tuple(shlex.split(line)[:2]) == _GRANT for line in lines):
        talk("kcproxy: this fix is more than a grant of roles, so it is not run: use the steps or the commands above")
        sys.exit(Exit.FAILED)
    result()
    for line in wrapped("To undo it, unless the account had the role before:"):
        result(line)
    for line in lines:
        result("  " + line.replace(" ".join(_GRANT), _REVOKE, 1))
    return lines


def _password(file: Path | None) -> Secret:
    """From the file, the environment, or a question on the terminal that does not show it."""
    if file is not None:
        return Secret(path=file)
    given = os.environ.get("KEYCLOAK_ADMIN_PASSWORD")
    return Secret(given or click.prompt("Password", hide_input=True, err=True))


def _run(lines: Sequence[str], url: str, realm: str, username: str, password: Secret) -> None:
    import aiohttp  # noqa: PLC0415 - only if something is run

    from kcproxy.cli.scenario.admin import Admin  # noqa: PLC0415
    from kcproxy.cli.scenario.exchange import Server  # noqa: PLC0415
    from kcproxy.cli.scenario.kcadm import KcadmCalls  # noqa: PLC0415
    from kcproxy.cli.scenario.steps import ScenarioError  # noqa: PLC0415

    async def run() -> None:
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                calls = KcadmCalls(
                    Admin(Server(session, url, "Keycloak"), realm=realm, username=username, password=password, clock=time.monotonic)
                )
                for line in lines:
                    await calls.run(line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ScenarioError(f"{url} does not respond ({type(error).__name__})") from error

    asyncio.run(run())
