"""Parsers for reports of test runners: pytest's JUnit file, `go test -json`, mocha's JSON."""

import json
import xml.etree.ElementTree as ET
from typing import Any

from bench.suites.outcome import Outcome, numbered

_OF_GO = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}


def junit(text: str) -> dict[str, str]:
    """Pytest's `--junitxml`: `module::test` → outcome. An error while setting up or tearing down counts as failed."""
    return numbered([(_name(case), _junit_outcome(case)) for case in ET.fromstring(text).iter("testcase")])


def _name(case: ET.Element) -> str:
    return f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"


def _junit_outcome(case: ET.Element) -> Outcome:
    if case.find("failure") is not None or case.find("error") is not None:
        return Outcome.FAILED
    return Outcome.SKIPPED if case.find("skipped") is not None else Outcome.PASSED


def go_test(text: str) -> dict[str, str]:
    """`go test -json`: one event in each line. The last event of a test counts. Other lines (of the compiler) are ignored."""
    run: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        if event.get("Test") and event["Action"] in _OF_GO:
            run[event["Test"]] = _OF_GO[event["Action"]]
    return run


def mocha(text: str) -> dict[str, str]:
    """Mocha's `--reporter json`: full title → outcome. A failed hook is a separate failure."""
    report = json.loads(text)
    found = [(str(test["fullTitle"]), _mocha_outcome(test, report)) for test in report["tests"]]
    listed = {name for name, _ in found}
    hooks = [(str(test["fullTitle"]), Outcome.FAILED) for test in report["failures"] if test["fullTitle"] not in listed]
    return numbered(found + hooks)


def _mocha_outcome(test: dict[str, Any], report: dict[str, Any]) -> Outcome:
    if test["err"]:
        return Outcome.FAILED
    return Outcome.SKIPPED if any(test["fullTitle"] == other["fullTitle"] for other in report["pending"]) else Outcome.PASSED
