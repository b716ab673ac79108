"""Reported refusals: the true cause is never missed, and a wrong one is never called certain."""

import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import causes, refused
from kcproxy.model import Confidence, Explanation


def _explained(case: Case, *, looked_up: bool) -> Explanation:
    return refused(case.method, case.path, **{**case.ask, "facts": case.facts if looked_up else None})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_without_look_ups_the_true_cause_is_first_or_named_among_the_others(case: Case) -> None:
    explanation = _explained(case, looked_up=False)

    assert case.truth.value in causes(explanation)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_without_look_ups_no_wrong_cause_is_certain(case: Case) -> None:
    verdict = _explained(case, looked_up=False).verdict

    assert verdict.cause is case.truth or verdict.confidence is not Confidence.CERTAIN


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_with_look_ups_the_true_cause_is_first_with_the_right_confidence(case: Case) -> None:
    verdict = _explained(case, looked_up=True).verdict

    assert (verdict.cause, verdict.confidence) == (case.truth, case.sure)


@pytest.mark.parametrize("case", [case for case in CASES if case.missing], ids=lambda case: f"{case.id}: {case.says}")
def test_the_role_that_is_named_is_the_missing_one(case: Case) -> None:
    explanation = _explained(case, looked_up=True)

    assert explanation.verdict.missing == case.missing
    assert explanation.fixes[0].roles in {case.missing, ()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_each_explanation_has_a_fix_and_leaves_no_placeholder(case: Case) -> None:
    explanation = _explained(case, looked_up=True)

    assert explanation.fixes
    for text in (explanation.summary, *(fix.summary for fix in explanation.fixes)):
        assert "(unknown)" not in text
        assert "  " not in text
