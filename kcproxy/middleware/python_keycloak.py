"""python-keycloak: its clients explain why Keycloak refused, without a fork.

    admin = explained(KeycloakAdmin(…), base_url="https://login.example.com")

python-keycloak has no public way to set its session or transport. The two private names that this module needs are in one place
(``_clients_of``), are checked before they are used, and are tested on the lowest and the highest supported version.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack

import httpx
import requests

from kcproxy.errors import UnsupportedLibraryError
from kcproxy.middleware.explainer import RefusalExplainer, explainer_of
from kcproxy.middleware.httpx import AsyncExplainingTransport
from kcproxy.middleware.options import Options
from kcproxy.middleware.requests import ExplainingAdapter

KeycloakClient = TypeVar("KeycloakClient")

_SESSION, _TRANSPORT, _MOUNTS = "_s", "_transport", "_mounts"
"""Private names: the requests session of python-keycloak, and the transports of httpx."""


def explained(client: KeycloakClient, *, explainer: RefusalExplainer | None = None, **options: Unpack[Options]) -> KeycloakClient:
    """The same client, whose errors say why Keycloak refused; synchronous and asynchronous calls.

    ``explainer`` can be shared; otherwise ``options`` make one, whose ``base_url`` defaults to the client's own server. A second call does nothing. Raises UnsupportedLibraryError if the client is not one of
    python-keycloak, or if this version of it cannot be used.
    """
    connections = _connections_of(client)
    if explainer is None:
        options.setdefault("base_url", getattr(connections[0], "base_url", None))
    explainer = explainer_of(explainer, options)
    for connection in connections:
        session, async_client = _clients_of(connection)
        for prefix, adapter in list(session.adapters.items()):
            if not isinstance(adapter, ExplainingAdapter):
                session.mount(prefix, ExplainingAdapter(adapter, explainer=explainer))
        _explain_async(async_client, explainer)
    return client


def _connections_of(client: Any) -> list[Any]:
    """The connection, and that of the token requests, if it is another one."""
    connection = getattr(client, "connection", None)
    if connection is None:
        raise UnsupportedLibraryError(f"{type(client).__name__} is not a client of python-keycloak: it has no connection.")
    logins = getattr(connection, "keycloak_openid", None)
    return [connection] if logins is None else [connection, logins.connection]


def _clients_of(connection: Any) -> tuple[requests.Session, httpx.AsyncClient]:
    session, async_client = getattr(connection, _SESSION, None), getattr(connection, "async_s", None)
    if not isinstance(session, requests.Session) or not isinstance(async_client, httpx.AsyncClient):
        raise UnsupportedLibraryError(
            "This version of python-keycloak cannot be used: its connection has no requests session and httpx client at the known places."
            " Use kcproxy.middleware.requests or kcproxy.middleware.httpx, or run the proxy."
        )
    return session, async_client


def _explain_async(client: httpx.AsyncClient, explainer: RefusalExplainer) -> None:
    transport, mounts = getattr(client, _TRANSPORT, None), getattr(client, _MOUNTS, None)
    if not isinstance(transport, httpx.AsyncBaseTransport) or not isinstance(mounts, Mapping):
        raise UnsupportedLibraryError(
            "This version of httpx cannot be used with python-keycloak: its client has no transport at the known place."
        )
    setattr(client, _TRANSPORT, _explaining(transport, explainer))
    wrapped = {pattern: None if each is None else _explaining(each, explainer) for pattern, each in mounts.items()}
    setattr(client, _MOUNTS, wrapped)


def _explaining(transport: httpx.AsyncBaseTransport, explainer: RefusalExplainer) -> AsyncExplainingTransport:
    if isinstance(transport, AsyncExplainingTransport):
        return transport
    return AsyncExplainingTransport(transport, explainer=explainer)
