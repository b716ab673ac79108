"""The generated files below ``deploy/envoy/``."""

from collections.abc import Mapping
from typing import Any

import yaml

from tools.deploy.envoy.bootstrap import with_ext_proc, with_lua
from tools.deploy.envoy.istio import envoy_filter, traffic_extension

FOLDER = "deploy/envoy"
"""Every file in it is generated."""
_HEAD = "# Generated from kcproxy's role tables by `make docs`. docs/deploy/envoy.md describes it.\n"


class _Dumper(yaml.SafeDumper):
    """Scripts as blocks, and no references: people copy parts of these files."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(*values: Any) -> str:
    """Documents in YAML."""
    return "---\n".join(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=140) for value in values)


def documents() -> Mapping[str, str]:
    """The files by path."""
    return {
        f"{FOLDER}/envoy.yaml": _HEAD
        + "# Explains refusals with Envoy's external processor: kcproxy ext-proc --listen unix:/run/kcproxy/ext-proc.sock\n"
        + dumped(with_ext_proc()),
        f"{FOLDER}/envoy-lua.yaml": _HEAD
        + "# Explains refusals with Envoy's Lua filter: kcproxy ext-proc --http 127.0.0.1:9183\n"
        + dumped(with_lua()),
        f"{FOLDER}/istio-envoyfilter.yaml": _HEAD
        + "# For a Keycloak with Istio's sidecar. kcproxy is a container of its pod: kcproxy ext-proc --listen 127.0.0.1:9182\n"
        + dumped(envoy_filter()),
        f"{FOLDER}/istio-trafficextension.yaml": _HEAD
        + "# For a Keycloak with Istio's sidecar, Istio 1.30 or later. kcproxy is a container of its pod: kcproxy ext-proc --http 127.0.0.1:9183\n"
        + dumped(*traffic_extension()),
    }
