"""Reading what Keycloak's documents say: small pure functions of the inspector, from parsed JSON to facts."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kcproxy.explain.fixes import url
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.keycloak.jwks import key_ids
from kcproxy.keycloak.lookup_client import NONE, Fields, Lookup
from kcproxy.model import Caller, CallerKind, RequestFacts, RoleElsewhere

_PAIRWISE, _SUB = "oidc-sha256-pairwise-sub-mapper", "oidc-sub-mapper"
_NO_REALM = "Realm does not exist"


def addressing(request: RequestFacts) -> Fields:
    """What Keycloak takes its own address, and so the issuer, from: as the request brought it, or the document would be another one.

    Nothing where the request names Keycloak as the settings do.
    """
    own_host = (request.public_url or "").partition("://")[2]
    return tuple(
        (name, value)
        for name, value in sorted(request.headers.items())
        if name == "forwarded" or name.startswith("x-forwarded-") or (name == "host" and value != own_host)
    )


def public_facts(discovery: Lookup, own: Lookup, keys: Lookup, known: dict[str, Any]) -> None:
    """What the realm publishes: that it exists, its issuer, its keys. ``own`` is its discovery document as the proxy itself gets it."""
    if isinstance(own.object.get("issuer"), str):
        known["own_issuer"] = own.object["issuer"]
    if discovery.status == 200:
        known["realm_known"] = True
    elif discovery.status == 404 and isinstance(discovery.json, dict) and discovery.json.get("error") == _NO_REALM:
        known["realm_known"] = False  # in Keycloak's own words: a gateway may hide the document too
    issuer = discovery.object.get("issuer")
    if isinstance(issuer, str):
        known["issuer"] = issuer
    ids = key_ids(keys.object) if keys is not NONE else None
    if ids is not None:
        known["key_ids"] = ids


def take(found: Mapping[str, Any], known: dict[str, Any], field: str, name: str, kind: type) -> None:
    """One field, where it is there and of its type."""
    value = found.get(field)
    if isinstance(value, kind):
        known[name] = value


def role_names(items: list[Any] | None) -> tuple[str, ...] | None:
    """The names in a list of roles, sorted; None where there is no list."""
    if items is None:
        return None
    return tuple(sorted(item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)))


def roles_elsewhere(mappings: Mapping[str, Any], container: str) -> tuple[RoleElsewhere, ...]:
    """Every directly mapped role that is not the owning client's; the diagnosis keeps those of a needed name."""
    clients = mappings.get("clientMappings")
    found = [RoleElsewhere(name=name) for name in _names(mappings.get("realmMappings"))]
    for client, mapping in clients.items() if isinstance(clients, dict) else ():
        if client != container and isinstance(mapping, dict):
            found += [RoleElsewhere(name=name, client=client) for name in _names(mapping.get("mappings"))]
    return tuple(found)


def _names(items: Any) -> tuple[str, ...]:
    return role_names(items if isinstance(items, list) else []) or ()


def writes_sub(mapper: Any) -> bool:
    """Whether a mapper writes something else than the account's id into ``sub``."""
    kind = mapper.get("protocolMapper") if isinstance(mapper, dict) else None
    config = mapper.get("config") if isinstance(mapper, dict) else None
    return kind == _PAIRWISE or (kind != _SUB and isinstance(config, dict) and config.get("claim.name") == "sub")


def shows_less(caller: Caller, container: str, known: Mapping[str, Any]) -> bool:
    """Whether the account holds roles that the token does not name."""
    more = set(known.get("granted") or ()) - set(caller.client_roles.get(container, ()))
    return bool(more or set(known.get("realm_roles_granted") or ()) - set(caller.realm_roles))


def session_in(sessions: list[Any], caller: Caller) -> Mapping[str, Any] | None:
    """The token's own session among a list of them."""
    return next((item for item in sessions if isinstance(item, dict) and item.get("id") == caller.session_id), None)


def is_offline(caller: Caller) -> bool:
    """Whether the token may live on an offline session: by its scope, or as newer versions say in its id."""
    return "offline_access" in caller.scopes or (caller.token_id or "").startswith("of")


def segment(value: str) -> str:
    """A name as one segment of a path. What no path can name (nothing, dot segments, half characters) becomes a name that nothing has."""
    try:
        return url.segment(value)
    except Unwritable:
        return _NOTHING


_NOTHING = quote("\N{REPLACEMENT CHARACTER}")


def query_value(value: str) -> str:
    """A value of a query; half characters, which no URL holds, become question marks."""
    return quote(value, safe="", errors="replace")


def is_readable(caller: Caller) -> bool:
    """Whether there is a token that could be read."""
    return caller.kind not in {CallerKind.ANONYMOUS, CallerKind.UNREADABLE}
