"""Which versions have no table: from Maven's metadata and the tables there are."""

from pathlib import Path

import pytest
import yaml

from tools import releases
from tools.releases import NotAsked, main, versions_in, without_table

METADATA = "<metadata><versioning>{}</versioning></metadata>"


def metadata(*versions: str) -> str:
    return METADATA.format("".join(f"<version>{version}</version>" for version in versions))


def test_released_versions_are_ordered_as_numbers() -> None:
    assert versions_in([metadata("26.10.0", "26.9.1"), metadata("26.9.1", "999.0.0-SNAPSHOT", "27.0.0.Beta1")]) == ["26.9.1", "26.10.0"]


@pytest.mark.parametrize(
    ("listed", "tables", "found"),
    [
        (["26.7.4", "26.7.5"], ["26.7.5"], []),
        (["26.7.5", "26.7.6"], ["26.7.5"], [("26.7.6", "26.7.5")]),
        (["26.7.1"], ["26.7.5"], []),
        (["26.7.5", "26.9.0", "26.9.1"], ["26.7.5"], [("26.9.1", None)]),
        (["23.0.7"], ["24.0.5"], []),
        (["24.0.9", "26.7.6"], ["24.0.5", "26.7.5"], [("24.0.9", "24.0.5"), ("26.7.6", "26.7.5")]),
        (["26.7.10"], ["26.7.9"], [("26.7.10", "26.7.9")]),
    ],
)
def test_a_line_is_reported_where_its_table_is_older_or_missing(
    listed: list[str], tables: list[str], found: list[tuple[str, str | None]]
) -> None:
    assert without_table(listed, tables) == found


@pytest.mark.parametrize(("listed", "code"), [(["26.7.4"], 0), (["99.0.0"], 1)])
def test_the_exit_code_tells_whether_there_is_something_to_measure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listed: list[str], code: int
) -> None:
    monkeypatch.setattr(releases, "listed", lambda: listed)
    assert main() == code
    assert ("99.0.0 has no table" in capsys.readouterr().out) is bool(code)


def test_maven_that_cannot_be_asked_is_another_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> list[str]:
        raise NotAsked("asking Maven needs Maven")

    monkeypatch.setattr(releases, "listed", refused)
    assert main() == 2
    assert "releases: asking Maven needs Maven" in capsys.readouterr().err


def test_the_versions_are_asked_for_every_week() -> None:
    text = (Path(__file__).parents[2] / ".github" / "workflows" / "releases.yml").read_text()
    workflow = yaml.safe_load(text)
    (schedule,) = workflow[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert len(schedule["cron"].split()) == 5
    assert schedule["cron"].endswith(" * * 1")
    assert any("python -m tools.releases" in step.get("run", "") for step in workflow["jobs"]["releases"]["steps"])
