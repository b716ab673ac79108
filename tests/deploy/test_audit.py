"""The audit: reports licences that are not allowed, never counts unchecked packages as sound, and lists every locked package."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tools.deploy import audit
from tools.deploy.audit import LOCK, Package, bill_of_materials, packages, read_report, report

SOUND = Package(name="a", version="1", hashes=("0" * 64,), licence="MIT")


def test_every_locked_package_is_read_with_its_hashes_and_an_allowed_licence() -> None:
    found = packages()
    assert [each.name for each in found] == re.findall(r"^([\w.-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert [each.name for each in found if not each.hashes] == []
    assert [(each.name, each.licence) for each in found if not each.allowed] == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("GPL-3.0-only", False),
        ("something of our own", False),
        (None, False),
    ],
)
def test_one_side_of_a_choice_is_enough_and_every_side_of_a_sum_is_needed(licence: str | None, *, allowed: bool) -> None:
    assert replace(SOUND, licence=licence).allowed is allowed


def test_a_package_that_is_not_installed_has_no_licence() -> None:
    assert audit.licence_of("no-such-package-as-this") is None


def test_the_bill_names_each_package_once_with_version_licence_and_what_was_locked() -> None:
    bill = bill_of_materials(packages())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    references = [component["bom-ref"] for component in bill["components"]]
    assert len(references) == len(set(references)) > 10
    assert bill["dependencies"] == [{"ref": bill["metadata"]["component"]["bom-ref"], "dependsOn": references}]
    assert all(re.fullmatch(r"pkg:pypi/[\w.-]+@[\w.]+", reference) for reference in references)
    assert json.dumps(bill) == json.dumps(bill_of_materials(packages()))


def test_the_bill_is_what_cyclonedx_says_a_bill_is() -> None:
    strict = JsonStrictValidator(SchemaVersion.V1_6)
    assert strict.validate_str(json.dumps(bill_of_materials(packages()))) is None
    assert strict.validate_str(json.dumps({**bill_of_materials(packages()), "misspelt": 1})) is not None


@pytest.mark.parametrize(
    ("text", "known", "missing"),
    [
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', [], None),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}]}', ["a 1: CVE-1"], None),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', [], "on 1 of 1 packages"),
        ('{"dependencies": []}', [], "on 1 of 1 packages"),
        ("", [], "cannot be reached"),
        ("No module named pip_audit", [], "cannot be reached"),
        ("[]", [], "cannot be reached"),
    ],
)
def test_a_package_that_was_not_checked_is_reported_and_never_counted_as_sound(text: str, known: list[str], missing: str | None) -> None:
    found, why = read_report(text, 1)
    assert found == known
    assert (why is None) if missing is None else (why is not None and missing in why)


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (([], None), [(True, "vulnerabilities: none known of 1 packages")]),
        (([], "nobody answered"), [(True, "NOT RUN: vulnerabilities: nobody answered")]),
        ((["a 1: CVE-1"], None), [(False, "vulnerabilities: a 1: CVE-1")]),
    ],
)
def test_the_report_is_one_line_a_check(
    answer: tuple[list[str], str | None], lines: list[tuple[bool, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "vulnerabilities", lambda _: answer)
    assert list(report([SOUND])) == [(True, "licences: 1 packages, all allowed"), *lines]


def test_an_audit_of_nothing_is_not_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.lock").write_text("# nothing\n", encoding="utf-8")
    monkeypatch.setattr(audit, "vulnerabilities", lambda _: ([], None))
    assert next(iter(report(packages(tmp_path / "empty.lock"))))[0] is False
