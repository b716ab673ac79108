"""The manifests, rendered by kustomize, against Kubernetes' own schemas and against what the documents promise of them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from kcproxy.settings.load import load
from tools.deploy.kustomize import kustomize, render

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
SHAPES = ("examples/sidecar", "examples/classic-sidecar", "gateway")
CLUSTERS = {"examples/sidecar": ("1.30", "1.33", "1.37"), "examples/classic-sidecar": ("1.30",), "gateway": ("1.30", "1.37")}

needs_kustomize = pytest.mark.skipif(kustomize() is None, reason="kustomize is neither installed nor can it be built (no Go)")


@cache
def documents(shape: str) -> tuple[dict[str, Any], ...]:
    return tuple(yaml.safe_load_all(render(KUBERNETES / shape)))


def containers(shape: str) -> Iterator[dict[str, Any]]:
    for document in documents(shape):
        spec = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from (c for c in [*spec.get("initContainers", []), *spec.get("containers", [])] if c["name"] == "kcproxy")


@needs_kustomize
@pytest.mark.parametrize(("shape", "version"), [(shape, version) for shape, versions in CLUSTERS.items() for version in versions])
def test_every_manifest_passes_the_strict_schema_of_the_cluster(shape: str, version: str) -> None:
    for document in documents(shape):
        kubernetes_validate.validate(document, version, strict=True)


def test_the_strict_schema_does_refuse_a_misspelt_field() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, "1.30", strict=True)


@needs_kustomize
@pytest.mark.parametrize("shape", SHAPES)
def test_the_container_may_do_nothing_that_it_need_not(shape: str) -> None:
    (container,) = containers(shape)
    security = container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 65532
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@needs_kustomize
@pytest.mark.parametrize("shape", SHAPES)
def test_probes_ask_for_kcproxys_own_health_on_the_admin_port(shape: str) -> None:
    (container,) = containers(shape)
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "kcproxy-admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "kcproxy-admin"}
    assert {"name": "kcproxy-admin", "containerPort": 9180} in container["ports"]


@needs_kustomize
def test_the_native_sidecar_starts_first_and_the_classic_one_is_an_ordinary_container() -> None:
    native = next(d for d in documents("examples/sidecar") if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert [(c["name"], c["restartPolicy"]) for c in native["initContainers"]] == [("kcproxy", "Always")]
    assert "startupProbe" in native["initContainers"][0]
    classic = next(d for d in documents("examples/classic-sidecar") if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert {c["name"] for c in classic["containers"]} == {"backend", "kcproxy"}
    assert "initContainers" not in classic


@needs_kustomize
@pytest.mark.parametrize("shape", SHAPES)
def test_no_mount_is_a_sub_path_because_those_are_never_updated(shape: str) -> None:
    (container,) = containers(shape)
    assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


@needs_kustomize
def test_the_gateway_outlives_its_drain_and_never_has_fewer_than_two_pods() -> None:
    by_kind = {document["kind"]: document for document in documents("gateway")}
    assert "drain_seconds = 20" in by_kind["ConfigMap"]["data"]["kcproxy.toml"]
    assert by_kind["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 20 + 5
    assert by_kind["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2
    assert by_kind["PodDisruptionBudget"]["spec"]["minAvailable"] >= 1
    assert {"Service", "NetworkPolicy"} <= set(by_kind)


@pytest.mark.parametrize("file", ["components/settings/kcproxy.toml", "gateway/kcproxy.toml"])
def test_the_settings_in_the_manifests_are_accepted_by_kcproxy(file: str, tmp_path: Path) -> None:
    text = (KUBERNETES / file).read_text()
    for name in ("client-secret", "api-keys.toml"):
        (tmp_path / name).write_text("[[keys]]\n" if name.endswith("toml") else "s3cret\n")
        (tmp_path / name).chmod(0o600)
        text = text.replace(f"/var/run/secrets/kcproxy/{name}", str(tmp_path / name))
    path = tmp_path / "kcproxy.toml"
    path.write_text(text)
    settings = load(path, {}, {})
    assert settings.accounts[0].client_id == "demo-backend"
    assert str(settings.listen).endswith(":8180")
