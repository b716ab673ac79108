"""``kcproxy ext-proc``: explains the refusals that an Envoy sends to it, without being in the path of requests."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcproxy.cli.exit_codes import CONTEXT, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.terminal import talk
from kcproxy.errors import SettingsError
from kcproxy.process import garbage_collection
from kcproxy.process.certificates import no_system_certificates
from kcproxy.process.library_versions import outdated_libraries
from kcproxy.process.reload import WatchedFiles, watched_files
from kcproxy.settings import AddressSettings, Settings
from kcproxy.settings.load import load
from kcproxy.settings.types import address

if TYPE_CHECKING:
    from kcproxy.process.envoy_front import EnvoyAddresses

DEFAULT = AddressSettings(host="127.0.0.1", port=9182)
_EXTRA = ("grpc", "envoy.service.ext_proc.v3")
EXAMPLES = """\b
Examples:
  kcproxy ext-proc --upstream http://localhost:8080 --listen unix:/run/kcproxy/ext-proc.sock
  kcproxy ext-proc --config kcproxy.toml --http 127.0.0.1:9183

"""


def _address(_: click.Context, parameter: click.Parameter, value: str | None) -> AddressSettings | None:
    if value is None:
        return None
    try:
        found = address().read(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not HOST:PORT or unix:PATH", param=parameter) from error
    if not isinstance(found, AddressSettings):
        raise TypeError("not an address")
    return found


@click.command(name="ext-proc", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@config_option
@click.option("--upstream", metavar="URL", help="Address of Keycloak, for look-ups and for its version.")
@click.option(
    "--listen",
    "grpc",
    metavar="HOST:PORT|unix:PATH",
    callback=_address,
    help=f"Address for Envoy's external processor (gRPC).  [default: {DEFAULT}, unless --http is given]",
)
@click.option("--http", "http", metavar="HOST:PORT|unix:PATH", callback=_address, help="Address for Envoy's Lua filter (plain HTTP).")
@click.option("--admin-listen", metavar="HOST:PORT", help="Address for health checks, metrics and the page of recent denials.")
def command(
    config: Path | None, upstream: str | None, grpc: AddressSettings | None, http: AddressSettings | None, admin_listen: str | None
) -> None:
    """Explain the refusals of an Envoy proxy until SIGTERM or SIGINT.

    Envoy sends only refusals here; other requests do not pass through this process, and if it ends they flow on. It reads the same settings
    as `serve`. Tokens of accounts are not added: that needs `serve`.
    """
    with no_system_certificates():
        from kcproxy.process.envoy_front import EnvoyAddresses, EnvoyFront  # noqa: PLC0415 - aiohttp is imported only if it runs
        from kcproxy.process.serve import run  # noqa: PLC0415 - see above

    addresses = EnvoyAddresses(grpc=grpc if grpc is not None or http is not None else DEFAULT, http=http)
    flags = {"upstream.url": upstream, "admin_listen": admin_listen, "listen": str(addresses.grpc or addresses.http)}
    settings = _settings(config, flags, addresses)
    for note in (*settings.notes, *outdated_libraries()):
        talk(f"kcproxy: note: {note}")
    garbage_collection.pause()  # `run` resumes it
    watching = WatchedFiles(partial(watched_files, config, os.environ), settings)

    def again() -> Settings:
        return _settings(config, flags, addresses)

    sys.exit(run(settings, reload=again, watched=watching, front=lambda started: EnvoyFront(started, addresses)))


def _settings(config: Path | None, flags: Mapping[str, Any], addresses: "EnvoyAddresses") -> Settings:
    """The settings without what only the proxy has. Raises SettingsError."""
    if addresses.grpc is not None:
        _check_extra()
    settings = load(config, os.environ, flags)
    from kcproxy.envoy.protection import problems_of  # noqa: PLC0415 - after the command line has been checked

    named = (("--listen", addresses.grpc), ("--http", addresses.http))
    problems = [line for name, each in named if each is not None for line in problems_of(name, each, settings.inbound)]
    if problems:
        raise SettingsError(problems)
    return replace(settings, accounts=(), workers=1, notes=(*settings.notes, *_unused(settings)))


def _unused(settings: Settings) -> list[str]:
    notes = []
    if settings.accounts:
        notes.append("accounts: ext-proc adds no tokens; run kcproxy serve where tokens have to be added, or remove the accounts")
    if settings.workers > 1:
        notes.append("workers: ext-proc is one process; start several with an address each, and name all of them in Envoy's cluster")
    return notes


def _check_extra() -> None:
    """Raises SettingsError if the packages for gRPC are not installed."""
    for module in _EXTRA:
        try:
            if importlib.util.find_spec(module) is not None:
                continue
        except ModuleNotFoundError:
            pass
        what = f"--listen: the external processor needs the extra envoy, and there is no module {module}"
        raise SettingsError([f"{what}; pip install '.[envoy]' in a checkout of kcproxy, or use --http with Envoy's Lua filter"])
