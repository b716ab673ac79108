"""What a 403 of a known operation is judged by: not by the names in its path, not by the hour, and by few header fields."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import NOW, TABLE, refused
from kcproxy.explain.context import context
from kcproxy.explain.decide import decide
from kcproxy.explain.engine import READ_REQUEST_HEADERS, diagnose, general_request, is_general
from kcproxy.explain.fixes.build import fixes
from kcproxy.explain.hints import hints
from kcproxy.explain.rules.not_keycloak import READ_HEADERS
from kcproxy.model import Answer, Explanation, RequestFacts


class Noting(Mapping[str, str]):
    """A mapping that notes what is asked of it."""

    def __init__(self, held: Mapping[str, str], asked: set[str]) -> None:
        self._held, self._asked = held, asked

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        self._asked.add("all of them")
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _explained(case: Case, looked_up: bool) -> Explanation:
    return refused(case.method, case.path, **{**case.ask, "facts": case.facts if looked_up else None})


GENERAL = [
    (case, looked_up)
    for case in CASES
    for looked_up in (False, True)
    if (found := _explained(case, looked_up)) and is_general(found.request, found.caller, found.answer, case.ask.get("catalog", TABLE))
]


def _id(value: object) -> str | None:
    return value.id if isinstance(value, Case) else None


def test_most_reported_403s_are_of_this_kind() -> None:
    assert len({case.id for case, _ in GENERAL}) > 40


@pytest.mark.parametrize(("case", "looked_up"), GENERAL, ids=_id)
def test_no_rule_for_them_reads_another_header_field(case: Case, looked_up: bool) -> None:
    found, catalog = _explained(case, looked_up), case.ask.get("catalog", TABLE)
    of_request: set[str] = set()
    of_answer: set[str] = set()
    judged = context(
        request=replace(found.request, headers=Noting(found.request.headers, of_request)),
        caller=found.caller,
        answer=replace(found.answer, headers=Noting(found.answer.headers, of_answer)),
        catalog=catalog,
        facts=found.looked_up,
        now_epoch_seconds=NOW,
    )
    verdict = decide(judged)
    assert verdict is not None
    fixes(judged, verdict, None)
    hints(judged, verdict)

    assert of_request <= READ_REQUEST_HEADERS
    assert of_answer <= READ_HEADERS


@pytest.mark.parametrize(("case", "looked_up"), GENERAL, ids=_id)
def test_they_are_judged_alike_at_any_hour_and_for_any_name(case: Case, looked_up: bool) -> None:
    found, catalog = _explained(case, looked_up), case.ask.get("catalog", TABLE)
    judgements = [
        diagnose(
            request=request,
            caller=found.caller,
            answer=found.answer,
            catalog=catalog,
            facts=found.looked_up,
            now_epoch_seconds=now,
        )
        for request in (found.request, general_request(found.request, catalog))
        for now in (NOW + 60, NOW + 1e7)
    ]

    assert judgements[0] is not None
    assert judgements == judgements[:1] * 4


def test_a_401_is_judged_by_the_hour() -> None:
    request = RequestFacts(target=TABLE.target("GET", "/admin/realms/demo/users"))
    caller = refused("GET", "/admin/realms/demo/users").caller
    texts = set()
    for now in (NOW + 1000, NOW + 2000):
        diagnosis = diagnose(
            request=request,
            caller=caller,
            answer=Answer(status=401, json={"error": "HTTP 401 Unauthorized"}),
            catalog=TABLE,
            facts=None,
            now_epoch_seconds=now,
        )
        assert diagnosis is not None
        texts.add(diagnosis.verdict.facts["summary"])
        assert not diagnosis.general

    assert len(texts) == 2
