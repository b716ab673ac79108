"""The release: what it must not be, that two builds are the same, and that one version is named everywhere."""

import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from kcproxy import __version__
from tools.deploy import release

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-30\n\n### Added\n"


@pytest.mark.parametrize(
    ("version", "changed", "said"),
    [
        ("1.2.3", [], []),
        ("1.2.4", [], ["CHANGELOG.md has no section ## [1.2.4]"]),
        ("1.2", [], ["CHANGELOG.md has no section ## [1.2]"]),
        ("1.2.3", ["README.md"], ["not committed: README.md"]),
        ("9", list("abcdefg"), ["CHANGELOG.md has no section", "not committed: a, b, c, d, e …"]),
    ],
)
def test_a_release_has_its_section_and_nothing_uncommitted(version: str, changed: list[str], said: list[str]) -> None:
    found = release.problems(version, CHANGELOG, changed)
    assert len(found) == len(said)
    assert all(words in problem for words, problem in zip(said, found, strict=True))


def test_different_and_missing_files_are_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "same").write_text("x")
        (folder / "different").write_text(folder.name)
    (one / "alone").write_text("x")
    assert release.differing(one, other) == ["alone", "different"]


def test_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    for name in ("b.whl", "a.tar.gz", "SHA256SUMS.sigstore.json"):
        (tmp_path / name).write_text(name)
    (tmp_path / release.CHECKSUMS).write_text(release.checksums(tmp_path))
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", release.CHECKSUMS], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "a.tar.gz: OK\nb.whl: OK\n"


@pytest.mark.timeout(600)
def test_two_builds_of_a_commit_are_the_same_and_have_the_manual_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796000000")
    try:
        release.make(tmp_path / "release")
    except release.ReleaseError as error:
        if "cannot be installed" in str(error):
            pytest.skip("the build back end cannot be had (no network)")
        raise
    names = {path.name for path in (tmp_path / "release").iterdir()}
    wheel = f"kcproxy-{__version__}-py3-none-any.whl"
    assert names == {wheel, f"kcproxy-{__version__}.tar.gz", f"kcproxy-{__version__}.cdx.json", release.CHECKSUMS}
    inside = zipfile.ZipFile(tmp_path / "release" / wheel).namelist()
    assert any(name.endswith("share/man/man1/kcproxy.1") for name in inside)
    assert not [name for name in inside if name.startswith(("tests/", "devkit/", "tools/", "bench/"))]


def test_one_version_is_named_everywhere() -> None:
    texts = {
        "Dockerfile": r"^ARG VERSION=(\S+)$",
        "compose.yaml": r"image: kcproxy:(\S+)$",
        "deploy/kubernetes/components/native-sidecar/patch.yaml": r"image: kcproxy:(\S+)$",
        "deploy/kubernetes/components/native-sidecar/patch-cronjob.yaml": r"image: kcproxy:(\S+)$",
        "deploy/kubernetes/components/classic-sidecar/patch.yaml": r"image: kcproxy:(\S+)$",
        "deploy/kubernetes/overlays/gateway/gateway.yaml": r"image: kcproxy:(\S+)$",
        "deploy/kubernetes/README.md": r"kcproxy:(\d[\w.]*)",
        "deploy/helm/kcproxy/Chart.yaml": r"(?:kcproxy:|^(?:appV|v)ersion: )(\S+)$",
        "deploy/helm/kcproxy/README.md": r"(?:kcproxy:|version: )(\d[\w.]*)",
    }
    for file, pattern in texts.items():
        assert set(re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)) == {__version__}, file


def test_the_workflow_has_no_secret_and_uploads_only_after_a_review() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert "secrets." not in text
    assert jobs["publish"]["environment"] == "release"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert "make release" in [step.get("run") for step in jobs["build"]["steps"]]
