"""The draft of facts: the same fields as the facts, and None if nothing was found out."""

import dataclasses

import pytest
from msgspec.structs import fields

from kcproxy.keycloak.facts_draft import FactsDraft
from kcproxy.model import Facts


def test_every_field_of_the_draft_is_one_of_the_facts_with_the_same_type() -> None:
    types = {each.name: each.type for each in fields(Facts)}
    assert {each.name: each.type for each in dataclasses.fields(FactsDraft)}.items() <= types.items()


def test_a_draft_without_findings_gives_no_facts() -> None:
    assert FactsDraft().freeze() is None


@pytest.mark.parametrize(("name", "value"), [("granted", ()), ("account_known", False), ("issuer", "")])
def test_a_finding_is_a_fact_even_if_it_is_empty_or_false(name: str, value: object) -> None:
    draft = FactsDraft()
    setattr(draft, name, value)
    facts = draft.freeze()
    assert facts is not None
    assert {each.name for each in fields(Facts) if getattr(facts, each.name) is not None} == {name, "extra"}
