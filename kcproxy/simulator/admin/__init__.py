"""The operations of the Admin REST API that the simulator implements, by method and template."""

from collections.abc import Mapping
from types import MappingProxyType

from kcproxy.simulator.admin import clients, groups, realms, role_mappings, roles, users
from kcproxy.simulator.call import Play

PLAYS: Mapping[str, Play] = MappingProxyType(
    {**realms.PLAYS, **users.PLAYS, **groups.PLAYS, **roles.PLAYS, **clients.PLAYS, **role_mappings.PLAYS},
)
"""``GET /admin/realms/{}/users/{}`` to its handler. Parameters are positional; the catalog has their names."""
