"""Repeated refusals get a cached diagnosis: the same text, only for the same caller, within limits."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import BARE_403, BASE, CLIENT_UUID, NOW, TABLE, USER_ID, caller_of, claims_of, jwt_of, table
from devkit.servers import Events
from kcproxy.catalog import Catalog, default_version, load
from kcproxy.denial.explanation_cache import ENTRY_BYTES, ExplanationCache, key_of
from kcproxy.explain import render
from kcproxy.explain.api import explain
from kcproxy.explain.engine import Diagnosis, diagnose
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Caller, Detail, Explanation, Facts, RequestFacts
from kcproxy.observe.denials import document as documents
from kcproxy.observe.events import RequestRecord
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings

PATH = f"/admin/realms/demo/clients/{CLIENT_UUID}"
NAMES = (
    "c2c2c2c2-3aae-4b0e-af38-629b3432738a",
    "my-api",
    "a%20b",
    "%00id%00",
    "%00hints%00",
    "é",
    "Bearer%20abcdef123",
    "token=abc",
    "x" * 3000,
)
REFUSALS = [case for case in CASES if case.ask.get("status", 403) == 403]


class Told:
    """Look-ups with given results."""

    def __init__(self) -> None:
        self.is_told: Facts | None = None

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None) -> Facts | None:
        return self.is_told


class Stage:
    """One explainer."""

    def __init__(self, catalog: Catalog = TABLE, detail: Detail = Detail.FULL) -> None:
        self.catalog, self.now = catalog, float(NOW)
        self.version: str | None = None
        self.told = Told()
        self.detail = detail
        self.live = LiveExplainer(
            ExplainSettings(detail=detail),
            Events(),
            catalog=lambda: self.catalog,
            version=lambda: self.version,
            lookups=self.told,
            now=lambda: self.now,
        )

    async def refused(
        self,
        path: str = PATH,
        *,
        method: str = "GET",
        authorization: str | None = None,
        injected: bool = False,
        words: Mapping[str, Any] = BARE_403,
        answered: Mapping[str, str] | None = None,
        facts: Facts | None = None,
        **request: Any,
    ) -> Explanation:
        self.told.is_told = facts
        target = self.catalog.target(method, path.partition("?")[0])
        found = await self.live.explain(
            RequestFacts(target=target, public_url=BASE, **request),
            authorization or "Bearer " + jwt_of(claims_of()),
            Answer(status=403, json=words, headers=answered or {}),
            injected=injected,
        )
        assert found is not None
        return found

    def computed_again(self, found: Explanation) -> Explanation:
        """The explanation without a cache."""
        made = explain(
            found.id,
            Inputs(
                request=found.request,
                caller=found.caller,
                answer=found.answer,
                catalog=self.catalog,
                facts=found.looked_up,
                now_epoch_seconds=self.now,
                keycloak_version=self.version,
            ),
        )
        assert made is not None
        assert made.kept is None
        return made


def told_by(stage: Stage, found: Explanation) -> tuple[object, ...]:
    """Everything that is shown of an explanation."""
    original = dict(found.answer.json or {})
    record = RequestRecord(target=found.request.target, status=403, duration_seconds=0.0123, injected_account="app", trace_id="a" * 32)
    return (
        render.body_json(found, original, stage.detail),
        json.dumps(render.problem(found, original, stage.detail)),
        render.headers(found, stage.detail),
        documents.stored(found, record, NOW + 0.5),
        documents.fingerprint(found),
    )


@pytest.mark.parametrize("detail", list(Detail))
async def test_a_cached_explanation_equals_a_new_one(detail: Detail) -> None:
    stage = Stage(detail=detail)
    await stage.refused()
    for name in (*NAMES, *NAMES):
        found = await stage.refused(f"/admin/realms/demo/clients/{name}", answered={"date": name})

        assert found.kept is not None
        assert told_by(stage, found) == told_by(stage, stage.computed_again(found))
        assert found == stage.computed_again(found)


@pytest.mark.parametrize("looked_up", [False, True], ids=["alone", "looked-up"])
@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.id}: {case.says}")
async def test_repeated_refusals_get_the_same_explanation(case: Case, looked_up: bool) -> None:
    ask = dict(case.ask)
    stage = Stage(ask.get("catalog", TABLE))
    caller = ask.get("caller") or caller_of()
    stage.live.caller = lambda *_args, **_more: caller  # type: ignore[method-assign]
    more: dict[str, Any] = {"headers": ask.get("headers") or {}, "body": ask.get("sent"), "facts": case.facts if looked_up else None}
    words = ask.get("body", {"error": "unknown_error", "error_description": "…"} if stage.catalog is not TABLE else BARE_403)
    for _ in range(3):
        found = await stage.refused(case.path, method=case.method, words=words, answered=ask.get("answer_headers"), **more)

        assert told_by(stage, found) == told_by(stage, stage.computed_again(found))


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another token": ({}, {"authorization": "Bearer " + jwt_of(claims_of(client="other"))}),
    "the same words, another signature": ({}, {"authorization": "Bearer " + jwt_of(claims_of()) + "x"}),
    "the proxy's own token": ({}, {"injected": True}),
    "another operation": ({}, {"path": "/admin/realms/demo/users"}),
    "another realm": ({}, {"path": f"/admin/realms/other/clients/{CLIENT_UUID}"}),
    "HEAD": ({}, {"method": "HEAD"}),
    "other words of Keycloak": ({}, {"words": {"error": "unknown_error"}}),
    "a field more": ({}, {"words": {**BARE_403, "error_description": "more"}}),
    "fields in another order": ({"words": {"error": "a", "errorMessage": "b"}}, {"words": {"errorMessage": "b", "error": "a"}}),
    "a header of a gateway": ({}, {"answered": {"cf-ray": "1"}}),
    "an origin": ({}, {"headers": {"origin": "http://localhost"}}),
    "a body": ({}, {"body": [{"name": "view-events"}]}),
    "a look-up": ({}, {"facts": Facts(granted=("query-users",))}),
    "another look-up": ({"facts": Facts(granted=("query-users",))}, {"facts": Facts(granted=())}),
}


@pytest.mark.parametrize("second", OTHERS)
async def test_refusals_that_differ_in_evidence_share_no_diagnosis(second: str) -> None:
    first, other = OTHERS[second]
    stage = Stage()
    await stage.refused(**first)
    await stage.refused(**first)

    assert (await stage.refused(**other)).kept is None


async def test_values_that_compare_equal_and_read_differently_are_not_mixed_up() -> None:
    stage = Stage()
    bodies = []
    for value in (True, 1, 1.0):
        found = await stage.refused(words={**BARE_403, "field": value})
        bodies.append(json.loads(render.body_json(found, found.answer.json))["field"])

    assert [str(value) for value in bodies] == ["True", "1", "1.0"]


async def test_where_a_query_chooses_what_is_needed_it_parts_refusals_and_elsewhere_not() -> None:
    stage = Stage(load(default_version()))
    path = "/admin/realms/demo/partial-export"
    entry = stage.catalog.entry(stage.catalog.target("POST", path))
    assert entry is not None
    assert any("query" in variant.when for variant in entry.variants)
    await stage.refused(path, method="POST")

    assert (await stage.refused(path, method="POST", query={"exportClients": ("true",)})).kept is None
    await stage.refused()
    assert (await stage.refused(query={"any": ("1",)})).kept is not None


async def test_a_token_that_the_proxy_has_just_fetched_is_judged_apart() -> None:
    stage = Stage(table("24.0.5"))
    fresh = "Bearer " + jwt_of(claims_of(iat=NOW))
    told = []
    for later in (0, 1, 6, 7):
        stage.now = NOW + later
        found = await stage.refused(authorization=fresh, injected=True)
        told.append((found.kept is not None, "token-older-than-grant" in [other.cause for other in found.verdict.alternatives]))

    assert told == [(False, False), (True, False), (False, True), (True, True)]


async def test_another_table_or_version_of_the_server_empties_it() -> None:
    stage = Stage()
    await stage.refused()
    assert (await stage.refused()).kept is not None
    stage.version = "26.7.9"
    assert (await stage.refused()).kept is None
    assert (await stage.refused()).kept is not None
    stage.catalog = table("26.7.9")
    assert (await stage.refused()).kept is None


async def test_a_secret_in_a_path_is_not_kept_though_its_kind_is_known() -> None:
    stage = Stage()
    record = RequestRecord(target=TABLE.target("GET", PATH), status=403, duration_seconds=0.1)
    for name in ("a", "b", "c"):
        documents.stored(await stage.refused(f"/admin/realms/demo/clients/{name}"), record, NOW)
    found = await stage.refused("/admin/realms/demo/clients/eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln")

    assert found.kept is not None
    assert b"eyJhbGci" not in documents.stored(found, record, NOW)


def test_a_caller_that_varies_everything_fills_no_more_than_the_limit() -> None:
    room = ExplanationCache(32 * ENTRY_BYTES)
    live = Stage()
    for number in range(500):
        token = "Bearer " + jwt_of(claims_of(client=f"client-{number}", scope="x" * 200))
        caller = live.live.caller(token, injected=False)
        request = RequestFacts(target=TABLE.target("GET", PATH))
        answer = Answer(status=403, json=BARE_403)
        key = key_of(request, answer, authorization=token, caller=caller, catalog=TABLE, now_epoch_seconds=NOW)
        diagnosis = _judged(request, caller, answer)
        assert room.find(key, None, TABLE, None) is None
        room.store(key, diagnosis, None)

        assert room.find(key, None, TABLE, None) is diagnosis
        assert len(room) <= 32


@pytest.mark.parametrize("token", ["Bearer " + jwt_of(claims_of(scope="x" * 100_000)), "Basic " + "x" * 100_000], ids=["token", "anything"])
def test_enormous_credentials_are_not_kept(token: str) -> None:
    room = ExplanationCache(32 * ENTRY_BYTES)
    caller = Stage().live.caller(token, injected=False)
    request, answer = RequestFacts(target=TABLE.target("GET", PATH)), Answer(status=403, json=BARE_403)
    room.find((), None, TABLE, None)
    room.store((token,), _judged(request, caller, answer), None)

    assert len(room) == 0
    room.store((token[:1000],), _judged(request, caller, answer), None)
    assert len(room) == 1


@pytest.mark.parametrize(
    ("request_facts", "answer"),
    [
        ({}, Answer(status=401, json={"error": "HTTP 401 Unauthorized"})),
        ({}, Answer(status=403, json={"error": "x" * 3000})),
        ({}, Answer(status=403, json={"error": {"a": 1}})),
        ({}, Answer(status=403, json=None, text="denied")),
        ({"headers": {"origin": "x" * 3000}}, Answer(status=403, json=BARE_403)),
        ({"body": {}}, Answer(status=403, json=BARE_403)),
    ],
)
def test_what_is_no_common_refusal_is_not_remembered(request_facts: dict[str, Any], answer: Answer) -> None:
    request = RequestFacts(target=TABLE.target("GET", f"/admin/realms/demo/users/{USER_ID}"), **request_facts)

    assert key_of(request, answer, authorization="Bearer x", caller=caller_of(), catalog=TABLE, now_epoch_seconds=NOW) is None


@pytest.mark.parametrize(("value", "remembered"), [("true", True), ("x" * 3000, False)])
def test_an_enormous_query_is_not_remembered_where_the_query_counts(value: str, remembered: bool) -> None:
    catalog = load(default_version())
    target = catalog.target("POST", "/admin/realms/demo/partial-export")
    request, answer = RequestFacts(target=target, query={"exportClients": (value,)}), Answer(status=403, json=BARE_403)

    key = key_of(request, answer, authorization="Bearer x", caller=caller_of(), catalog=catalog, now_epoch_seconds=NOW)

    assert (key is not None) is remembered


def _judged(request: RequestFacts, caller: Caller, answer: Answer) -> Diagnosis:
    diagnosis = diagnose(Inputs(request=request, caller=caller, answer=answer, catalog=TABLE, now_epoch_seconds=NOW))
    assert diagnosis is not None
    return diagnosis
