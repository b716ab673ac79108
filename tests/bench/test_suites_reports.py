"""Reports of test runners as outcomes."""

import json

from bench.suites.outcome import Outcome
from bench.suites.reports import go_test, junit, mocha


def test_pytest_tells_each_test_of_each_module() -> None:
    cases = (
        '<testcase classname="tests.test_a" name="test_one"/>'
        '<testcase classname="tests.test_a" name="test_two"><failure message="no"/></testcase>'
        '<testcase classname="tests.test_b" name="test_one"><error message="in a fixture"/></testcase>'
        '<testcase classname="tests.test_b" name="test_two"><skipped message="never"/></testcase>'
    )
    assert junit(f"<testsuites><testsuite>{cases}</testsuite></testsuites>") == {
        "test_a::test_one": Outcome.PASSED,
        "test_a::test_two": Outcome.FAILED,
        "test_b::test_one": Outcome.FAILED,
        "test_b::test_two": Outcome.SKIPPED,
    }


def test_go_tells_events_and_its_last_word_counts() -> None:
    events: list[dict[str, object]] = [
        {"Action": "run", "Test": "Test_A"},
        {"Action": "output", "Test": "Test_A", "Output": "--- PASS"},
        {"Action": "pass", "Test": "Test_A/part"},
        {"Action": "fail", "Test": "Test_A"},
        {"Action": "skip", "Test": "Test_B"},
        {"Action": "fail"},
    ]
    text = "# a line of the compiler\n" + "\n".join(json.dumps(event) for event in events)
    assert go_test(text) == {"Test_A/part": Outcome.PASSED, "Test_A": Outcome.FAILED, "Test_B": Outcome.SKIPPED}


def test_mocha_tells_titles_and_a_hook_that_failed_is_not_lost() -> None:
    def test(title: str, **error: str) -> dict[str, object]:
        return {"fullTitle": title, "err": error}

    later = test("Users later")
    report = {
        "tests": [test("Users list"), test("Users count", message="2"), later],
        "pending": [later],
        "failures": [test("Users count", message="2"), test('Groups "before each" hook', message="no")],
    }
    assert mocha(json.dumps(report)) == {
        "Users list": Outcome.PASSED,
        "Users count": Outcome.FAILED,
        "Users later": Outcome.SKIPPED,
        'Groups "before each" hook': Outcome.FAILED,
    }
