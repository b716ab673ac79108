"""Options that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kcproxy import catalog
from kcproxy.catalog import Catalog
from kcproxy.cli import completions
from kcproxy.cli.terminal import talk

F = TypeVar("F", bound=Callable[..., Any])
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([.-][\w.-]+)?")


def checked_version(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """The value if it looks like a version of Keycloak. Raises BadParameter."""
    if value is not None and not _VERSION.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not a Keycloak version; there are tables for {', '.join(catalog.versions())}")
    return value


config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file (TOML). Default: KCPROXY_CONFIG, if set.",
)
key_file_option = click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="KCPROXY_ADMIN_KEY_FILE",
    metavar="FILE",
    help="File with the admin key, if the port requires one.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
version_option = click.option(
    "--keycloak",
    "version",
    metavar="VERSION",
    callback=checked_version,
    shell_complete=completions.versions,
    is_eager=True,
    help="Keycloak version. Default: the newest with a measured table.",
)


def table(version: str | None) -> Catalog:
    """The table for a version. If there is none, the nearest one, with a message on standard error."""
    chosen = catalog.nearest(version) if version else catalog.default_version()
    if version and chosen != version:
        talk(f"There is no table for Keycloak {version}. Using the nearest one, {chosen}. Required roles can differ.")
    return catalog.load(chosen)
