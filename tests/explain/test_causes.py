"""A cause is defined in one place, completely; everything else about it follows."""

import importlib
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from devkit.explain.cases import CASES
from devkit.explain.stage import NOW, TABLE, ask
from kcproxy.explain import decide
from kcproxy.explain.causes import ALL, SPECS
from kcproxy.explain.causes.spec import CauseSpec
from kcproxy.explain.context import context
from kcproxy.explain.finding import Finding
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Cause
from tools.docs import causes

ROOT = Path(__file__).resolve().parents[2]
LADDERS = (decide.RESPONSES, decide.REFUSED, decide.UNAUTHENTICATED, decide.ADDRESSES, decide.TOKEN_ENDPOINT, decide.NEIGHBOURS)
OUTSIDE_OF_LADDERS = {"method_unknown", "unknown_operation", "unexplained", "response_reduced"}
"""Rules that ``decide`` and ``reduced`` call by name."""
COMMON_WORDS = {"who", "Who", "client", "realm", "where", "caller_realm", "container", "container_realm", "operation", "version", "entry"}
COMMON_WORDS |= {"roles", "roles_phrase", "Roles_phrase", "are", "were"}


def _id(spec: CauseSpec) -> str:
    return spec.cause.value


def test_every_word_has_exactly_one_spec() -> None:
    assert Counter(spec.cause for spec in ALL) == Counter(Cause)


@pytest.mark.parametrize("spec", ALL, ids=_id)
def test_every_spec_is_complete(spec: CauseSpec) -> None:
    assert len(spec.meaning) > 60
    assert spec.reason[:1] == "{" or spec.reason[0].isupper()
    assert not spec.reason.endswith(".")
    assert spec.effect.endswith(".")
    assert spec.check.endswith((".", "?"))
    assert spec.rules
    assert spec.fixer is not None or spec.remedies


@pytest.mark.parametrize("spec", ALL, ids=_id)
def test_a_remedy_uses_only_words_that_every_refusal_has(spec: CauseSpec) -> None:
    texts = [text for remedy in spec.remedies for text in (remedy.summary, *remedy.steps)]
    names = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}

    assert names <= COMMON_WORDS


def test_the_order_has_every_rule_and_no_other() -> None:
    ordered = {rule.__name__ for ladder in LADDERS for rule in ladder} | OUTSIDE_OF_LADDERS

    assert ordered == {rule.__name__ for spec in ALL for rule in spec.rules}


def _findings(inputs: Inputs) -> list[tuple[str, Finding]]:
    judged = context(inputs)
    rules = {rule.__name__: rule for ladder in LADDERS for rule in ladder}
    return [(name, finding) for name, rule in rules.items() if (finding := rule(judged)) is not None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_rule_finds_only_causes_whose_spec_names_it(case: object) -> None:
    for facts in (None, case.facts):  # type: ignore[attr-defined]
        asked = {**case.ask, "facts": facts}  # type: ignore[attr-defined]
        explanation = ask(case.method, case.path, **asked)  # type: ignore[attr-defined]
        assert explanation is not None
        inputs = Inputs(
            request=explanation.request,
            caller=explanation.caller,
            answer=explanation.answer,
            catalog=asked.get("catalog", TABLE),
            facts=facts,
            now_epoch_seconds=NOW,
        )
        for name, finding in _findings(inputs):
            assert name in {rule.__name__ for rule in SPECS[finding.cause].rules}


@pytest.mark.parametrize("spec", ALL, ids=_id)
def test_each_cause_has_a_page_with_four_sections(spec: CauseSpec) -> None:
    text = causes.documents()[f"{causes.FOLDER}/{spec.cause.value}.md"]

    assert all(f"## {heading}\n" in text for heading in ("What it means", "How to see it", "How to fix it", "An example"))


def test_the_overview_lists_every_cause() -> None:
    overview = causes.overview()

    assert all(f"| [{cause.value}]({cause.value}.md) | " in overview for cause in Cause)


def test_every_spec_of_a_file_is_in_its_list() -> None:
    for path in (ROOT / "kcproxy" / "explain" / "causes").glob("[a-z]*.py"):
        module = importlib.import_module(f"kcproxy.explain.causes.{path.stem}")
        defined = {name for name, value in vars(module).items() if isinstance(value, CauseSpec)}
        assert defined == {spec.cause.name for spec in getattr(module, "SPECS", ())}
