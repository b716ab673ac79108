"""What Keycloak requires: one measured table for each version, and look-ups in it. Pure, and usable as a library.

from kcproxy import catalog
table = catalog.load("26.7.4")
target = table.target("GET", "/admin/realms/demo/users/42")
table.requirement(target).least        # ("view-users",)
"""

from kcproxy.catalog.catalog import Catalog, Power
from kcproxy.catalog.entry import Entry, Variant
from kcproxy.catalog.load import default_version, load, parse, versions
from kcproxy.catalog.power import Ease, RolePower, Way, Yields
from kcproxy.catalog.versions import nearest as _nearest


def nearest(version: str) -> str:
    """The version whose table is used for this one."""
    return _nearest(version, versions())


def catalog_for(version: str | None) -> Catalog:
    """The table of a version, or of the nearest one that has a table. Without a version, the newest table."""
    return load(nearest(version) if version else default_version())


def power_of(role: str, version: str) -> RolePower:
    """What a role can be turned into on a version that has a table."""
    return load(version).power(role)


__all__ = [
    "Catalog",
    "Ease",
    "Entry",
    "Power",
    "RolePower",
    "Variant",
    "Way",
    "Yields",
    "catalog_for",
    "default_version",
    "load",
    "nearest",
    "parse",
    "power_of",
    "versions",
]
