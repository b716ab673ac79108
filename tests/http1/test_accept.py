"""A reading of Accept by weight, precision and case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.http1.accept import prefers

PROBLEM, JSON = "application/problem+json", "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        PROBLEM,
        "Application/Problem+JSON",
        f"{PROBLEM}, */*;q=0.1",
        f"{JSON}, {PROBLEM}",
        f"{JSON};q=0.9,{PROBLEM}",
        f"{PROBLEM};q=0.2",
        f"{PROBLEM} ; Q=0.5 , {JSON};q=0.5",
        f"{PROBLEM};charset=utf-8",
        f'text/plain;x="a,b;q=0",{PROBLEM}',
        f"{PROBLEM}, */*",
        f"{PROBLEM};q=0.5, */*;q=0.8, {JSON};q=0.1",
        f",, {PROBLEM}",
    ],
)
def test_a_client_that_names_the_type_gets_it(accept: str) -> None:
    assert prefers(accept, PROBLEM, JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "*/*;q=1, application/*",
        JSON,
        f"{PROBLEM};q=0",
        f"{PROBLEM};q=0.000",
        f"{PROBLEM};Q=0, */*",
        f"{PROBLEM};q=0.5, {JSON}",
        f"{PROBLEM};q=0.5, */*",
        f"{PROBLEM};q=0.5, application/*;q=0.6",
        "application/problem+json-seq",
        "text/application/problem+json",
        f'text/plain;x="{PROBLEM}"',
        f'text/plain;x=", {PROBLEM}, "',
        f"{PROBLEM};q=2",
        f"{PROBLEM};q=often",
        "application/problem+xml",
    ],
)
def test_a_client_that_does_not_ask_for_it_does_not_get_it(accept: str) -> None:
    assert not prefers(accept, PROBLEM, JSON)


@given(st.text(alphabet='apliconj/*+,;q=01."\\ \t', max_size=200))
def test_any_value_can_be_read(accept: str) -> None:
    assert not (prefers(accept, PROBLEM, JSON) and PROBLEM not in accept.lower())


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_higher_weight_wins_and_a_tie_goes_to_the_named_type(problem: int, json: int) -> None:
    accept = f"{JSON};q={json / 1000:.3f}, {PROBLEM};q={problem / 1000:.3f}"

    assert prefers(accept, PROBLEM, JSON) == (problem > 0 and problem >= json)
