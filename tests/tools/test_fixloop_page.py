"""What is kept of a run, and the page that is made of it."""

import json
from pathlib import Path

from tools.fixloop.kept import digest_of, document, keep, kept
from tools.fixloop.needs import Case, Need
from tools.fixloop.page import page
from tools.fixloop.results import Journal, Kind, Result
from tools.measure.run import Task
from tools.measure.spec import Operation, Spec


def case(path: str, *roles: str, variant: str = "") -> Case:
    operation = Operation(method="GET", path=path, handler=f"X#{path}")
    sets = frozenset(frozenset({role}) for role in roles)
    return Case(task=Task(operation=operation, spec=Spec(variant=variant, says=variant)), need=Need(any_of=sets, admits=sets))


def result(of: Case, kind: Kind, **more: object) -> Result:
    return Result(key=of.key, name=of.name, kind=kind, **more)  # type: ignore[arg-type]


FIXED, FAILED, GUARDED, ABSENT = case("/a", "x"), case("/b", "x"), case("/a", "y", variant="for an administrator"), case("/c", "x")
CASES = [FIXED, FAILED, GUARDED, ABSENT]
RESULTS = {
    FIXED.key: result(FIXED, Kind.FIXED, explained=True, roles=("x",), commands=("kcadm.sh x",), without={"x": "refused"}, in_shell=True),
    FAILED.key: result(FAILED, Kind.FAILED, reason="after the first fix: refused"),
    GUARDED.key: result(GUARDED, Kind.BY_TARGET, explained=True, reason="escalation-guard"),
}


def run() -> dict[str, object]:
    return document("26.7.4", CASES, RESULTS, of_revision="abc")


def test_a_run_is_kept_by_counts_and_by_the_names_of_its_exceptions() -> None:
    kept_run = run()
    assert kept_run["operations"] == {"all": 3, "explained": 1, "fixed": 1, "failed": 1, "not run": 1}
    assert kept_run["variants"] == {"all": 1, "explained": 1, "by-target": 1}
    assert (kept_run["commands"], kept_run["in_shell"], kept_run["least"]) == (1, 1, 1)
    exceptions = kept_run["exceptions"]
    assert isinstance(exceptions, list)
    assert [item["name"] for item in exceptions] == ["GET /b", "GET /a for an administrator"]


def test_the_page_names_what_failed_and_counts_it_against_the_share() -> None:
    text = page([run()], {"26.7.4": digest_of(CASES)})
    assert "1 of 3 operations that a role of the realm allows are fixed: 33.33 %" in text
    assert "### Failed" in text
    assert "- `GET /b`: after the first fix: refused" in text
    assert "- `GET /a` for an administrator: escalation-guard" in text
    assert "The table has changed since" not in text


def test_the_page_says_when_the_table_is_another_one_by_now() -> None:
    assert "The table has changed since" in page([run()], {"26.7.4": digest_of(CASES[:1])})


def test_runs_are_kept_one_file_a_version_and_listed_newest_first(tmp_path: Path) -> None:
    for version in ("24.0.5", "26.10.0", "26.7.4"):
        keep(version, CASES, RESULTS, of_revision="abc", folder=tmp_path)
    assert [one["keycloak"] for one in kept(tmp_path)] == ["26.10.0", "26.7.4", "24.0.5"]


def test_a_run_that_goes_on_keeps_what_was_done_and_tries_again_what_failed(tmp_path: Path) -> None:
    journal = Journal(path=tmp_path / "folder" / "journal.jsonl")
    for one in RESULTS.values():
        journal.add(one)
    again = Journal(path=journal.path)
    again.load()
    assert again.done == {key: one for key, one in RESULTS.items() if one.kind is not Kind.FAILED}
    assert json.loads(journal.path.read_text().splitlines()[0])["kind"] == "fixed"
