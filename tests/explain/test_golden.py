"""Whole explanations, word for word: the diff of ``golden/`` shows the effect of a change of texts or rules.

To write all of them again: TEST_WRITE_GOLDEN=1 python -m pytest tests/explain/test_golden.py
"""

import json
import os
from pathlib import Path

import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import refused
from kcproxy.explain import render

FOLDER = Path(__file__).parent / "golden"
RECORDED = (
    "C01",
    "C10",
    "C13",
    "C20",
    "C52",
    "C57",
    "C59",
    "C65",
    "C70",
    "C74",
    "C78",
    "C84",
    "C87",
    "C91",
    "C96",
    "C110",
    "C121",
    "X-revoked",
)
GOLDEN = [case for case in CASES if case.id in RECORDED]


@pytest.mark.parametrize("looked_up", [False, True], ids=["alone", "looked-up"])
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.id)
def test_the_explanation_is_the_recorded_one(case: Case, looked_up: bool) -> None:
    explanation = refused(case.method, case.path, **{**case.ask, "facts": case.facts if looked_up else None})
    document = {
        "headers": dict(render.headers(explanation)),
        "body": render.body(explanation, explanation.answer.json) if render.rewrites(explanation) else None,
    }
    file = FOLDER / f"{case.id}-{'looked-up' if looked_up else 'alone'}.json"
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("TEST_WRITE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    assert file.read_text(encoding="utf-8") == text


def test_every_recorded_file_belongs_to_a_case() -> None:
    wanted = {f"{case.id}-{kind}.json" for case in GOLDEN for kind in ("alone", "looked-up")}

    assert {file.name for file in FOLDER.glob("*")} == wanted
    assert len(GOLDEN) == len(RECORDED)
