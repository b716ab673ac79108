"""``kcproxy serve``: the proxy."""

import os
import sys
from pathlib import Path

import click

from kcproxy.cli.exits import Exit, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.ports import port_problems
from kcproxy.cli.terminal import talk
from kcproxy.errors import SettingsError
from kcproxy.settings.load import load

SETTINGS = {
    "upstream": "upstream.url",
    "listen": "listen",
    "admin_listen": "admin_listen",
    "keycloak": "explain.keycloak_version",
    "workers": "workers",
    "log_format": "log.format",
    "log_level": "log.level",
}
"""Each flag's setting."""


@click.command(name="serve", epilog=epilog())
@config_option
@click.option("--upstream", metavar="URL", help="Keycloak's address, with its path (/auth) where it has one.")
@click.option("--listen", metavar="HOST:PORT|unix:PATH", help="Where callers reach the proxy.  [default: 127.0.0.1:8180]")
@click.option("--admin-listen", metavar="HOST:PORT", help="Health, metrics, page of denials.  [default: 127.0.0.1:9180]")
@click.option("--keycloak", metavar="VERSION", help="Keycloak's version, if it is not to be found out.")
@click.option("--workers", metavar="N", help="Processes that share the port.  [default: 1]")
@click.option("--log-format", metavar="json|console", help="How log lines are written.  [default: json]")
@click.option("--log-level", metavar="LEVEL", help="The least level that is written.  [default: info]")
def command(config: Path | None, **flags: str | None) -> None:
    """Run the proxy until SIGTERM or SIGINT.

    Flags beat environment (KCPROXY_…) beats file. Settings that cannot be used are all reported at once, with exit code 2.
    """
    settings = load(config, os.environ, {SETTINGS[name]: value for name, value in flags.items()})
    for note in settings.notes:
        talk(f"kcproxy: note: {note}")
    problems = port_problems(settings)
    if problems:
        raise SettingsError(problems)

    from kcproxy.proxy.lifecycle import run  # noqa: PLC0415 - aiohttp is imported only where the proxy runs

    sys.exit(run(settings) or Exit.OK)
