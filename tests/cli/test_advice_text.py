"""The one text about what to do: nothing of a fix is dropped, and fixes that differ in what they give say so."""

import pytest

from devkit.explain.stage import refused
from kcproxy import catalog
from kcproxy.cli.advice_text import advice_lines, heading
from kcproxy.explain import render
from kcproxy.model import Explanation

TABLE = catalog.load("26.7.5")


@pytest.fixture(autouse=True)
def unlimited_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def told(explanation: Explanation) -> str:
    return "\n".join(advice_lines(render.document(explanation)))


def test_every_part_of_every_fix_is_printed() -> None:
    explanation = refused("GET", "/admin/realms/demo/clients", catalog=TABLE)
    text = told(explanation)
    (fix,) = explanation.fixes
    for part in (fix.summary, fix.warning, *fix.console, fix.console_url, *fix.kcadm, *explanation.hints):
        assert part
        assert part in text
    assert "Also as curl, Terraform, Ansible: with --json" in text


def test_two_fixes_say_what_each_of_them_gives() -> None:
    text = told(refused("GET", "/admin/serverinfo", catalog=TABLE))
    assert text.index("Fix that ends the refusal (the response has all but systemInfo): ") < text.index("Fix for the full response: ")


@pytest.mark.parametrize(("gives", "words"), [(None, "Fix"), ("full", "Fix for the full response")])
def test_a_fix_alone_is_just_a_fix(gives: str | None, words: str) -> None:
    assert heading({"gives": gives}) == words


def test_a_denial_that_an_earlier_version_stored_is_printed() -> None:
    fix = {
        "summary": "Grant it",
        "warning": None,
        "console": [],
        "consoleUrl": None,
        "kcadm": ["kcadm.sh x"],
        "curl": [],
        "terraform": None,
    }
    assert "Fix: Grant it\n  kcadm.sh x" in "\n".join(advice_lines({"fixes": [fix], "alternatives": [], "hints": []}))
