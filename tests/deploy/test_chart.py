"""The objects of the Helm chart: valid, as safe as the kustomize overlays, and equal to them."""

import copy
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from kcproxy import __version__
from kcproxy.settings.load import load
from tests.deploy.chart import ISSUER, README, SECRETS, TOKEN, block, container, example, needs_helm, of_kind, own_chart
from tests.deploy.test_manifests import KUBERNETES, needs_kustomize, needs_the_operators_schemas
from tools.deploy.helm import CHART, notes, render, run
from tools.deploy.kustomize import render as kustomized
from tools.deploy.modules import custom_resource

pytestmark = needs_helm

VERSIONS = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
TOKEN_VALUES: dict[str, Any] = {
    "serviceAccountName": "kcproxy",
    "projectedToken": {"audience": ISSUER},
    "settings": {
        "inbound": {"api_keys_file": "/etc/keys/api-keys.toml"},
        "accounts": [{"realms": ["demo"], "client_id": "demo-backend", "assertion_file": TOKEN}],
    },
    "extraVolumes": [{"name": "keys", "secret": {"secretName": "keys"}}],
    "extraVolumeMounts": [{"name": "keys", "mountPath": "/etc/keys", "readOnly": True}],
}
EVERYTHING: dict[str, Any] = {
    **TOKEN_VALUES,
    "fullnameOverride": "other",
    "image": {"repository": "registry.example.com:5000/kcproxy", "tag": "0.1.0", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "secretName": "kcproxy",
    "runAsUser": None,
    "replicas": 3,
    "autoscaling": {"enabled": False},
    "networkPolicy": {
        "keycloakNamespace": "",
        "monitoringNamespace": "",
        "extraIngress": [{}],
        "extraEgress": [{"ports": [{"port": 443}]}],
    },
    "podAnnotations": {"example.org/team": "identity"},
    "priorityClassName": "high",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
BARE: dict[str, Any] = {
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "autoscaling": {"enabled": False},
    "replicas": 1,
}
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "example": example(),
    "token": TOKEN_VALUES,
    "everything": EVERYTHING,
    "bare": BARE,
    "sidecar": {"mode": "sidecar"},
}


def toml(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return tomllib.loads(of_kind(objects, "ConfigMap")["data"]["kcproxy.toml"])


def test_helm_lint_is_content_and_the_chart_names_its_least_kubernetes() -> None:
    done = run("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={VERSIONS[0]}.0-0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_object_passes_the_strict_schema_of_the_cluster(case: str, version: str) -> None:
    objects = render(CASES[case], kubernetes=f"{version}.0")
    assert objects
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_versions_that_are_validated_end_with_the_newest_there_is() -> None:
    assert kubernetes_validate.latest_version().startswith(VERSIONS[-1])


@needs_the_operators_schemas
@pytest.mark.parametrize("mode", ["gateway", "sidecar"])
def test_the_pod_monitor_passes_the_operators_schema_and_selects_the_pods(mode: str, tmp_path: Path) -> None:
    values = {"mode": mode, "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    monitor = of_kind(render(values), "PodMonitor")
    jsonschema.Draft202012Validator(custom_resource("PodMonitor")).validate(monitor)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    pods = render(values) if mode == "gateway" else render({}, chart=own_chart(tmp_path, values))
    labels = of_kind(pods, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_nothing_of_the_prometheus_operator_is_rendered_unless_it_is_wanted() -> None:
    assert {each["kind"] for each in render({})} == {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }


@pytest.mark.parametrize("case", [name for name in CASES if name != "sidecar"])
def test_the_container_may_do_no_more_than_that_of_the_overlay(case: str) -> None:
    objects = render(CASES[case])
    security = container(objects)["securityContext"]
    user = {} if case == "everything" else {"runAsUser": 65532, "runAsGroup": 65532}
    assert security == {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        **user,
    }
    pod = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert pod.get("securityContext") == (None if case == "everything" else {"fsGroup": 65532})
    assert not [mount for mount in container(objects)["volumeMounts"] if "subPath" in mount or not mount["readOnly"]]


@pytest.mark.parametrize("case", CASES)
def test_the_page_stays_on_loopback_and_only_metrics_are_on_the_pods_address(case: str) -> None:
    objects = render(CASES[case])
    assert "admin_listen" not in toml(objects)  # the default: 127.0.0.1:9180
    assert toml(objects)["metrics_listen"] == "0.0.0.0:9181"
    assert toml(objects)["listen"] == ("127.0.0.1:8180" if case == "sidecar" else "0.0.0.0:8180")
    if case != "sidecar":
        assert [port["targetPort"] for port in of_kind(objects, "Service")["spec"]["ports"]] == ["http"]
        assert {port["containerPort"] for port in container(objects)["ports"]} == {8180, 9181}


@pytest.mark.parametrize("case", CASES)
def test_no_object_is_a_secret_and_none_names_an_environment_variable(case: str) -> None:
    objects = render(CASES[case])
    assert "Secret" not in {each["kind"] for each in objects}
    assert '"env"' not in str(objects).replace("'", '"')


@pytest.mark.parametrize(("seconds", "grace"), [(None, 40), (0, 20), (2.5, 23), (600, 620)])
def test_the_pod_outlives_its_drain(seconds: float | None, grace: int) -> None:
    objects = render({} if seconds is None else {"settings": {"drain_seconds": seconds}})
    assert toml(objects)["drain_seconds"] == (20 if seconds is None else seconds)
    assert of_kind(objects, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == grace
    assert container(objects)["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ({}, f"kcproxy:{__version__}"),
        ({"repository": "registry.example.com:5000/a/kcproxy", "tag": "1.2"}, "registry.example.com:5000/a/kcproxy:1.2"),
        ({"digest": f"sha256:{'a' * 64}"}, f"kcproxy:{__version__}@sha256:{'a' * 64}"),
    ],
)
def test_the_image_is_named_by_tag_and_digest(image: dict[str, str], named: str) -> None:
    assert container(render({"image": image}))["image"] == named


@pytest.mark.parametrize(
    ("release", "name"), [("kcproxy", "kcproxy"), ("shop", "shop-kcproxy"), ("a.b", "a-b-kcproxy"), ("x" * 53, f"{'x' * 53}-kcproxy")]
)
def test_two_releases_share_no_name_and_no_selector(release: str, name: str) -> None:
    objects = render({}, release=release)
    assert {each["metadata"]["name"] for each in objects} == {name}
    assert of_kind(objects, "Service")["spec"]["selector"]["app.kubernetes.io/instance"] == release
    for each in objects:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("word", ["true", "null", "no", "off"])
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(word: str) -> None:
    objects = render({"fullnameOverride": word, "serviceAccountName": word, "priorityClassName": word, "secretName": word}, release=word)
    assert {each["metadata"]["name"] for each in objects} == {word}
    for each in objects:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)


def test_the_examples_settings_are_accepted_by_kcproxy(tmp_path: Path) -> None:
    text = of_kind(render(example()), "ConfigMap")["data"]["kcproxy.toml"]
    (tmp_path / "client-secret").write_text("s3cret\n")
    (tmp_path / "api-keys.toml").write_text(f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n')
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    path = tmp_path / "kcproxy.toml"
    path.write_text(text.replace(SECRETS, str(tmp_path)))
    loaded = load(path, {}, {})
    assert (str(loaded.listen), loaded.drain_seconds, loaded.accounts[0].client_id) == ("0.0.0.0:8180", 20.0, "demo-backend")


VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=20)
"""What YAML can contain: Helm refuses the rest."""


@effort(max_examples=15)
@given(
    st.lists(
        VISIBLE | st.sampled_from(['"', "\\", "{{ .Values }}", "'", "#", "<&>", "\u2028", "\x85", "\ufeff", "]]", "\ttab\n", "true", "1"]),
        min_size=20,
        max_size=60,
    )
)
def test_every_text_in_the_settings_arrives_as_it_is(texts: list[str]) -> None:
    made = toml(render({"settings": {"metrics": {"realms": texts, "max_realms": 7, "clients": False}, "instance": "a"}}))
    assert made["metrics"] == {"realms": texts, "max_realms": 7, "clients": False}
    assert made["instance"] == "a"


def test_numbers_stay_whole_numbers_and_lists_of_tables_keep_their_order() -> None:
    accounts = [{"realms": [realm], "client_id": realm, "client_secret_file": f"{SECRETS}/s", "operations": ["GET /*"]} for realm in "cab"]
    values = {
        "secretName": "s",
        "settings": {
            "accounts": accounts,
            "inbound": {"api_keys_file": f"{SECRETS}/k"},
            "limits": {"max_header_bytes": 1048576, "min_body_bytes_per_second": 1073741824},
            "inspector": {"budget_seconds": 0.25},
        },
    }
    made = toml(render(values))
    assert made["accounts"] == accounts
    assert (made["limits"], made["inspector"]) == (values["settings"]["limits"], values["settings"]["inspector"])  # type: ignore[index]
    assert isinstance(made["limits"]["max_header_bytes"], int)


# Kustomize and chart


def normalised(document: dict[str, Any]) -> dict[str, Any]:
    """Without what Helm adds: labels of the release, which are in selectors, too. Settings are compared as values."""
    made: dict[str, Any] = _without_labels(copy.deepcopy(document))
    if made["kind"] == "ConfigMap":
        made["data"] = {name: tomllib.loads(text) for name, text in made["data"].items()}
    if made["metadata"].get("labels") in ({}, {"app.kubernetes.io/name": "kcproxy"}):  # a matter of taste on objects that nothing selects
        del made["metadata"]["labels"]
    return made


_ADDED = {"app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart", "kcproxy.io/release"}


def _without_labels(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_labels(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_labels(each) for name, each in value.items() if name not in _ADDED}
    return value


def by_kind(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    made = {each["kind"]: normalised(each) for each in objects}
    assert len(made) == len(objects)
    return made


@needs_kustomize
def test_the_chart_with_its_example_is_the_gateway_of_kustomize() -> None:
    overlay = [each for each in yaml.safe_load_all(kustomized(KUBERNETES / "overlays/gateway")) if each["kind"] != "Namespace"]
    assert by_kind(render(example())) == by_kind(overlay)


@needs_kustomize
def test_the_charts_defaults_are_the_gateway_of_kustomize_without_account() -> None:
    overlay = by_kind([each for each in yaml.safe_load_all(kustomized(KUBERNETES / "overlays/gateway")) if each["kind"] != "Namespace"])
    made = by_kind(render({}))
    settings, pod = overlay["ConfigMap"]["data"]["kcproxy.toml"], overlay["Deployment"]["spec"]["template"]["spec"]
    del settings["accounts"], settings["inbound"]
    pod["volumes"] = [each for each in pod["volumes"] if each["name"] != "secret"]
    pod["containers"][0]["volumeMounts"] = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] != "secret"]
    assert made == overlay


@needs_kustomize
def test_the_charts_sidecar_is_that_of_kustomize(tmp_path: Path) -> None:
    (patched,) = (each for each in yaml.safe_load_all(kustomized(KUBERNETES / "overlays/native-sidecar")) if each["kind"] == "Deployment")
    values = {"mode": "sidecar", "secretName": "kcproxy", "projectedToken": {"audience": ISSUER}, "fullnameOverride": "kcproxy"}
    made = of_kind(render({}, chart=own_chart(tmp_path, values)), "Deployment")
    ours, theirs = (each["spec"]["template"] for each in (made, patched))
    assert ours["spec"]["initContainers"] == theirs["spec"]["initContainers"]
    assert ours["spec"]["volumes"] == theirs["spec"]["volumes"]
    assert ours["metadata"]["labels"]["kcproxy.io/sidecar"] == theirs["metadata"]["labels"]["kcproxy.io/sidecar"] == "true"


# The README and the notes


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_the_readmes_chart_with_a_sidecar_is_valid_and_has_settings_for_loopback(version: str, tmp_path: Path) -> None:
    values = yaml.safe_load(block(after="`values.yaml`:"))["kcproxy"]
    objects = render({}, release="shop", kubernetes=f"{version}.0", chart=own_chart(tmp_path, values))
    assert sorted(each["kind"] for each in objects) == ["ConfigMap", "Deployment"]
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)
    assert toml(objects)["listen"] == "127.0.0.1:8180"
    pod = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    assert [(each["name"], each["restartPolicy"]) for each in pod["initContainers"]] == [("kcproxy", "Always")]
    assert {each["name"]: each for each in pod["volumes"]}["kcproxy-settings"]["configMap"]["name"] == of_kind(objects, "ConfigMap")[
        "metadata"
    ]["name"]


def test_the_readmes_dependency_is_built_from_the_path_and_renders_the_same(tmp_path: Path) -> None:
    values = yaml.safe_load(block(after="`values.yaml`:"))["kcproxy"]
    chart = own_chart(tmp_path, values)
    unpacked = render({}, chart=chart)
    (chart / "charts" / "kcproxy").unlink()
    shutil.copytree(CHART, tmp_path / "kcproxy")  # file://../kcproxy
    done = run("dependency", "build", str(chart))
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (chart / "charts").iterdir()] == [f"kcproxy-{__version__}.tgz"]
    assert render({}, chart=chart) == unpacked


def test_the_readmes_values_for_a_keycloak_outside_open_only_that_address() -> None:
    policy = of_kind(render(yaml.safe_load(block(after="outside of the cluster"))), "NetworkPolicy")
    addresses = [target["ipBlock"]["cidr"] for rule in policy["spec"]["egress"] for target in rule["to"] if "ipBlock" in target]
    assert addresses == ["203.0.113.10/32"]
    assert "keycloak" not in str(policy["spec"]["egress"])


def test_the_readmes_secret_has_the_files_that_its_values_name() -> None:
    (command,) = re.findall(r"^kubectl .*create secret generic (\S+) (.*)$", README, re.MULTILINE)
    keys = {word.removeprefix("--from-file=").partition("=")[0] for word in command[1].split()}
    named = set(re.findall(rf"{SECRETS}/([\w.-]+)", yaml.safe_dump(example())))
    assert (command[0], keys | {"client-secret-previous"}) == (example()["secretName"], named)


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        (
            {},
            ["http://kcproxy.kcproxy.svc:8180", "kcproxy.io/client=true.", "port-forward deployment/kcproxy 9180", "adds no token"],
            ["https:"],
        ),
        (example(), ["in front of http://keycloak.keycloak.svc:8080"], ["adds no token"]),
        ({"settings": {"inbound": {"tls_certificate_file": "/tls/crt"}}}, ["https://kcproxy.kcproxy.svc:8180"], []),
        ({"networkPolicy": {"enabled": False}, "service": {"port": 80}}, ["http://kcproxy.kcproxy.svc:80\n"], ["network policy"]),
        ({"mode": "sidecar"}, ["ConfigMap kcproxy", "http://127.0.0.1:8180"], ["rollout", "svc:8180"]),
    ],
)
def test_the_notes_name_the_next_steps(values: dict[str, Any], said: list[str], unsaid: list[str]) -> None:
    text = notes(values)
    assert [words for words in said if words not in text] == []
    assert [words for words in unsaid if words in text] == []
    assert [line for line in text.splitlines() if line != line.rstrip() or len(line) > 160] == []


def test_artifact_hubs_annotations_are_lists_that_it_can_read() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    annotations = chart["annotations"]
    assert all(isinstance(value, str) for value in annotations.values())
    assert annotations["artifacthub.io/category"] == "security"
    (image,) = yaml.safe_load(annotations["artifacthub.io/images"])
    assert image["image"] == container(render({}))["image"]
    kinds = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert all(change["kind"] in kinds and change["description"] for change in yaml.safe_load(annotations["artifacthub.io/changes"]))
