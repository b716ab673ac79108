"""Values and objects of the Helm chart that several tests use."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.deploy.helm import CHART, helm

README = (CHART / "README.md").read_text(encoding="utf-8")
needs_helm = pytest.mark.skipif(helm() is None, reason="helm is neither installed nor can it be built (no Go)")

SECRETS = "/var/run/secrets/kcproxy"
TOKEN = "/var/run/secrets/kcproxy-token/token"
ISSUER = "http://keycloak.keycloak.svc:8080/realms/demo"


def block(*, after: str) -> str:
    """The README's code block behind those words."""
    found = re.search(r"```yaml\n(.*?)```", README.partition(after)[2], re.DOTALL)
    assert found, after
    return found[1]


def example() -> dict[str, Any]:
    """The README's values of a gateway with an account."""
    return dict(yaml.safe_load(block(after="`my-values.yaml`")))


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def container(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = of_kind(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def own_chart(folder: Path, values: dict[str, Any]) -> Path:
    """A chart of an application with this chart as its dependency, as the README describes it. It is unpacked where `helm dependency build` puts it."""
    chart = folder / "own"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts").mkdir()
    dependencies = block(after="`Chart.yaml` of your chart")
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: own\nversion: 1.0.0\n{dependencies}", encoding="utf-8")
    (chart / "values.yaml").write_text(yaml.safe_dump({"kcproxy": values}), encoding="utf-8")
    (chart / "templates" / "deployment.yaml").write_text(block(after="`templates/deployment.yaml`"), encoding="utf-8")
    (chart / "charts" / "kcproxy").symlink_to(CHART, target_is_directory=True)
    return chart
