"""Generated documents: complete and up to date, and differences are found."""

import copy
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

from kcproxy import catalog
from kcproxy.catalog import Catalog, parse
from kcproxy.settings.schema import SETTINGS
from tests.catalog.conftest import DOCUMENT
from tools.docs import __main__ as program
from tools.docs import changes, cli, introduction, roles, settings
from tools.docs.markdown import table as markdown_table
from tools.docs.resources import by_resource, title_of

ROOT = Path(__file__).resolve().parents[2]


_LISTS_ARGUMENTS = Version(metadata.version("click")) >= Version("8.5")
OF_NEWER_CLICK = frozenset() if _LISTS_ARGUMENTS else frozenset({"docs/man/kcproxy.1"})
"""Older versions of click do not list the arguments of a command, so its manual page is made with a newer one."""


@pytest.fixture(scope="module")
def small() -> Catalog:
    return parse(DOCUMENT)


def test_what_is_committed_is_what_would_be_written() -> None:
    documents = program.generated()
    differing = [path for path in program.differing(ROOT, documents) if path not in OF_NEWER_CLICK]
    for path in differing:
        assert documents[path].splitlines() == (ROOT / path).read_text(encoding="utf-8").splitlines(), path
    assert differing == []


def test_a_missing_a_changed_and_a_left_over_document_are_found_and_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([], root=tmp_path) == 0
    assert program.main(["--check"], root=tmp_path) == 0
    (tmp_path / "docs/cli.md").write_text("changed", encoding="utf-8")
    (tmp_path / "docs/settings.md").unlink()
    (tmp_path / "docs/roles/1.0.0.md").write_text("of a version that is gone", encoding="utf-8")
    capsys.readouterr()
    assert program.main(["--check"], root=tmp_path) == 1
    said = capsys.readouterr().err
    assert [line.split(" ")[0] for line in said.splitlines()] == ["docs/settings.md", "docs/cli.md", "docs/roles/1.0.0.md"]
    assert program.main([], root=tmp_path) == 0
    assert program.main(["--check"], root=tmp_path) == 0


def test_every_setting_stands_in_its_document() -> None:
    page = settings.documents()["docs/settings.md"]
    for field in SETTINGS:
        assert f"`{field.variable}`" in page


def test_every_command_stands_in_its_document_with_all_its_options() -> None:
    page = cli.documents()["docs/cli.md"]
    for words in (
        "## `kcproxy serve`",
        "--admin-listen",
        "## `kcproxy roles`",
        "--calls",
        "## `kcproxy explain`",
        "--token-file",
        "## `kcproxy check`",
    ):
        assert words in page
    assert max(len(line) for block in page.split("```text")[1:] for line in block.partition("```")[0].splitlines()) <= 120


def test_every_operation_stands_on_its_page_with_its_least_role(small: Catalog) -> None:
    page = "\n".join(roles.page(small))
    for entry in small.operations:
        assert f"`{entry.operation.path}`" in page
    lines = page.splitlines()
    assert "| GET | `/admin/realms/{realm}/users` | **`view-users`** | `manage-users` | `query-users`: no items |  |" in lines
    assert "| POST | `/admin/realms` | create-realm (realm role of master) |" in lines
    assert any("`/admin/realms/{realm}/odd` | not determined" in line and "needs a Kerberos server" in line for line in lines)
    assert any("`/admin/realms/{realm}/import` (multipart body)" in line for line in lines)
    assert any("callers of master: manage-realm + manage-users" in line for line in lines)


def test_special_cases_and_roles_stand_on_the_page_too(small: Catalog) -> None:
    lines = list(roles.page(small))
    assert "| POST | `/admin/realms/{realm}/partial-export` | with exportClients=true | **`manage-realm` + `view-clients`** |" in lines
    assert any(line.startswith("| `view-users` | `query-groups`, `query-users` |") for line in lines)


def test_every_table_row_has_as_many_cells_as_its_head(small: Catalog) -> None:
    cells = 0
    for line in (*roles.page(small), *"\n".join(program.generated().values()).splitlines()):
        if not line.startswith("|"):
            cells = 0
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert cells in {0, count}, line
        cells = count


def test_links_within_a_page_lead_to_a_heading(small: Catalog) -> None:
    lines = list(roles.page(small))
    headings = {re.sub(r"[^\w-]", "", line.lstrip("# ").lower().replace(" ", "-")) for line in lines if line.startswith("#")}
    links = set(re.findall(r"\]\(#([^)]*)\)", "\n".join(lines)))
    assert links
    assert links <= headings


def test_the_index_answers_the_most_asked_calls_from_the_table(small: Catalog) -> None:
    page = "\n".join(introduction.index([small], small))
    assert "| read a user | `GET /admin/realms/{realm}/users/{user-id}` | **view-users** | manage-users |" in page
    assert "impersonate a user" not in page
    assert "[Keycloak 26.7.4](26.7.4.md)" in page


def test_the_page_of_changes_compares_neighbours(small: Catalog) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["keycloak"] = "24.0.5"
    document["operations"][0]["anyOf"] = [["manage-users"]]
    page = "\n".join(changes.page([small, parse(document)]))
    assert "## From 24.0.5 to 26.7.4" in page
    assert "| GET | `/admin/realms/{realm}/users` | manage-users → view-users or manage-users |" in page
    assert "So far only" in "\n".join(changes.page([small]))


@pytest.mark.parametrize("version", catalog.versions())
def test_every_real_operation_has_a_heading(version: str) -> None:
    groups = by_resource(catalog.load(version).operations)
    assert sum(len(entries) for entries in groups.values()) == len(catalog.load(version).operations)
    assert all(title and title == title_of(entries[0]) for title, entries in groups.items())


def test_empty_columns_are_left_out_and_bars_are_escaped() -> None:
    assert markdown_table(("a", "b", "c"), [("1", "", "x|y")]) == ["| a | c |", "|---|---|", "| 1 | x\\|y |"]
