"""The chart as Helm renders it, and what Helm says of it."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tools.deploy.programs import ROOT, program

MODULE = "helm.sh/helm/v3/cmd/helm@v3.22.0"
SMALLER = ("-ldflags=-s -w",)
"""Without symbols for debuggers."""

CHART = ROOT / "deploy" / "helm" / "kcproxy"
NEWEST = "1.37.0"
"""Version of Kubernetes to render for. A program that ``go install`` has built does not know a current one."""

_AS_OBJECT = 'apiVersion: v1\nkind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n'


class Refused(Exception):
    """Helm's words, if it renders nothing."""


def helm() -> Path | None:
    """The program; None if neither it nor Go is on this machine."""
    return program("helm", MODULE, SMALLER)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of Helm. Raises LookupError if there is no Helm."""
    found = helm()
    if found is None:
        raise LookupError("helm is neither installed nor can it be built: Go is missing")
    return subprocess.run([found, *arguments], check=False, timeout=60, capture_output=True, text=True)


class _Quoting(yaml.SafeDumper):
    """Writes each text in quotation marks. Helm's YAML takes some plain ones for numbers that PyYAML does not, such as 0E0."""


_Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def render(values: Mapping[str, Any], *, release: str = "kcproxy", kubernetes: str = NEWEST, chart: Path = CHART) -> list[dict[str, Any]]:
    """All objects of a release in the namespace ``kcproxy``. Raises Refused if the values are wrong."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "values.yaml")
        file.write_text(yaml.dump(dict(values), Dumper=_Quoting), encoding="utf-8")
        options = ("--namespace", "kcproxy", "--kube-version", kubernetes, "--values", str(file))
        done = run("template", *options, release, str(chart))
    if done.returncode != 0:
        raise Refused(done.stderr)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def notes(values: Mapping[str, Any]) -> str:
    """What ``helm install`` prints at its end. Helm prints that only with a cluster, so it is rendered as an object here. Raises Refused."""
    with _copy() as chart:
        folder = chart / "templates"
        text = (folder / "NOTES.txt").read_text(encoding="utf-8")
        (folder / "NOTES.txt").unlink()
        (folder / "_notes.tpl").write_text('{{- define "notes" -}}\n' + text + "{{- end }}\n", encoding="utf-8")
        (folder / "notes.yaml").write_text(_AS_OBJECT, encoding="utf-8")
        (made,) = (document for document in render(values, chart=chart) if document["kind"] == "Notes")
    return str(made["text"])


@contextmanager
def _copy() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(shutil.copytree(CHART, Path(folder, CHART.name)))
