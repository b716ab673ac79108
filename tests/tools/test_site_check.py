"""The check of a built site finds links that lead nowhere and resources of other hosts."""

from pathlib import Path

import pytest

from tools.site.check import problems

PAGE = '<html><head><link rel="stylesheet" href="{up}style.css"></head><body><h1 id="top">x</h1>{body}</body></html>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "style.css").write_text("body { background: url(data:image/png;base64,) }")
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "index.html").write_text(PAGE.format(up="", body='<a href="a/#top">a</a> <a href="https://example.com/">other host</a>'))
    return tmp_path


def with_body(site: Path, body: str) -> list[str]:
    (site / "a" / "index.html").write_text(PAGE.format(up="../", body=body))
    return problems(site)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="..">home</a> <a href="../#top">top</a> <a href="#top">here</a> <a href="../file.txt">file</a>',
        '<a name="old"></a><a href="#old">old</a> <img src="data:image/png;base64,"> <a href="mailto:a@example.com">mail</a>',
        '<h2 id="a-b-é">x</h2><a href="#a-b-%C3%A9">x</a>',
    ],
)
def test_a_site_whose_links_lead_somewhere_is_fine(site: Path, body: str) -> None:
    assert with_body(site, body) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="../b/">b</a>', "a/: ../b/ leads nowhere"),
        ('<a href="../#nothing">x</a>', "a/: ../#nothing leads nowhere"),
        ('<a href="#nothing">x</a>', "a/: #nothing leads nowhere"),
        ('<img src="missing.png">', "a/: missing.png leads nowhere"),
        ('<script src="https://cdn.example.com/x.js"></script>', "a/: loads https://cdn.example.com/x.js"),
        ('<img src="//cdn.example.com/x.png">', "a/: loads //cdn.example.com/x.png"),
        ('<link rel="preconnect" href="https://fonts.example.com">', "a/: loads https://fonts.example.com"),
    ],
)
def test_a_broken_link_and_a_foreign_resource_are_named(site: Path, body: str, said: str) -> None:
    assert with_body(site, body) == [said]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<p>text:\n- a\n- b</p>", "a/: Markdown that was not read: text:\n- a\n- b"),
        ("<p>1. a</p>", "a/: Markdown that was not read: 1. a"),
        ("<p>| a | b |</p>", "a/: Markdown that was not read: | a | b |"),
        ("<p>**a**</p>", "a/: Markdown that was not read: **a**"),
        ("<p>[a](b.md)</p>", "a/: Markdown that was not read: [a](b.md)"),
        ("<p>a<div>b</div></p>", "a/: a paragraph has a <div>: a"),
    ],
)
def test_a_paragraph_that_was_not_read_as_markdown_is_named(site: Path, body: str, said: str) -> None:
    assert with_body(site, body) == [said]


def test_code_and_numbers_in_a_sentence_are_fine(site: Path) -> None:
    assert with_body(site, "<p>a - b, 1. and <code>**a** [x](y)</code></p><ul><li>- a</li></ul>") == []


def test_a_style_sheet_that_loads_from_another_host_is_named(site: Path) -> None:
    (site / "style.css").write_text('@import "https://fonts.example.com/x.css";')
    assert with_body(site, "") == ['style.css: loads from another host: @import "http']
