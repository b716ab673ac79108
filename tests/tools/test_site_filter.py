"""The filter of role tables, in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.admin.browser import CHROMIUM, needs_chromium
from tools.site.sources import ROOT

pytestmark = needs_chromium

SCRIPT = ROOT / "tools" / "site" / "assets" / "roles.js"
ROWS = {
    "Users": [("GET", "/users", "view-users"), ("POST", "/users", "manage-users")],
    "Clients": [("GET", "/clients", "view-clients"), ("POST", "/clients", "manage-clients")],
}


def table(rows: list[tuple[str, str, str]], third: str = "Least role") -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr><th>Method</th><th>Path</th><th>{third}</th></tr></thead><tbody>{body}</tbody></table>"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    sections = "".join(f"<h2>{title}</h2>{table(rows)}" for title, rows in ROWS.items())
    special = f"<p>Special cases:</p>{table([('POST', '/clients', 'if large')], 'If')}"
    text = f'<article class="md-typeset"><div class="role-filter" hidden></div>{sections}{special}<h2>Text</h2><p>x</p></article>'
    made = tmp_path / "page.html"
    made.write_text(f"<!doctype html><meta charset=utf-8>{text}<script>{SCRIPT.read_text(encoding='utf-8')}</script>", encoding="utf-8")
    return made


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def shown(page: Page, selector: str) -> list[str]:
    return [each.inner_text().replace("\t", " ") for each in page.locator(selector).all() if each.is_visible()]


def test_words_filter_the_rows_and_are_in_the_address(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    assert page.locator("output").inner_text() == "4 operations"
    page.get_by_label("Filter").fill("POST client")
    assert shown(page, "tbody tr") == ["POST /clients manage-clients", "POST /clients if large"]
    assert shown(page, "h2") == ["Clients"]
    assert page.locator("output").inner_text() == "1 of 4 operations"
    assert page.url.endswith("?filter=POST+client")
    page.get_by_label("Filter").fill("")
    assert len(shown(page, "tbody tr")) == 5
    assert shown(page, "h2") == ["Users", "Clients", "Text"]
    assert page.url == file.as_uri()


def test_an_address_with_words_opens_filtered(page: Page, file: Path) -> None:
    page.goto(file.as_uri() + "?filter=view-users")
    assert page.get_by_label("Filter").input_value() == "view-users"
    assert shown(page, "tbody tr") == ["GET /users view-users"]


def test_words_that_nothing_has_leave_no_row_and_run_nothing(page: Page, file: Path) -> None:
    page.goto(file.as_uri() + "?filter=%3Cimg+src%3Dx+onerror%3D%22document.title%3D1%22%3E")
    assert shown(page, "tbody tr") == []
    assert page.locator("output").inner_text() == "0 of 4 operations"
    assert page.title() != "1"
