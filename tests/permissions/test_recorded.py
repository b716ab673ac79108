"""What real servers did with random permissions, and what the evaluator says of the same (recorded by tools.permissions.differential)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kcproxy.permissions import Identity, Names, Object, Outcome, Situation, decide, permission_set, rules_for

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.jsonl"))
SETS = frozenset({"held", "in_scope", "in_token"})
NOW = "2026-11-30T12:00:00"
"""Any time will do: the recorded time policies hold for years, or never."""


def identity_of(known: Mapping[str, Any]) -> Identity:
    facts: dict[str, Any] = {key: frozenset(value) if key in SETS and value is not None else _frozen(value) for key, value in known.items()}
    return Identity(**facts)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def situations(path: Path) -> Iterator[tuple[dict[str, Any], Situation, dict[str, Any]]]:
    """Each recorded question: the case, the situation, the answer."""
    head, *cases = map(json.loads, path.read_text().splitlines())
    names = Names(group_paths=head["groupPaths"], client_scope_names=head["clientScopeNames"])
    identities = {name: identity_of(known) for name, known in head["identities"].items()}
    rules = rules_for(tuple(int(part) for part in head["keycloak"].split(".")))
    for case in cases:
        parts = {key: case[key] for key in ("associated", "resources", "scopes")}
        known = permission_set(case["permissions"], case["policies"], names=names, **parts)
        for answer in case["answers"]:
            yield (
                case,
                Situation(identity=identities[answer["caller"]], permissions=known, rules=rules, now=datetime.fromisoformat(NOW)),
                answer,
            )


def expected(answer: Mapping[str, Any], situation: Situation) -> set[Outcome]:
    """How the evaluator decides each side of a call."""
    return {decide(_asked(need), need["scope"], situation).outcome for need in answer["needs"]}


def _asked(need: Mapping[str, Any]) -> Object:
    return Object(type=need["type"], id=need["id"], groups=tuple(tuple(chain) for chain in need["groups"]))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_evaluator_says_what_the_server_did(path: Path) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for case, situation, answer in situations(path):
        outcomes = expected(answer, situation)
        refused = bool(outcomes & {Outcome.DENIED, Outcome.MISSING})
        if not refused and Outcome.OPEN in outcomes:
            counts["open"] += 1
            continue
        counts["granted" if not refused else "refused"] += 1
        if refused != (answer["status"] == 403) or (not refused and answer["status"] >= 400):
            wrong.append((case["seed"], answer, sorted(outcomes)))

    assert wrong == []
    assert counts["granted"] >= 100
    assert counts["refused"] >= 100
    assert counts["open"] <= sum(counts.values()) // 50


def test_where_policy_evaluate_says_otherwise_the_call_agrees_with_the_evaluator() -> None:
    differing = 0
    for path in RECORDED:
        for _, situation, answer in situations(path):
            if None not in answer["evaluated"] and all(answer["evaluated"]) != (answer["status"] < 400):
                outcomes = expected(answer, situation)
                differing += 1
                assert Outcome.OPEN in outcomes or bool(outcomes & {Outcome.DENIED, Outcome.MISSING}) == (answer["status"] >= 400)

    assert differing >= 30
