"""Envoy's own configuration files: a listener, Keycloak and kcproxy as clusters, and the filter."""

from typing import Any

from tools.deploy.envoy.filters import CLUSTER, composite, lua, router, typed
from tools.deploy.envoy.script import script

KEYCLOAK = "keycloak"
SOCKET = "/run/kcproxy/ext-proc.sock"
LUA_ADDRESS = ("127.0.0.1", 9183)


def with_ext_proc() -> dict[str, Any]:
    """Envoy with the external processor."""
    kcproxy = cluster(CLUSTER, {"pipe": {"path": SOCKET}}, **http2())
    return _bootstrap(composite(), kcproxy)


def http2() -> dict[str, Any]:
    """The part of a cluster that makes Envoy speak HTTP/2, as gRPC needs it."""
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {"@type": f"type.googleapis.com/{name}", "explicit_http_config": {"http2_protocol_options": {}}}
    return {"typed_extension_protocol_options": {name: options}}


def with_lua() -> dict[str, Any]:
    """Envoy with the Lua filter."""
    return _bootstrap(lua(script()), cluster(CLUSTER, address(*LUA_ADDRESS)))


def _bootstrap(explaining: dict[str, Any], kcproxy: dict[str, Any]) -> dict[str, Any]:
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "clients",
                    "address": address("127.0.0.1", 8180),
                    "filter_chains": [{"filters": [_connection_manager(explaining)]}],
                }
            ],
            "clusters": [cluster(KEYCLOAK, address("127.0.0.1", 8080)), kcproxy],
        }
    }


def _connection_manager(explaining: dict[str, Any]) -> dict[str, Any]:
    return typed(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="clients",
        codec_type="AUTO",
        route_config={
            "virtual_hosts": [
                {
                    "name": KEYCLOAK,
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": KEYCLOAK, "timeout": "60s"}}],
                }
            ]
        },
        http_filters=[explaining, router()],
    )


def cluster(name: str, at: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A cluster of one address."""
    endpoint = {"endpoint": {"address": at}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **more,
    }


def address(host: str, port: int) -> dict[str, Any]:
    """A TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}
