"""The manifests, rendered by kustomize, against Kubernetes' own schemas and against what the documents promise of them."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from kcproxy.settings.load import load
from tools.deploy.kustomize import kustomize, render
from tools.deploy.modules import OPERATOR, custom_resource, module
from tools.deploy.rules import MANIFEST, SOURCE, manifest

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
NATIVE, WITHOUT_SECRET, CLASSIC, GATEWAY, MONITORING = (
    f"overlays/{name}" for name in ("native-sidecar", "native-sidecar-without-secret", "classic-sidecar", "gateway", "monitoring")
)
SHAPES = (NATIVE, WITHOUT_SECRET, CLASSIC, GATEWAY)
SIDECARS = (NATIVE, WITHOUT_SECRET, CLASSIC)
CLUSTERS = {
    "base": ("1.30", "1.37"),
    NATIVE: ("1.30", "1.33", "1.37"),
    WITHOUT_SECRET: ("1.37",),
    CLASSIC: ("1.30",),
    GATEWAY: ("1.30", "1.37"),
}

needs_the_operators_schemas = pytest.mark.skipif(
    module(OPERATOR) is None, reason="the schemas of the Prometheus operator cannot be had (no Go, or no network)"
)
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
@needs_the_operators_schemas
def test_every_resource_of_the_operator_passes_its_own_strict_schema() -> None:
    kinds = [document["kind"] for document in documents(MONITORING)]
    assert kinds == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    for document in documents(MONITORING):
        jsonschema.Draft202012Validator(custom_resource(document["kind"])).validate(document)


@needs_the_operators_schemas
@pytest.mark.parametrize("place", [(), ("spec",), ("spec", "podMetricsEndpoints", 0)])
def test_the_operators_schema_does_refuse_a_misspelt_field(place: tuple[str | int, ...]) -> None:
    document: dict[str, Any] = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "x"}}
    document["spec"] = {"selector": {}, "podMetricsEndpoints": [{"port": "x"}]}
    validator = jsonschema.Draft202012Validator(custom_resource("PodMonitor"))
    validator.validate(document)
    inner: Any = document
    for step in place:
        inner = inner[step]
    inner["portz"] = 1
    assert not validator.is_valid(document)


def test_the_rules_of_the_operator_are_those_of_prometheus() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == manifest(), "python -m tools.deploy"
    made, source = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (MANIFEST, SOURCE))
    assert made["spec"]["groups"] == source["groups"]


@needs_kustomize
def test_what_is_scraped_are_the_labels_and_the_port_that_the_forms_have() -> None:
    monitors = [document["spec"] for document in documents(MONITORING) if document["kind"] == "PodMonitor"]
    for shape in SHAPES:
        (container,) = containers(shape)
        labels = next(d for d in documents(shape) if d["kind"] == "Deployment")["spec"]["template"]["metadata"]["labels"]
        (monitor,) = (each for each in monitors if each["selector"]["matchLabels"].items() <= labels.items())
        assert monitor["podMetricsEndpoints"][0]["port"] in {port["name"] for port in container["ports"]}


@needs_kustomize
@pytest.mark.parametrize("shape", SIDECARS)
def test_a_sidecar_changes_an_application_by_a_label_and_an_address_alone(shape: str) -> None:
    before = next(d for d in documents("base") if d["kind"] == "Deployment")
    after = next(d for d in documents(shape) if d["kind"] == "Deployment")
    (own,) = (c for c in after["spec"]["template"]["spec"]["containers"] if c["name"] == "backend")
    (plain,) = before["spec"]["template"]["spec"]["containers"]
    assert own == {**plain, "env": [{"name": "KEYCLOAK_URL", "value": "http://127.0.0.1:8180"}]}
    assert after["metadata"]["labels"].keys() - before["metadata"]["labels"].keys() == {"kcproxy.io/inject"}


@needs_kustomize
@pytest.mark.parametrize("shape", ["base", *SHAPES])
def test_no_pod_is_given_variables_that_look_like_settings_nor_a_token_that_it_does_not_need(shape: str) -> None:
    pod = next(d for d in documents(shape) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)


@needs_kustomize
@pytest.mark.parametrize("shape", SHAPES)
def test_every_file_of_the_settings_is_in_a_volume_that_is_mounted_there(shape: str) -> None:
    (container,) = containers(shape)
    settings = tomllib.loads(next(d for d in documents(shape) if d["kind"] == "ConfigMap")["data"]["kcproxy.toml"])
    accounts = settings["accounts"]
    named = [value for table in (*accounts, settings.get("inbound", {})) for key, value in table.items() if key.endswith("_file")]
    assert named
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert [file for file in named if str(Path(file).parent) not in mounts] == []
    assert container["args"] == ["serve", "--config", f"{mounts[0]}/kcproxy.toml"]


@needs_kustomize
def test_without_a_secret_the_projected_token_is_for_the_realm_that_it_is_shown_to() -> None:
    pod = next(d for d in documents(WITHOUT_SECRET) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == "kcproxy-token")
    (source,) = (each["serviceAccountToken"] for each in volume["projected"]["sources"])
    settings = tomllib.loads(next(d for d in documents(WITHOUT_SECRET) if d["kind"] == "ConfigMap")["data"]["kcproxy.toml"])
    (account,) = settings["accounts"]
    assert source["audience"] == f"{settings['upstream']['url']}/realms/{account['realms'][0]}"
    assert account["assertion_file"] == f"/var/run/secrets/kcproxy-token/{source['path']}"
    assert "client_secret_file" not in account
    assert pod["serviceAccountName"] not in {None, "default"}


@needs_kustomize
def test_where_both_containers_end_at_once_kcproxy_waits_within_the_pods_grace_period() -> None:
    (container,) = containers(CLASSIC)
    _, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert int(seconds) + load(None, {"KCPROXY_UPSTREAM": "http://x"}, {}).drain_seconds < 30


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
def test_probes_ask_for_kcproxys_own_health_on_the_port_for_metrics(shape: str) -> None:
    (container,) = containers(shape)
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "kcproxy-metrics"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "kcproxy-metrics"}
    assert {"name": "kcproxy-metrics", "containerPort": 9181} in container["ports"]


@needs_kustomize
def test_the_native_sidecar_starts_first_and_the_classic_one_is_an_ordinary_container() -> None:
    native = next(d for d in documents(NATIVE) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert [(c["name"], c["restartPolicy"]) for c in native["initContainers"]] == [("kcproxy", "Always")]
    assert "startupProbe" in native["initContainers"][0]
    classic = next(d for d in documents(CLASSIC) if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert {c["name"] for c in classic["containers"]} == {"backend", "kcproxy"}
    assert "initContainers" not in classic


@needs_kustomize
@pytest.mark.parametrize("shape", SHAPES)
def test_no_mount_is_a_sub_path_because_those_are_never_updated(shape: str) -> None:
    (container,) = containers(shape)
    assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


@needs_kustomize
def test_the_gateway_outlives_its_drain_and_never_has_fewer_than_two_pods() -> None:
    by_kind = {document["kind"]: document for document in documents(GATEWAY)}
    assert "drain_seconds = 20" in by_kind["ConfigMap"]["data"]["kcproxy.toml"]
    (container,) = containers(GATEWAY)
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert by_kind["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 20 + 5
    assert by_kind["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2
    assert by_kind["PodDisruptionBudget"]["spec"]["minAvailable"] >= 1
    assert {"Service", "NetworkPolicy"} <= set(by_kind)


@pytest.mark.parametrize("file", ["components/settings/kcproxy.toml", f"{WITHOUT_SECRET}/kcproxy.toml", f"{GATEWAY}/kcproxy.toml"])
def test_the_settings_in_the_manifests_are_accepted_by_kcproxy(file: str, tmp_path: Path) -> None:
    text = (KUBERNETES / file).read_text()
    keys = f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n'
    for name, content in {"client-secret": "s3cret\n", "api-keys.toml": keys, "token": "a.b.c"}.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
        text = re.sub(rf"/var/run/secrets/[\w-]+/{name}", str(tmp_path / name), text)
    path = tmp_path / "kcproxy.toml"
    path.write_text(text)
    settings = load(path, {}, {})
    assert settings.accounts[0].client_id == "demo-backend"
    assert str(settings.listen).endswith(":8180")
