"""How facts that tell versions apart are found in recorded answers."""

from typing import Any

import pytest

from tools.measure.fingerprint import DISCOVERY, derive, distinguishing, document, main


def shown(*members: str, certs: str = "application/json", **values: list[str]) -> dict[str, dict[str, Any]]:
    body: dict[str, Any] = dict.fromkeys(members, "x") | values
    return {
        "openid-configuration": {"status": 200, "headers": {}, "body": body},
        "certs": {"status": 200, "headers": {"content-type": certs}, "body": {}},
    }


def test_the_committed_facts_are_those_of_the_recorded_answers() -> None:
    assert DISCOVERY.read_text() == document(derive())


def test_one_fact_for_each_step_is_enough() -> None:
    facts = distinguishing({"1.0": shown("a"), "2.0": shown("a", "b", "c"), "3.0": shown("a", "b", "c", "d")}, {})
    assert [(fact["member"], fact["since"]) for fact in facts] == [("c", "2.0"), ("d", "3.0")]


def test_a_value_of_a_list_can_be_a_fact() -> None:
    (fact,) = distinguishing({"1.0": shown(grants=["code"]), "2.0": shown(grants=["code", "uma"])}, {})
    assert fact == {"document": "openid-configuration", "member": "grants", "value": "uma", "since": "2.0"}


def test_a_body_is_preferred_to_a_header_and_a_header_is_better_than_nothing() -> None:
    old, new = "application/json;charset=UTF-8", "application/json"
    (both,) = distinguishing({"1.0": shown(certs=old), "2.0": shown("b", certs=new)}, {})
    assert both["member"] == "b"
    (header,) = distinguishing({"1.0": shown(certs=old), "2.0": shown(certs=new)}, {})
    assert (header["header"], header["value"]) == ("content-type", new)


def test_what_comes_and_goes_is_no_fact() -> None:
    facts = distinguishing({"1.0": shown("a"), "2.0": shown("a", "b"), "3.0": shown("a")}, {})
    assert facts == []


def test_what_came_with_a_patch_release_is_no_fact() -> None:
    recorded = {"1.0.9": shown("a"), "2.0.9": shown("a", "b", "c")}
    assert [fact["member"] for fact in distinguishing(recorded, {"2.0.0": shown("a", "b")})] == ["b"]


def test_what_an_administrator_can_switch_is_no_fact() -> None:
    assert distinguishing({"1.0": shown(), "2.0": shown("dpop_signing_alg_values_supported", scopes_supported=["basic"])}, {}) == []


@pytest.mark.parametrize("arguments", [[], ["record"], ["derive", "26.7.4"]], ids=str)
def test_a_wrong_call_shows_how_to_call_it(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "python -m tools.measure.fingerprint" in capfd.readouterr().err
