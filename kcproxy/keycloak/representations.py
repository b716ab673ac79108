"""Reads Keycloak's JSON representations: small pure functions, from parsed JSON of any shape to typed values."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kcproxy.explain.fixes import url
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.model import Caller, RoleElsewhere

_PAIRWISE, _SUB = "oidc-sha256-pairwise-sub-mapper", "oidc-sub-mapper"
_CLIENT_ROLES = "oidc-usermodel-client-role-mapper"
_NO_SUCH_NAME = quote("\N{REPLACEMENT CHARACTER}")


def text(found: Mapping[str, Any], name: str) -> str | None:
    """A member of an object if it is a string."""
    value = found.get(name)
    return value if isinstance(value, str) else None


def flag(found: Mapping[str, Any], name: str) -> bool | None:
    """A member of an object if it is true or false."""
    value = found.get(name)
    return value if isinstance(value, bool) else None


def number(found: Mapping[str, Any], name: str) -> int | None:
    """A member of an object if it is a whole number."""
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def role_names(items: list[Any] | None) -> tuple[str, ...] | None:
    """The names in a list of roles, sorted. None if there is no list."""
    if items is None:
        return None
    return tuple(sorted(item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)))


def roles_elsewhere(mappings: Mapping[str, Any], container: str) -> tuple[RoleElsewhere, ...]:
    """Every directly mapped role of another client than ``container``, or of the realm."""
    clients = mappings.get("clientMappings")
    found = [RoleElsewhere(name=name) for name in _names(mappings.get("realmMappings"))]
    for client, mapping in clients.items() if isinstance(clients, dict) else ():
        if client != container and isinstance(mapping, dict):
            found += [RoleElsewhere(name=name, client=client) for name in _names(mapping.get("mappings"))]
    return tuple(found)


def _names(items: Any) -> tuple[str, ...]:
    return role_names(items if isinstance(items, list) else []) or ()


def client_named(client_id: str, items: list[Any] | None) -> Mapping[str, Any]:
    """The client with this ``clientId`` in a list of clients; an empty object if it is not there."""
    return next((item for item in items or [] if isinstance(item, dict) and item.get("clientId") == client_id), {})


def is_lightweight(client: Mapping[str, Any]) -> bool:
    """Whether a client gets lightweight access tokens."""
    attributes = client.get("attributes")
    return isinstance(attributes, dict) and attributes.get("client.use.lightweight.access.token.enabled") == "true"


_FLOWS = ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled")
_GRANTS_OF_USERS = (
    "oauth2.device.authorization.grant.enabled",
    "oidc.ciba.grant.enabled",
    "oauth2.jwt.authorization.grant.enabled",
    "standard.token.exchange.enabled",
)


def users_log_in(client: Mapping[str, Any]) -> bool | None:
    """Whether a client can get tokens of users, not only those of its own service account. None if its representation does not say."""
    flows, attributes = [flag(client, name) for name in _FLOWS], client.get("attributes")
    grants = [attributes.get(name) == "true" for name in _GRANTS_OF_USERS] if isinstance(attributes, dict) else []
    return True if True in (*flows, *grants) else None if None in flows else False


def maps_client_roles(mappers: list[Any]) -> bool:
    """Whether one of the protocol mappers writes client roles into the token."""
    return any(isinstance(mapper, dict) and mapper.get("protocolMapper") == _CLIENT_ROLES for mapper in mappers)


def writes_sub(mapper: Any) -> bool:
    """Whether a protocol mapper writes something else than the account's id into ``sub``."""
    kind = mapper.get("protocolMapper") if isinstance(mapper, dict) else None
    config = mapper.get("config") if isinstance(mapper, dict) else None
    return kind == _PAIRWISE or (kind != _SUB and isinstance(config, dict) and config.get("claim.name") == "sub")


def session_in(sessions: list[Any], caller: Caller) -> Mapping[str, Any] | None:
    """The token's own session in a list of sessions."""
    return next((item for item in sessions if isinstance(item, dict) and item.get("id") == caller.session_id), None)


def segment(value: str) -> str:
    """A name as one segment of a path. A name that no path can hold (nothing, dot segments, half characters) becomes one that nothing has."""
    try:
        return url.segment(value)
    except Unwritable:
        return _NO_SUCH_NAME


def query_value(value: str) -> str:
    """A value of a query. Half characters, which no URL can hold, become question marks."""
    return quote(value, safe="", errors="replace")
