"""The page of the permission loop."""

import pytest

from tools.permissions.loop import page
from tools.permissions.loop.results import Kind


def test_the_page_names_calls_that_were_made_again_with_their_first_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {
        "keycloak": "26.4.7", "date": "2026-11-30", "calls": 1, "counts": {str(kind): 0 for kind in Kind}, "controls": 1, "scopes": 1,
        "certain": 1, "exceptions": [], "again": [{"name": "GET /a", "first": "failed: a timeout"}],
    }  # fmt: skip
    monkeypatch.setattr(page, "kept", lambda _: run)

    (text,) = page.documents().values()

    assert "- `GET /a`: first failed: a timeout" in text


def test_a_long_first_result_is_cut_to_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {
        "keycloak": "26.4.7", "date": "2026-11-30", "calls": 1, "counts": {str(kind): 0 for kind in Kind}, "controls": 1, "scopes": 1,
        "certain": 1, "exceptions": [], "again": [{"name": "GET /a", "first": "failed: set -e\n" + "curl -sSf\n" * 100}],
    }  # fmt: skip
    monkeypatch.setattr(page, "kept", lambda _: run)

    (text,) = page.documents().values()

    line = next(line for line in text.splitlines() if line.startswith("- `GET /a`"))
    assert line.startswith("- `GET /a`: first failed: the commands of the fix: set -e curl -sSf curl")
    assert len(line) < 240
