"""``kcproxy demo``: reproduces a 403 and its fix step by step, against a simulated or a real Keycloak."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click

from kcproxy.cli import completions
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import json_option
from kcproxy.cli.scenario.request import Request
from kcproxy.errors import SettingsError
from kcproxy.settings import Secret

_SIMULATED_PASSWORD = "admin"  # noqa: S105 - the simulator's own, in this process only


@click.command(name="demo", epilog=epilog(), context_settings=CONTEXT)
@click.option("--upstream", metavar="URL", envvar="KEYCLOAK_URL", help="A real Keycloak. Default: a simulated one in this process.")
@click.option("--admin-realm", metavar="REALM", default="master", show_default=True, help="Realm in which the administrator logs in.")
@click.option("--admin-username", metavar="NAME", envvar="KEYCLOAK_ADMIN_USERNAME", default="admin", show_default=True)
@click.option(
    "--admin-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File with the administrator's password. Alternative: KEYCLOAK_ADMIN_PASSWORD.",
)
@click.option(
    "--kcadm",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="kcadm.sh of a Keycloak distribution. Default: that in KEYCLOAK_HOME, if set.",
)
@click.option(
    "--keycloak", "version", metavar="VERSION", shell_complete=completions.versions, help="Keycloak version that the simulator imitates."
)
@click.option("--replace", is_flag=True, help="Delete the realm of an earlier demo with --keep.")
@click.option("--keep", is_flag=True, help="Do not delete the realm on the real server.")
@json_option
@click.option("--home-from-environment", "home", envvar="KEYCLOAK_HOME", type=click.Path(path_type=Path), hidden=True)
def command(
    *,
    upstream: str | None,
    admin_realm: str,
    admin_username: str,
    admin_password_file: Path | None,
    kcadm: Path | None,
    home: Path | None,
    version: str | None,
    replace: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Reproduce a 403 of the Admin REST API, its explanation, the fix, and the response after it.

    Creates a realm 403-forbidden-fix and deletes it at the end. Does not touch a realm of that name that the demo did not create.
    """
    request = Request(
        upstream=upstream,
        admin_realm=admin_realm,
        admin_username=admin_username,
        admin_password=_password(upstream, admin_password_file, os.environ.get("KEYCLOAK_ADMIN_PASSWORD")),
        kcadm=kcadm or _kcadm_of(home),
        version=version,
        as_json=as_json,
        keep=keep,
        replace=replace,
    )
    try:
        sys.exit(Exit.OK if asyncio.run(_run(request)) else Exit.FAILED)
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


def _password(upstream: str | None, file: Path | None, environment: str | None) -> Secret:
    if upstream is None:
        return Secret(_SIMULATED_PASSWORD)
    if file is not None:
        return Secret(path=file)
    if environment:
        return Secret(environment)
    raise SettingsError(
        ["--admin-password-file: --upstream needs the administrator's password; name its file, or set KEYCLOAK_ADMIN_PASSWORD"]
    )


def _kcadm_of(home: Path | None) -> Path | None:
    path = home / "bin" / "kcadm.sh" if home else None
    return path if path is not None and path.is_file() else None


async def _run(request: Request) -> bool:
    """Return whether every check passed."""
    # Imported here, because it imports the whole proxy.
    from kcproxy.cli.scenario.production import perform  # noqa: PLC0415
    from kcproxy.cli.scenario.watch import Collected, Terminal  # noqa: PLC0415
    from kcproxy.process.signals import on_signal  # noqa: PLC0415

    task = asyncio.current_task()
    if task is not None:
        # On SIGTERM, the task is cancelled, so that it deletes the realm. SIGINT does that by itself.
        on_signal(asyncio.get_running_loop(), "SIGTERM", task.cancel)
    audience = Collected() if request.as_json else Terminal()
    await perform(request, audience)
    audience.closed()
    return audience.ok
