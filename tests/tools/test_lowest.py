"""The lower bounds of the dependencies become constraints, so that ``make test-lowest`` tries exactly these versions."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tools.lowest import lowest_versions

ROOT = Path(__file__).resolve().parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_each_bound_becomes_an_exact_version() -> None:
    project = """
        [project]
        dependencies = ["one>=1.2,<3", "two[extra]>=0.4.1"]
        [project.optional-dependencies]
        more = ["three~=5.1"]
    """
    assert list(lowest_versions(project)) == ["one==1.2", "two==0.4.1", "three==5.1"]


@pytest.mark.parametrize("text", ["one", "one<3", "one>=1,>=2"])
def test_a_dependency_without_one_lower_bound_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="one lower bound is needed"):
        list(lowest_versions(f'[project]\ndependencies = ["{text}"]'))


def test_every_dependency_of_the_project_is_constrained() -> None:
    project = tomllib.loads(PROJECT)["project"]
    optional = project["optional-dependencies"].values()
    names = [Requirement(text).name for text in (*project["dependencies"], *(text for texts in optional for text in texts))]
    assert [line.partition("==")[0] for line in lowest_versions(PROJECT)] == names


def test_the_locked_versions_are_not_older_than_the_lowest() -> None:
    locked = dict(
        line.rstrip(" \\").split("==") for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines() if "==" in line
    )
    lowest = dict(line.split("==") for line in lowest_versions(PROJECT))
    assert [name for name, version in lowest.items() if name in locked and Version(locked[name]) < Version(version)] == []
