"""A 403 of a known operation is judged by few fields, and neither by the names in its path nor by the time."""

from collections.abc import Iterator, Mapping

import pytest
from msgspec.structs import fields, replace

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import NOW, TABLE, refused
from kcproxy.explain.context import context
from kcproxy.explain.decide import decide
from kcproxy.explain.engine import READ_REQUEST_HEADERS, diagnose, general_inputs, is_general
from kcproxy.explain.hints import hints
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.keycloak_responses import READ_HEADERS
from kcproxy.explain.remedies import fixes
from kcproxy.model import AccountEntry, Answer, Caller, CallerKind, Explanation, Facts, RequestFacts, Withheld


class Recording(Mapping[str, str]):
    """A mapping that records which names are read."""

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


def _inputs(found: Explanation, case: Case) -> Inputs:
    return Inputs(
        request=found.request,
        caller=found.caller,
        answer=found.answer,
        catalog=case.ask.get("catalog", TABLE),
        facts=found.looked_up,
        now_epoch_seconds=NOW,
    )


GENERAL = [
    (case, looked_up)
    for case in CASES
    for looked_up in (False, True)
    if (found := _explained(case, looked_up)) and is_general(_inputs(found, case))
]


def _id(value: object) -> str | None:
    return value.id if isinstance(value, Case) else None


def test_most_reported_403s_are_of_this_kind() -> None:
    assert len({case.id for case, _ in GENERAL}) > 40


@pytest.mark.parametrize(("case", "looked_up"), GENERAL, ids=_id)
def test_no_rule_for_them_reads_another_header_field(case: Case, looked_up: bool) -> None:
    inputs = _inputs(_explained(case, looked_up), case)
    of_request: set[str] = set()
    of_response: set[str] = set()
    request = replace(inputs.request, headers=Recording(inputs.request.headers, of_request))
    response = replace(inputs.answer, headers=Recording(inputs.answer.headers, of_response))
    judged = context(inputs._replace(request=request, answer=response))
    verdict = decide(judged)
    assert verdict is not None
    fixes(judged, verdict, None)
    hints(judged, verdict)

    assert of_request <= READ_REQUEST_HEADERS
    assert of_response <= READ_HEADERS


@pytest.mark.parametrize(("case", "looked_up"), GENERAL, ids=_id)
def test_they_are_judged_in_the_same_way_at_any_time_and_for_any_name(case: Case, looked_up: bool) -> None:
    inputs = _inputs(_explained(case, looked_up), case)
    judgements = [
        diagnose(each._replace(now_epoch_seconds=now)) for each in (inputs, general_inputs(inputs)) for now in (NOW + 60, NOW + 1e7)
    ]

    assert judgements[0] is not None
    assert judgements == judgements[:1] * 4


def test_a_401_is_judged_by_the_time() -> None:
    request = RequestFacts(target=TABLE.target("GET", "/admin/realms/demo/users"))
    caller = refused("GET", "/admin/realms/demo/users").caller
    texts = set()
    for now in (NOW + 1000, NOW + 2000):
        response = Answer(status=401, json={"error": "HTTP 401 Unauthorized"})
        diagnosis = diagnose(Inputs(request=request, caller=caller, answer=response, catalog=TABLE, now_epoch_seconds=now))
        assert diagnosis is not None
        texts.add(diagnosis.verdict.facts["summary"])
        assert not diagnosis.general

    assert len(texts) == 2


def test_general_inputs_keep_all_that_is_not_of_one_request_alone() -> None:
    request = RequestFacts(
        target=TABLE.target("GET", "/admin/realms/demo/users/jane"),
        base_path="/auth",
        query={"search": ("jane",)},
        headers={"user-agent": "curl"},
        body={"name": "jane"},
        form={"client_id": "app"},
        assertion_audiences=("http://localhost:8080/realms/demo",),
        assertion_issuer="https://cluster.example",
        assertion_subject="system:serviceaccount:demo:backend",
        called_at="proxy:8081",
        public_url="http://localhost:8080",
        withheld=Withheld.BROWSER,
        account=AccountEntry(position="accounts[0]", realm="*", token_realm="demo"),
        token_in_query=True,
        body_unseen=True,
        in_process=True,
    )
    inputs = Inputs(
        request=request,
        caller=Caller(kind=CallerKind.USER),
        answer=Answer(status=403, headers={"date": "today"}),
        catalog=TABLE,
        now_epoch_seconds=NOW,
        facts=Facts(keycloak="26.4.7"),
        keycloak_version="26.4.7",
        require_audience=True,
        console_base_url="http://localhost:8080",
        docs_url="http://localhost/docs",
        for_operator=True,
    )

    general = general_inputs(inputs)

    of_request = {field.name for field in fields(RequestFacts)} - {"target", "query", "headers"}
    assert all(getattr(request, name) and getattr(general.request, name) == getattr(request, name) for name in of_request)
    assert all(value for value in inputs)
    assert general._replace(request=request, answer=inputs.answer) == inputs
    assert not general.request.target.parameters
