"""The components patch every kind of workload, not only Deployments; and the audience of a pod's token can be changed by one line."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml

from tools.deploy.kustomize import kustomize, render
from tools.deploy.programs import ROOT

pytestmark = pytest.mark.skipif(kustomize() is None, reason="kustomize is neither installed nor can it be built (no Go)")

COMPONENTS = ROOT / "deploy" / "kubernetes" / "components"
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
NEVER_COMPLETE = {"Job", "CronJob"}
"""With an ordinary second container that keeps running."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below the checkout: kustomize refuses absolute paths."""
    made = ROOT / ".work" / f"kustomization-{uuid4().hex}"
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


def workload(kind: str, inject: str) -> dict[str, Any]:
    pod: dict[str, Any] = {"metadata": {"labels": {"app": "own"}}, "spec": {"containers": [{"name": "backend", "image": "own:1"}]}}
    metadata = {"name": "own", "labels": {"kcproxy.io/inject": inject}}
    if kind in NEVER_COMPLETE:
        pod["spec"]["restartPolicy"] = "Never"
        spec: dict[str, Any] = {"template": pod}
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": spec}} if kind == "CronJob" else spec
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": spec}
    spec = {"selector": {"matchLabels": {"app": "own"}}, "template": pod} | ({"serviceName": "own"} if kind == "StatefulSet" else {})
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def patched(folder: Path, kind: str, inject: str) -> dict[str, Any]:
    """The workload after the component."""
    (folder / "own.yaml").write_text(yaml.safe_dump(workload(kind, inject)), encoding="utf-8")
    component = os.path.relpath(COMPONENTS / f"{inject}-sidecar", folder)
    (folder / "kustomization.yaml").write_text(f"resources: [own.yaml]\ncomponents: [{component}]\n", encoding="utf-8")
    return next(document for document in yaml.safe_load_all(render(folder)) if document["kind"] == kind)


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    spec = document["spec"]
    found: dict[str, Any] = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_workload_gets_the_native_sidecar(kind: str, folder: Path) -> None:
    document = patched(folder, kind, "native")
    pod = pod_of(document)
    assert [(each["name"], each["restartPolicy"]) for each in pod["spec"]["initContainers"]] == [("kcproxy", "Always")]
    assert [each["name"] for each in pod["spec"]["containers"]] == ["backend"]
    assert pod["metadata"]["labels"] == {"app": "own", "kcproxy.io/sidecar": "true"}
    for version in ("1.30", "1.37"):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_workload_gets_the_same_sidecar(kind: str, folder: Path) -> None:
    def sidecar(of: str) -> Any:
        pod = pod_of(patched(folder, of, "native"))
        return pod["spec"]["initContainers"], pod["spec"]["volumes"]

    assert sidecar(kind) == sidecar("Deployment")


@pytest.mark.parametrize("kind", KINDS)
def test_the_classic_sidecar_leaves_jobs_out_because_they_would_never_complete(kind: str, folder: Path) -> None:
    names = [each["name"] for each in pod_of(patched(folder, kind, "classic"))["spec"]["containers"]]
    assert ("kcproxy" in names) == (kind not in NEVER_COMPLETE)


def test_a_workload_without_the_label_is_not_touched(folder: Path) -> None:
    plain = workload("Deployment", "other")
    (folder / "own.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    component = os.path.relpath(COMPONENTS / "native-sidecar", folder)
    (folder / "kustomization.yaml").write_text(f"resources: [own.yaml]\ncomponents: [{component}]\n", encoding="utf-8")
    assert [document for document in yaml.safe_load_all(render(folder)) if document["kind"] == "Deployment"] == [plain]


def test_one_changed_line_changes_the_audience_of_the_pods_token(folder: Path) -> None:
    copy = folder / "kubernetes"
    shutil.copytree(ROOT / "deploy" / "kubernetes", copy)
    file = copy / "overlays" / "native-sidecar-without-secret" / "audience.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    (line,) = (number for number, text in enumerate(lines) if "# change this line" in text)
    lines[line] = lines[line].partition("audience:")[0] + "audience: https://login.example.com/realms/shop"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    deployment = next(d for d in yaml.safe_load_all(render(file.parent)) if d["kind"] == "Deployment")
    (volume,) = (each for each in pod_of(deployment)["spec"]["volumes"] if each["name"] == "kcproxy-token")
    token = {"path": "token", "audience": "https://login.example.com/realms/shop", "expirationSeconds": 600}
    assert volume["projected"]["sources"] == [{"serviceAccountToken": token}]
