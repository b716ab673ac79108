"""Versions of libraries that work, but should not serve a port."""

from collections.abc import Iterator
from importlib import metadata

SAFE_AIOHTTP = (3, 14, 5)
"""Earlier versions lack security fixes of aiohttp's server. Programs that only use the middleware may have one."""


def outdated_libraries() -> Iterator[str]:
    """What to update before the admin port can be exposed. Nothing if everything is recent."""
    version = metadata.version("aiohttp")
    if tuple(int(part) for part in version.split(".")[:3] if part.isdecimal()) < SAFE_AIOHTTP:
        wanted = ".".join(str(part) for part in SAFE_AIOHTTP)
        yield f"aiohttp {version} lacks security fixes, and serves the admin port; install aiohttp {wanted} or later"
