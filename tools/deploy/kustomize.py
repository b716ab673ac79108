"""Kustomize from the Go module mirror, built once into ``.work/``: the manifests are checked as a cluster would get them, without a cluster."""

import os
import shutil
import subprocess
from pathlib import Path

VERSION = "v5.5.0"
ROOT = Path(__file__).resolve().parents[2]


def kustomize() -> Path | None:
    """The program; built if Go is there; None if neither it nor Go is on this machine."""
    found = shutil.which("kustomize")
    if found:
        return Path(found)
    built = ROOT / ".work" / "bin" / "kustomize"
    if not built.exists() and shutil.which("go"):
        _build(built.parent)
    return built if built.exists() else None


def _build(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    module = f"sigs.k8s.io/kustomize/kustomize/v5@{VERSION}"
    subprocess.run(["go", "install", module], env={**os.environ, "GOBIN": str(folder)}, check=True, timeout=600, capture_output=True)


def render(folder: Path) -> str:
    """All manifests of a kustomization, as YAML documents. Raises LookupError if there is no kustomize."""
    program = kustomize()
    if program is None:
        raise LookupError("kustomize is neither installed nor can it be built: Go is missing")
    return subprocess.run([program, "build", str(folder)], check=True, timeout=60, capture_output=True, text=True).stdout
