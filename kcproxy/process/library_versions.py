"""Versions of libraries that work, but should not serve a port."""

from collections.abc import Iterator
from importlib import metadata

SAFE_AIOHTTP = (3, 14, 5)
"""The first version without the vulnerabilities of aiohttp's server that were known on 2026-12-01. Programs that only use the middleware may have an older one."""


def outdated_libraries() -> Iterator[str]:
    """What to update before the admin port can be exposed. Nothing if everything is recent."""
    version = metadata.version("aiohttp")
    if tuple(int(part) for part in version.split(".")[:3] if part.isdecimal()) < SAFE_AIOHTTP:
        wanted = ".".join(str(part) for part in SAFE_AIOHTTP)
        yield f"aiohttp {version} lacks security fixes, and serves the admin port; install aiohttp {wanted} or later"
