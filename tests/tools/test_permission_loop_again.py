"""Calls of the permission loop that are made again: the counts change, and the first result stays visible."""

from typing import Any

from tools.permissions.loop import page
from tools.permissions.loop.results import Kind, Result, replaced

NAME = "GET /admin/realms/{realm}/groups with search"


def failed_run() -> dict[str, Any]:
    counts = {str(kind): 0 for kind in Kind} | {"fixed": 1, "failed": 1}
    failed = {"name": NAME, "kind": "failed", "reason": "a timeout", "confidence": "", "scopes": 0, "control": False}
    return {
        "keycloak": "26.4.7", "date": "2026-11-30", "calls": 2, "counts": counts, "controls": 1, "scopes": 1, "certain": 1, "exceptions": [failed],
    }  # fmt: skip


def again(name: str = NAME) -> Result:
    return Result(name=name, kind=Kind.FIXED, reason="", confidence="certain", scopes=2, control=True)


def test_the_second_result_counts_and_the_first_one_is_on_the_page(monkeypatch: Any) -> None:
    run = replaced(failed_run(), [again()])

    assert (run["counts"]["fixed"], run["counts"]["failed"], run["exceptions"]) == (2, 0, [])
    assert (run["scopes"], run["controls"], run["certain"]) == (3, 2, 2)
    monkeypatch.setattr(page, "kept", lambda version: run)
    (text,) = page.documents().values()
    assert f"- `{NAME}`: first failed: a timeout" in text


def test_a_call_that_was_no_exception_changes_nothing() -> None:
    run = replaced(failed_run(), [again("GET /admin/realms/{realm}")])

    assert run == failed_run() | {"again": []}
