"""``kcproxy serve``: runs the proxy."""

import os
import sys
from functools import partial
from pathlib import Path

import click

from kcproxy.cli.exit_codes import CONTEXT, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.terminal import talk
from kcproxy.errors import SettingsError
from kcproxy.process.file_watcher import WatchedFiles
from kcproxy.settings import Settings
from kcproxy.settings.environment import CONFIG_VARIABLE
from kcproxy.settings.file_contents import watched
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


@click.command(name="serve", epilog=epilog(), context_settings=CONTEXT)
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

    Flags override the environment (KCPROXY_…), and the environment overrides the file. All invalid settings are reported at once, with
    exit code 2.
    """
    chosen = {SETTINGS[name]: value for name, value in flags.items()}

    settings = load(config, os.environ, chosen)
    for note in settings.notes:
        talk(f"kcproxy: note: {note}")

    def again() -> Settings:
        return takeable(settings, load(config, os.environ, chosen))

    watching = WatchedFiles(partial(watched_files, config), settings)
    from kcproxy.process.serve import run  # noqa: PLC0415 - aiohttp is imported only if the proxy runs

    sys.exit(run(settings, reload=again, watched=watching))


def takeable(started: Settings, read: Settings) -> Settings:
    """Settings that were read again, if the running process may take them. SettingsError otherwise.

    Listeners stay as they were opened. Whether accounts may be used was judged by the new ``listen`` and ``inbound``, so those have to
    be the ones that are in force.
    """
    if read.accounts and (read.listen, read.inbound) != (started.listen, started.inbound):
        what = f"listen or inbound were changed, but this process still listens on {started.listen} as it was started"
        raise SettingsError([f"listen: {what}; restart it, so that accounts are used only where strangers cannot reach them"])
    return read


def watched_files(config: Path | None, settings: Settings) -> tuple[Path, ...]:
    """Files whose change has the settings read again: the configuration file, and those that ``settings.contents`` lists as watched."""
    named = os.environ.get(CONFIG_VARIABLE)
    own = config or (Path(named) if named else None)
    return watched(settings) if own is None else (own, *watched(settings))
