"""The clients' own tests with the middleware in: the page, and one suite in full."""

import pytest

from bench.client_suites.libraries import LIBRARIES
from bench.client_suites.page import page
from bench.client_suites.run import counts_file, found, prepared
from bench.suites.having import NotHad
from bench.suites.outcome import Found, counts

HTTPX = next(library for library in LIBRARIES if library.name == "httpx")
COUNTED = "489 requests\n65 error responses read"


def test_the_page_counts_both_ways_and_what_went_through() -> None:
    same = Found(direct=({"a": "passed", "b": "failed"},), proxied=({"a": "passed", "b": "failed"},))
    assert page({"httpx": (same, COUNTED)}).splitlines()[-1] == "| httpx 0.28.1 | all | 1, 1, 0 | 1, 1, 0 | 489 | 65 | none |"


def test_the_page_names_each_test_that_differs_and_why() -> None:
    other = Found(direct=({"a": "passed"}, {"a": "passed"}), proxied=({"a": "failed"}, {"a": "failed"}))
    assert page({"httpx": (other, COUNTED)}).splitlines()[-1] == (
        "- httpx, `a`: passed without the middleware, failed with it. Reason: the outcome differs in every run this way."
    )


@pytest.mark.live_long
@pytest.mark.timeout(900)
def test_httpx_own_tests_have_the_same_outcomes_with_the_middleware() -> None:
    try:
        folder = prepared(HTTPX)
    except NotHad as error:
        pytest.skip(f"httpx's own tests: {error}")
    both = found(HTTPX)
    assert both.same, both.differences
    assert counts(both.proxied[0])[0] > 1000
    through, read = (int(line.partition(" ")[0]) for line in counts_file(folder).read_text(encoding="utf-8").splitlines())
    assert through > 400
    assert read > 50
