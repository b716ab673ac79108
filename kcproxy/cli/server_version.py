"""The table for the server that the settings name, for commands that judge what this server does."""

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.catalog.versions import line_of
from kcproxy.cli import completions
from kcproxy.cli.options import checked_version, table
from kcproxy.cli.terminal import talk
from kcproxy.errors import UpstreamError
from kcproxy.settings import UpstreamSettings
from kcproxy.settings.load import server_of

MAX_SECONDS = 5.0
_MASTER = "master"

server_version_option = click.option(
    "--keycloak",
    "version",
    metavar="VERSION",
    callback=checked_version,
    shell_complete=completions.versions,
    is_eager=True,
    help="Keycloak version. Default: explain.keycloak_version, else as the server shows, else the newest with a measured table.",
)


class Origin(StrEnum):
    """Why a table was chosen."""

    GIVEN = "given"
    CONFIGURED = "configured"
    DETECTED = "detected"
    NEWEST = "newest"  # nothing is known of the server


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTable:
    """``version``: of the server, as exactly as it is known (``26.7`` if only that is); None if it is not known."""

    catalog: Catalog
    version: str | None
    origin: Origin


def table_of_server(given: str | None, config: Path | None, *, upstream: str | None = None) -> ServerTable:
    """The table of the version that is given or configured, or that the configured server's public documents show; otherwise the newest.

    ``upstream``: an address that counts instead of the settings'. If the server cannot be reached, a message on standard error says so. Raises SettingsError if the settings of the server cannot be read.
    """
    if given is not None:
        return ServerTable(catalog=table(given), version=given, origin=Origin.GIVEN)
    configured, server = server_of(config, os.environ, {"upstream.url": upstream})
    if configured is not None:
        return ServerTable(catalog=table(configured), version=configured, origin=Origin.CONFIGURED)
    if server is not None:
        found = asyncio.run(_detected(server))
        if found:
            lines = {line_of(version) for version in found}
            version = found[0] if len(found) == 1 else lines.pop() if len(lines) == 1 else None
            return ServerTable(catalog=table(found[-1]), version=version, origin=Origin.DETECTED)
        newest = catalogs.default_version()
        talk(
            f"The version of Keycloak at {server.url} could not be detected. Using the newest table, {newest}; --keycloak chooses another."
        )
    return ServerTable(catalog=table(None), version=None, origin=Origin.NEWEST)


async def _detected(settings: UpstreamSettings) -> tuple[str, ...]:
    """The measured versions that fit, oldest first; none if the server cannot be reached."""
    from kcproxy.keycloak.version_detection import detect  # noqa: PLC0415 - aiohttp is imported only if it is needed
    from kcproxy.upstream.pool import side_upstream  # noqa: PLC0415 - the same

    upstream = side_upstream(settings)
    try:
        async with asyncio.timeout(MAX_SECONDS):
            return await detect(upstream, host=settings.origin.partition("://")[2], base_path=settings.base_path, realm=_MASTER)
    except (UpstreamError, TimeoutError):
        return ()
    finally:
        await upstream.close()
