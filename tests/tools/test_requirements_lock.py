"""The lock file holds everything that the program needs, pinned and with hashes: the image is built from it alone."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from kcproxy.process.library_versions import SAFE_AIOHTTP

ROOT = Path(__file__).parents[2]


EXTRAS = {"requirements.lock": ("fast",), "requirements.extras.lock": ("fast", "tracing", "envoy", "postgresql")}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\$", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", EXTRAS)
def test_every_dependency_is_locked_within_its_bounds(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for name in EXTRAS[lock] for text in project["optional-dependencies"][name]]
    wanted = [Requirement(text) for text in (*project["dependencies"], *extras)]
    assert [str(one) for one in wanted if not one.specifier.contains(pins(lock).get(one.name, "0"))] == []


def test_both_locks_pin_the_same_versions() -> None:
    assert pins("requirements.lock").items() <= pins("requirements.extras.lock").items()


def test_aiohttp_has_client_middlewares_and_no_minor_release_as_ceiling() -> None:
    """No private name of aiohttp is used any more (tests/test_private_names.py), so that newer minor releases are allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = [Requirement(text) for text in project["dependencies"] if Requirement(text).name == "aiohttp"]
    versions = ("3.11.18", "3.12.0", "3.14.5", "3.15.0", "4.0.0")
    assert [version for version in versions if version in wanted.specifier] == ["3.12.0", "3.14.5", "3.15.0"]


@pytest.mark.parametrize("lock", EXTRAS)
def test_the_image_has_an_aiohttp_with_its_security_fixes(lock: str) -> None:
    assert Version(pins(lock)["aiohttp"]) >= Version(".".join(str(part) for part in SAFE_AIOHTTP))


def test_every_pin_has_hashes() -> None:
    for lock in (*EXTRAS, "requirements.build.lock"):
        blocks = re.split(r"^(?=[\w.-]+==)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        assert blocks
        assert all("--hash=sha256:" in block for block in blocks)


def test_nothing_is_locked_that_nobody_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    open_ends = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["fast"])]
    needed: set[str] = set()
    while open_ends:
        wanted = open_ends.pop()
        if wanted.name.lower() in needed:
            continue
        needed.add(wanted.name.lower())
        environments = [{"extra": extra} for extra in ("", *wanted.extras)]
        further = [Requirement(text) for text in metadata.requires(wanted.name) or ()]
        open_ends += [one for one in further if one.marker is None or any(one.marker.evaluate(each) for each in environments)]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.replace("_", "-") for name in locked} - {name.replace("_", "-") for name in needed} == set()
