"""Istio's objects for a Keycloak whose pods have a sidecar: an EnvoyFilter with the external processor, and a TrafficExtension with the Lua script.

kcproxy is a container of the same pod and listens on loopback. Istio lets Lua call only services that it knows, so a ServiceEntry names that address.
"""

from typing import Any

from tools.deploy.envoy.bootstrap import LUA_ADDRESS, address, cluster, http2
from tools.deploy.envoy.filters import CLUSTER, composite
from tools.deploy.envoy.script import script

EXT_PROC_ADDRESS = ("127.0.0.1", 9182)
KEYCLOAK_LABELS = {"app": "keycloak"}
KEYCLOAK_PORT = 8080
NAMESPACE = "keycloak"
_SERVICE = "explain.kcproxy.internal"
LUA_CLUSTER = f"outbound|{LUA_ADDRESS[1]}||{_SERVICE}"
"""The name that Istio gives to the cluster of the ServiceEntry."""
_CONTEXT = "SIDECAR_INBOUND"


def envoy_filter() -> dict[str, Any]:
    """The EnvoyFilter: the cluster of the processor, and the filter before the router."""
    manager = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": "envoy.filters.http.router"}}
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": _metadata("kcproxy-ext-proc"),
        "spec": {
            "workloadSelector": {"labels": KEYCLOAK_LABELS},
            "configPatches": [
                {
                    "applyTo": "CLUSTER",
                    "match": {"context": _CONTEXT},
                    "patch": {"operation": "ADD", "value": cluster(CLUSTER, address(*EXT_PROC_ADDRESS), **http2())},
                },
                {
                    "applyTo": "HTTP_FILTER",
                    "match": {"context": _CONTEXT, "listener": {"portNumber": KEYCLOAK_PORT, "filterChain": {"filter": manager}}},
                    "patch": {"operation": "INSERT_BEFORE", "value": composite()},
                },
            ],
        },
    }


def traffic_extension() -> tuple[dict[str, Any], dict[str, Any]]:
    """The ServiceEntry and the TrafficExtension (Istio 1.30 and later)."""
    host, port = LUA_ADDRESS
    entry = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": _metadata("kcproxy-explain"),
        "spec": {
            "hosts": [_SERVICE],
            "exportTo": ["."],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": port, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": host}],
        },
    }
    extension = {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": _metadata("kcproxy-explain"),
        "spec": {"selector": {"matchLabels": KEYCLOAK_LABELS}, "phase": "STATS", "lua": {"inlineCode": script(LUA_CLUSTER)}},
    }
    return entry, extension


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE}
