"""Schemas and a reader from Go modules: the Prometheus operator's custom resources and the Compose specification, each at one version.

They are fetched by Go's own client (which checks them against its database of sums) and kept in its cache: once there, everything is offline.
"""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.83.0"
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.6.0"
ROOT = Path(__file__).resolve().parents[2]


@cache
def module(name: str) -> Path | None:
    """The folder of a module; None if there is no Go, or if it can neither be found nor fetched."""
    if shutil.which("go") is None:
        return None
    command = ["go", "mod", "download", "-json", name]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=300, check=False)
    return Path(json.loads(done.stdout)["Dir"]) if done.returncode == 0 else None


def custom_resource(kind: str) -> dict[str, Any]:
    """The operator's own schema of a kind, made strict as the API server is: a field that it does not know is refused. LookupError."""
    folder = module(OPERATOR)
    if folder is None:
        raise LookupError(f"{OPERATOR} cannot be had: Go or the network is missing")
    name = f"monitoring.coreos.com_{kind.lower()}s.yaml"
    definition = yaml.safe_load((folder / "example" / "prometheus-operator-crd" / name).read_text(encoding="utf-8"))
    (version,) = (each for each in definition["spec"]["versions"] if each["name"] == "v1")
    schema: dict[str, Any] = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}  # the API server's own schema has that
    return schema


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
        made.pop("anyOf", None)
    return made


def compose_reader() -> Path | None:
    """The specification's own reader (what ``docker compose config`` does), built once; None if Go is missing or it cannot be had."""
    built = ROOT / ".work" / "bin" / "cmd"
    if not built.exists() and module(COMPOSE) is not None:
        built.parent.mkdir(parents=True, exist_ok=True)
        path, _, version = COMPOSE.partition("@")
        environment = {**os.environ, "GOBIN": str(built.parent)}
        subprocess.run(["go", "install", f"{path}/cmd@{version}"], env=environment, cwd="/", check=True, timeout=600, capture_output=True)
    return built if built.exists() else None
