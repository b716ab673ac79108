"""``kcproxy serve``: runs the proxy. Its flags derive from the settings that declare one."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from kcproxy.catalog import catalog_for
from kcproxy.cli import completions
from kcproxy.cli.exit_codes import CONTEXT, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.terminal import talk
from kcproxy.process import garbage_collection
from kcproxy.process.certificates import no_system_certificates
from kcproxy.process.library_versions import outdated_libraries
from kcproxy.process.reload import WatchedFiles, acceptable, watched_files
from kcproxy.settings import Settings
from kcproxy.settings.declaration import Setting
from kcproxy.settings.load import load
from kcproxy.settings.schema import SETTINGS

F = TypeVar("F", bound=Callable[..., Any])

FLAGS = {setting.flag.lstrip("-").replace("-", "_"): setting for setting in SETTINGS if setting.flag}
"""Each flag's setting, by the name of its parameter."""


_COMPLETIONS = {"explain.keycloak_version": completions.versions}


def _option(setting: Setting) -> Callable[[F], F]:
    default = "" if setting.default is None else f"  [default: {setting.default}]"
    return click.option(
        str(setting.flag), metavar=setting.kind.metavar, help=setting.doc + default, shell_complete=_COMPLETIONS.get(setting.key)
    )


def _options(function: F) -> F:
    for setting in reversed(FLAGS.values()):
        function = _option(setting)(function)
    return function


@click.command(name="serve", epilog=epilog(), context_settings=CONTEXT)
@config_option
@_options
def command(config: Path | None, **flags: str | None) -> None:
    """Run the proxy until SIGTERM or SIGINT.

    Flags take precedence over the environment (KCPROXY_…), and the environment over the file. If settings cannot be used, all problems
    are reported at once, with exit code 2.
    """
    chosen = {FLAGS[name].key: value for name, value in flags.items()}

    settings = load(config, os.environ, chosen)
    for note in (*settings.notes, *outdated_libraries()):
        talk(f"kcproxy: note: {note}")

    def again() -> Settings:
        return acceptable(settings, load(config, os.environ, chosen))

    garbage_collection.pause()  # `run` resumes it
    watching = WatchedFiles(partial(watched_files, config, os.environ), settings)
    catalog_for(settings.explain.keycloak_version)  # before the modules below: they reuse the memory that parsing needs for a moment
    with no_system_certificates():
        from kcproxy.process.serve import run  # noqa: PLC0415 - aiohttp is imported only if the proxy runs

    sys.exit(run(settings, reload=again, watched=watching))
