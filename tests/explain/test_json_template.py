"""Templates: filled, they are exactly the text that would be written without them, or there is none."""

from typing import Any

import pytest

from kcproxy.explain.json_template import MAX_TEXT_BYTES, compact, compact_ascii, mark, template_of


def document(name: str, items: Any, other: str = "same") -> dict[str, Any]:
    return {"id": name, "items": items, "more": {"other": other, "again": name}}


@pytest.mark.parametrize("write", [compact, compact_ascii])
@pytest.mark.parametrize("name", ["a", 'quo"ted', "\\", "é\n", "\0", "\0id\0", "\ud800"])
def test_filled_it_is_what_would_be_written(write: Any, name: str) -> None:
    marked = document(mark("id"), [mark("items")])
    text = write(document("first", ["x"]))
    template = template_of(marked, write, text=text, values={"id": write("first"), "items": write(["x"])})

    assert template is not None
    assert template.filled({"id": write(name), "items": write([name, 1])}) == write(document(name, [name, 1]))


@pytest.mark.parametrize("other", [mark("id"), mark("items"), mark("nothing"), f"urn:{mark('id')}"])
def test_a_name_that_looks_like_a_mark_is_never_taken_for_one(other: str) -> None:
    text = compact(document("first", ["x"], other))
    template = template_of(
        document(mark("id"), [mark("items")], other), compact, text=text, values={"id": compact("first"), "items": compact(["x"])}
    )

    assert template is None or template.filled({"id": '"b"', "items": "[]"}) == compact(document("b", [], other))


def test_a_place_within_a_text_is_none() -> None:
    text = compact({"urn": "urn:first"})

    assert template_of({"urn": f"urn:{mark('id')}"}, compact, text=text, values={"id": '"first"'}) is None


@pytest.mark.parametrize(("letter", "count"), [("a", MAX_TEXT_BYTES), ("€", MAX_TEXT_BYTES // 4)])
def test_what_is_long_is_not_kept(letter: str, count: int) -> None:
    text = compact({"id": "a", "long": letter * count})

    assert template_of({"id": mark("id"), "long": letter * count}, compact, text=text, values={"id": '"a"'}) is None
