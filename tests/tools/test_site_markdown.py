"""GitHub's Markdown in Python-Markdown's notation: lists, tables and fences stand apart, nested blocks have four spaces."""

import pytest

from tools.site.markdown import for_python_markdown, heading_id, outside_fences


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("text\n- a\n- b", "text\n\n- a\n- b"),
        ("text:\n1. a\n2. b", "text:\n\n1. a\n2. b"),
        ("- a\n  more\n- b", "- a\n    more\n- b"),
        ("- a\n  - b\n    - c\n- d", "- a\n    - b\n        - c\n- d"),
        ("1. a\n   - b\n2. c", "1. a\n    - b\n2. c"),
        ("10. a\n    more", "10. a\n    more"),
        ("- a\nlazy", "- a\n    lazy"),
        ("- a\n\ntext", "- a\n\ntext"),
        ("- a\n\n  second paragraph", "- a\n\n    second paragraph"),
        ("- a\n\n  more\n- b", "- a\n\n    more\n\n- b"),
        ("text\n| a |\n|---|\n| 1 |", "text\n\n| a |\n|---|\n| 1 |"),
        ("1. a\n   ```sh\n   b\n     c\n   ```\n2. d", "1. a\n\n    ```sh\n    b\n      c\n    ```\n\n2. d"),
        ("```\na\n```\ntext", "```\na\n```\n\ntext"),
        ("| a |\n|---|\n| 1 |\ntext", "| a |\n|---|\n| 1 |\n\ntext"),
        ("text\n```\n- not a list\n  - nor this\n```", "text\n\n```\n- not a list\n  - nor this\n```"),
        ("````md\n```\n- a\n````\ntext\n- b", "````md\n```\n- a\n````\n\ntext\n\n- b"),
        ("text\n\n    code that is indented", "text\n\n    code that is indented"),
        ("# Heading\n- a", "# Heading\n\n- a"),
        ("- a\n# Heading\ntext", "- a\n# Heading\ntext"),
        ("a - b\n*emphasis* and **strong**", "a - b\n*emphasis* and **strong**"),
        ("<details><summary>x</summary>", "<details markdown><summary>x</summary>"),
    ],
)
def test_a_block_is_written_so_that_python_markdown_reads_it(text: str, made: str) -> None:
    assert for_python_markdown(text) == made


def test_lines_in_fences_are_not_changed() -> None:
    assert outside_fences("a\n```\na\n```\na\n~~~\na\n~~~", str.upper) == "A\n```\na\n```\nA\n~~~\na\n~~~"


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [
        ("Requests and limits", "requests-and-limits"),
        ("If Keycloak accepts only one at a time", "if-keycloak-accepts-only-one-at-a-time"),
        ("`[[accounts]]`", "accounts"),
        ("Components (user federation, key providers)", "components-user-federation-key-providers"),
        ("a & b", "a--b"),
        ("federated_jwt", "federated_jwt"),
    ],
)
def test_fragments_of_headings_are_those_of_github(heading: str, fragment: str) -> None:
    assert heading_id(heading, "-") == fragment
