"""The generated configuration of Envoy and Istio: checked by Envoy itself, and matched against the role tables."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devkit.envoy import envoy_binary
from kcproxy.catalog import load, versions
from kcproxy.envoy.messages import ATTRIBUTES
from kcproxy.explain.unseen_body import depends_on_body
from tests.envoy.conftest import require_envoy
from tools.deploy.envoy.documents import documents, dumped
from tools.deploy.envoy.istio import LUA_CLUSTER
from tools.deploy.envoy.matching import STATUS_CODES, request_patterns

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "envoy"


def shipped(name: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def filters_of(bootstrap: Any) -> list[Any]:
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return list(manager["http_filters"])


def bootstrap_of_filter() -> Any:
    """Envoy's configuration after the patches of the EnvoyFilter, applied as Istio documents them."""
    (resource,) = shipped("istio-envoyfilter.yaml")
    (bootstrap,) = copy.deepcopy(shipped("envoy.yaml"))
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    bootstrap["static_resources"]["clusters"].pop()
    manager["http_filters"].pop(0)
    for patch in resource["spec"]["configPatches"]:
        value = patch["patch"]["value"]
        if patch["applyTo"] == "CLUSTER":
            bootstrap["static_resources"]["clusters"].append(value)
            continue
        chain = patch["match"]["listener"]["filterChain"]["filter"]
        assert chain["name"] == "envoy.filters.network.http_connection_manager"
        names = [each["name"] for each in manager["http_filters"]]
        manager["http_filters"].insert(names.index(chain["subFilter"]["name"]), value)
    return bootstrap


def bootstrap_of_extension() -> Any:
    """Envoy's configuration with the script of the TrafficExtension, and the cluster that Istio makes of the ServiceEntry."""
    entry, extension = shipped("istio-trafficextension.yaml")
    (bootstrap,) = copy.deepcopy(shipped("envoy-lua.yaml"))
    filters_of(bootstrap)[0]["typed_config"]["default_source_code"]["inline_string"] = extension["spec"]["lua"]["inlineCode"]
    port = entry["spec"]["ports"][0]["number"]
    bootstrap["static_resources"]["clusters"][1]["name"] = f"outbound|{port}||{entry['spec']['hosts'][0]}"
    return bootstrap


@pytest.mark.parametrize("name", ["envoy.yaml", "envoy-lua.yaml", "istio-envoyfilter.yaml", "istio-trafficextension.yaml"])
def test_envoy_accepts_it(name: str, tmp_path: Path) -> None:
    require_envoy()
    made = {"istio-envoyfilter.yaml": bootstrap_of_filter, "istio-trafficextension.yaml": bootstrap_of_extension}
    bootstrap = made[name]() if name in made else shipped(name)[0]
    (tmp_path / "envoy.yaml").write_text(dumped(bootstrap), encoding="utf-8")
    words = [str(envoy_binary()), "--mode", "validate", "-c", str(tmp_path / "envoy.yaml"), "--log-level", "warning"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_script_calls_the_service_that_istio_knows() -> None:
    (_, extension), bootstrap = shipped("istio-trafficextension.yaml"), bootstrap_of_extension()
    assert bootstrap["static_resources"]["clusters"][1]["name"] == LUA_CLUSTER
    assert f'"{LUA_CLUSTER}"' in extension["spec"]["lua"]["inlineCode"]


def test_every_file_of_the_folder_is_generated() -> None:
    assert {f"deploy/envoy/{file.name}" for file in FOLDER.iterdir()} == set(documents())


def processors() -> list[Any]:
    matchers = filters_of(shipped("envoy.yaml")[0])[0]["typed_config"]["xds_matcher"]["matcher_list"]["matchers"]
    return [each["on_match"]["action"]["typed_config"]["typed_config"]["typed_config"] for each in matchers]


def test_traffic_flows_without_the_processor_and_waits_a_quarter_of_a_second_at_most() -> None:
    assert processors()
    for processor in processors():
        assert (processor["failure_mode_allow"], processor["message_timeout"]) == (True, "0.25s")
    script = filters_of(shipped("envoy-lua.yaml")[0])[0]["typed_config"]["default_source_code"]["inline_string"]
    assert 'CLUSTER, LIMIT_MS, MAX_BYTES = "kcproxy", 250, 65536' in script


def test_the_filter_for_refusals_sends_every_attribute_that_is_read() -> None:
    assert processors()[-1]["response_attributes"] == list(ATTRIBUTES)
    assert processors()[-1]["processing_mode"]["request_header_mode"] == "SKIP"


def test_the_status_codes_are_those_that_are_explained() -> None:
    assert STATUS_CODES == (400, 401, 403, 404, 405, 431, 500, 501)


def every_operation() -> dict[str, tuple[str, str, bool]]:
    """Method, template, and whether its explanation depends on the body in any version, by the operation without names of parameters."""
    found: dict[str, tuple[str, str, bool]] = {}
    for version in versions():
        for entry in load(version).operations:
            operation = entry.operation
            key = f"{operation.method} {re.sub(PARAMETER, '{}', operation.path)}"
            listed = depends_on_body(entry) or (key in found and found[key][2])
            found[key] = (operation.method, operation.path, listed)
    return found


PARAMETER = r"\{[^}]*\}"
EVERY_OPERATION = every_operation()
PATTERNS = {method: re.compile(pattern) for method, pattern in request_patterns().items()}


def concrete(template: str) -> str:
    return re.sub(PARAMETER, "9b-x.y~z%20", template)


@pytest.mark.parametrize("base", ["", "/auth", "/a/b"])
@pytest.mark.parametrize("query", ["", "?", "?first=0&q=a/b"])
def test_the_matcher_names_exactly_the_operations_that_depend_on_the_body(base: str, query: str) -> None:
    wrong = []
    for key, (method, path, listed) in EVERY_OPERATION.items():
        pattern = PATTERNS.get(method)
        matched = pattern is not None and pattern.fullmatch(base + concrete(path) + query) is not None
        if matched != listed:
            wrong.append(key)
    assert wrong == []


def test_a_longer_path_is_not_matched() -> None:
    pattern = request_patterns()["POST"]
    assert re.fullmatch(pattern, "/admin/realms/demo/roles")
    assert not re.fullmatch(pattern, "/admin/realms/demo/roles/x")
    assert not re.fullmatch(pattern, "/admin/realms/demo/users/1/role-mappings/clients/2/available")
