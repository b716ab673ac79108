"""Wrong values are refused before anything is rendered, with the place and the reason."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.chart import ISSUER, SECRETS, TOKEN, needs_helm, own_chart
from tools.deploy.helm import CHART, Refused, render
from tools.docs import chart as documents
from tools.docs.chart_values import VALUES

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ACCOUNT = {"realms": ["demo"], "client_id": "demo-backend", "client_secret_file": f"{SECRETS}/client-secret"}
KEYS = {"api_keys_file": f"{SECRETS}/api-keys.toml"}


@needs_helm
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"imagee": {}}, "additional properties 'imagee' not allowed"),
        ({"image": {"tagg": "1"}}, "at '/image': additional properties 'tagg' not allowed"),
        ({"image": {"tag": 1}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:abc"}}, "at '/image/digest': 'sha256:abc' does not match pattern"),
        ({"image": {"repository": "kcproxy:latest@"}}, "at '/image/repository'"),
        ({"mode": "daemon"}, "at '/mode': value must be one of 'gateway', 'sidecar'"),
        ({"secretName": "Upper"}, "at '/secretName'"),
        ({"runAsUser": 0}, "at '/runAsUser': minimum: got 0, want 1"),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": 0}, "at '/replicas': minimum"),
        ({"service": {"port": 65536}}, "at '/service/port': maximum"),
        ({"projectedToken": {"audience": "demo"}}, "at '/projectedToken/audience'"),
        ({"projectedToken": {"expirationSeconds": 60}}, "at '/projectedToken/expirationSeconds': minimum: got 60, want 600"),
        ({"networkPolicy": {"clientLabels": {"kcproxy.io/client": None}}}, "at '/networkPolicy/clientLabels'"),
        ({"networkPolicy": {"keycloakPorts": []}}, "at '/networkPolicy/keycloakPorts': minItems"),
        ({"podMonitor": {"interval": "soon"}}, "at '/podMonitor/interval'"),
        ({"resources": {"request": {}}}, "at '/resources': additional properties 'request' not allowed"),
        ({"settings": {"upstream": "http://x"}}, "at '/settings/upstream': got string, want object"),
        ({"settings": {"upstream": {"url": "keycloak:8080"}}}, "at '/settings/upstream/url'"),
        ({"settings": {"upstream": {"urll": "x"}}}, "at '/settings/upstream': additional properties 'urll' not allowed"),
        ({"settings": {"drain_second": 5}}, "at '/settings': additional properties 'drain_second' not allowed"),
        ({"settings": {"listen": "0.0.0.0:80"}}, "at '/settings': additional properties 'listen' not allowed"),
        ({"settings": {"metrics_listen": "0.0.0.0:80"}}, "at '/settings': additional properties 'metrics_listen' not allowed"),
        ({"settings": {"admin_key": "s3cret"}}, "at '/settings': additional properties 'admin_key' not allowed"),
        (
            {"settings": {"accounts": [ACCOUNT | {"client_secret": "x"}], "inbound": KEYS}},
            "at '/settings/accounts/0': additional properties 'client_secret' not allowed",
        ),
        ({"settings": {"accounts": [ACCOUNT]}}, "at '/settings': missing property 'inbound'"),
        ({"settings": {"accounts": [ACCOUNT], "inbound": {}}}, "at '/settings/inbound': missing property 'api_keys_file'"),
        ({"settings": {"accounts": [ACCOUNT], "inbound": KEYS}}, "secretName is empty: create a Secret with that file"),
        ({"mode": "sidecar", "settings": {"accounts": [ACCOUNT]}}, "secretName is empty"),
        (
            {
                "settings": {
                    "accounts": [{"realm": "demo", "client_id": "x", "assertion_file": TOKEN}],
                    "inbound": {"jwt_issuers": [ISSUER]},
                }
            },
            "projectedToken.audience is empty: set it to the issuer of the realm",
        ),
        ({"projectedToken": {"audience": ISSUER}}, "serviceAccountName is empty"),
        ({"autoscaling": {"minReplicas": 1}}, "podDisruptionBudget.minAvailable is 1 of 1 pods"),
        ({"autoscaling": {"enabled": False}, "replicas": 1}, "podDisruptionBudget.minAvailable is 1 of 1 pods"),
        ({"autoscaling": {"minReplicas": 9}}, "autoscaling.minReplicas (9) is larger than autoscaling.maxReplicas (8)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(values: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


@needs_helm
def test_the_sidecar_of_a_dependency_in_the_wrong_mode_is_refused(tmp_path: Any) -> None:
    with pytest.raises(Refused, match="set the value mode of the dependency to sidecar"):
        render({}, chart=own_chart(tmp_path, {}))


def test_the_schema_is_valid_and_accepts_the_defaults() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")))


def test_every_default_in_the_file_is_the_declared_one() -> None:
    written = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for value in VALUES:
        found: Any = written
        for part in value.path.split("."):
            found = found[part]
        assert found == value.default, value.path


def test_every_value_is_used_by_a_template() -> None:
    templates = "".join(file.read_text(encoding="utf-8") for file in (CHART / "templates").iterdir())
    names = {value.path.rpartition(".")[2] for value in VALUES}
    assert [name for name in sorted(names) if f".{name}" not in templates] == []


def test_every_object_of_the_schema_that_the_chart_declares_refuses_unknown_names() -> None:
    open_ended = {path for path, schema in _objects(SCHEMA, "") if schema.get("additionalProperties") is None}
    assert open_ended == {"/global", "/affinity", "/imagePullSecrets/*", "/tolerations/*", "/extraVolumes/*", "/extraVolumeMounts/*"} | {
        f"/networkPolicy/{name}/*" for name in ("extraIngress", "extraEgress")
    }


def _objects(schema: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    inner = [(f"{path}/{name}", each) for name, each in schema.get("properties", {}).items()]
    inner += [(f"{path}/*", schema["items"])] if isinstance(schema.get("items"), dict) else []
    own = [(path, schema)] if schema.get("type") == "object" else []
    return own + [found for name, each in inner for found in _objects(each, name)]


def test_a_readme_without_marks_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 pairs of the marks"):
        documents.with_table("# Chart\n")
