"""Manifests as kustomize renders them."""

import subprocess
from pathlib import Path

from tools.deploy.programs import program

MODULE = "sigs.k8s.io/kustomize/kustomize/v5@v5.5.0"


def kustomize() -> Path | None:
    """The program; None if neither it nor Go is on this machine."""
    return program("kustomize", MODULE)


def render(folder: Path) -> str:
    """All manifests of a kustomization, as YAML documents. Raises LookupError if there is no kustomize."""
    found = kustomize()
    if found is None:
        raise LookupError("kustomize is neither installed nor can it be built: Go is missing")
    return subprocess.run([found, "build", str(folder)], check=True, timeout=60, capture_output=True, text=True).stdout
