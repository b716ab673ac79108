"""The commands of deploy/kubernetes/README.md, without a cluster: every kustomization in them renders, and each finds what it needs."""

import hashlib
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcproxy.settings.api_keys import read_keys
from tools.deploy.kustomize import kustomize, render

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "deploy" / "kubernetes" / "README.md").read_text(encoding="utf-8")
NAMESPACES = {"demo", "kcproxy"}
WITHOUT_NAMESPACE = {"monitoring"}
"""Has to exist already, which the page says: the operator is there."""

needs_kustomize = pytest.mark.skipif(kustomize() is None, reason="kustomize is neither installed nor can it be built (no Go)")


def commands(heading: str) -> list[list[str]]:
    """The lines of a section's code block, as words."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block, heading
    return [shlex.split(line, comments=True) for line in block[1].splitlines()]


def rendered(folder: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render(ROOT / folder)))


def overlays() -> list[str]:
    return sorted(str(file.parent.relative_to(ROOT)) for file in (ROOT / "deploy/kubernetes/overlays").glob("*/kustomization.yaml"))


@needs_kustomize
@pytest.mark.parametrize("folder", overlays())
def test_an_overlay_brings_its_namespace_along_or_the_page_says_that_it_has_to_exist(folder: str) -> None:
    documents = rendered(folder)
    made = [document["metadata"]["name"] for document in documents if document["kind"] == "Namespace"]
    used = {document["metadata"]["namespace"] for document in documents if document["kind"] != "Namespace"}
    assert len(used) == 1, "an object without a namespace ends up in the one that kubectl happens to use"
    assert set(made) == used - WITHOUT_NAMESPACE
    if made:
        assert documents[0]["kind"] == "Namespace"
    else:
        assert f"in the namespace `{used.pop()}`, which has to exist" in README


@needs_kustomize
@pytest.mark.parametrize("heading", ["Sidecar: the commands", "Gateway: the commands"])
def test_the_commands_create_namespace_and_secret_before_what_uses_them(heading: str) -> None:
    lines = commands(heading)
    first, last = [words[-1] for words in lines if words[:3] == ["kubectl", "apply", "-k"]]
    (namespace,) = (document["metadata"]["name"] for document in rendered(first))
    (secret,) = (words for words in lines if "secret" in words)
    assert lines.index(secret) < lines.index(["kubectl", "apply", "-k", last])
    assert secret[:6] == ["kubectl", "-n", namespace, "create", "secret", "generic"]
    documents = rendered(last)
    settings = next(document for document in documents if document["kind"] == "ConfigMap")["data"]["kcproxy.toml"]
    assert secret[6] == "kcproxy"
    entries = {word.removeprefix("--from-file=").partition("=")[0] for word in secret[7:]}
    assert entries | {"client-secret-previous"} == set(re.findall(r'"/var/run/secrets/kcproxy/([\w.-]+)"', settings))


@needs_kustomize
@pytest.mark.parametrize("heading", ["Sidecar: the commands", "Gateway: the commands"])
def test_port_forward_goes_to_a_deployment_there_is_and_to_a_page_on_loopback(heading: str) -> None:
    lines = commands(heading)
    forward = next(words for words in lines if "port-forward" in words)
    documents = rendered([words[-1] for words in lines if words[:3] == ["kubectl", "apply", "-k"]][-1])
    deployment = next(document for document in documents if document["kind"] == "Deployment")
    assert forward[-2:] == [f"deploy/{deployment['metadata']['name']}", "9180"]
    assert forward[2] == deployment["metadata"]["namespace"]
    settings = tomllib.loads(next(document for document in documents if document["kind"] == "ConfigMap")["data"]["kcproxy.toml"])
    assert "admin_listen" not in settings  # the default: 127.0.0.1:9180
    assert settings["metrics_listen"] == "0.0.0.0:9181"


def test_the_gateways_command_writes_a_file_of_keys_that_kcproxy_accepts(tmp_path: Path) -> None:
    block = README.partition("## Gateway: the commands\n")[2]
    line = next(line for line in block.splitlines() if line.startswith("printf"))
    script = f"key=0123456789abcdef\n{line}"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=20)
    text = (tmp_path / "api-keys.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {"keys": [{"name": "shop", "sha256": hashlib.sha256(b"0123456789abcdef").hexdigest()}]}
    read_keys(tmp_path / "api-keys.toml")


@needs_kustomize
def test_monitoring_scrapes_every_namespace_from_its_own() -> None:
    for document in rendered("deploy/kubernetes/overlays/monitoring"):
        assert document["metadata"]["namespace"] == "monitoring"
        if document["kind"] == "PodMonitor":
            assert document["spec"]["namespaceSelector"] == {"any": True}
