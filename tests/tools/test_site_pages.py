"""Pages of the site: where files of the repository are, links between them, operations, alerts, and the navigation."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcproxy.catalog import Catalog, parse
from tests.catalog.conftest import DOCUMENT
from tools.docs import roles as role_pages
from tools.docs.__main__ import generated
from tools.site import alerts, links, navigation, operations, roles
from tools.site.sources import DOCS, ELSEWHERE, ROOT, page_of, path_of

MKDOCS = ROOT / "mkdocs.yml"


@pytest.fixture(scope="module")
def small() -> Catalog:
    return parse(DOCUMENT)


def configuration() -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!ENV", lambda _, node: node.value[-1].value)
    return dict(yaml.load(MKDOCS.read_text(encoding="utf-8"), Loader))


@pytest.mark.parametrize("path", [*ELSEWHERE, "docs/deploy/gateway.md", "docs/index.md"])
def test_a_page_is_found_from_its_file_and_back(path: str) -> None:
    assert (ROOT / path).is_file()
    assert path_of(page_of(path) or "") == path


@pytest.mark.parametrize(
    ("page", "link", "made"),
    [
        ("deploy/README.md", "[x](gateway.md)", "[x](gateway.md)"),
        ("deploy/README.md", "[x](../inbound.md#api-keys)", "[x](../inbound.md#api-keys)"),
        ("deploy/gateway.md", "[x](../../deploy/kubernetes/README.md#gateway-the-commands)", "[x](kubernetes.md#gateway-the-commands)"),
        ("deploy/helm.md", "[x](../../../docs/deploy/gateway.md)", "[x](gateway.md)"),
        ("deploy/helm.md", "[x](../../../README.md)", "[x](../index.md)"),
        ("project/changelog.md", "[x](CONTRIBUTING.md#figures)", "[x](contributing.md#figures)"),
        ("settings.md", "[x](../config/kcproxy.toml)", "[x](files/config/kcproxy.toml)"),
        ("project/changelog.md", "[x](docs/images/page-denials.png)", "[x](../images/page-denials.png)"),
        ("diagnosis.md", "[x](../kcproxy/explain/causes)", "x"),
        ("diagnosis.md", "[x](roles)", "[x](roles/index.md)"),
        ("alerts.md", "[x](runbooks)", "[x](runbooks/README.md)"),
        ("deploy/helm.md", "[x](../../kubernetes/README.md)", "[x](kubernetes.md)"),
        ("project/release.md", "[x](.github/workflows/release.yml)", "x"),
        ("settings.md", "[reload.md](reload.md)", "[Reloading](reload.md)"),
        (
            "settings.md",
            "[x](https://example.com/a.md) [y](#a) <http://localhost>",
            "[x](https://example.com/a.md) [y](#a) <http://localhost>",
        ),
        ("monitoring.md", "![x](images/page-denials.png)", "![x](images/page-denials.png)"),
    ],
)
def test_a_link_of_the_repository_becomes_one_of_the_site(page: str, link: str, made: str) -> None:
    assert links.rewritten(link, page, ROOT) == made
    assert links.rewritten(f"```\n{link}\n```", page, ROOT) == f"```\n{link}\n```"


def test_files_that_pages_link_to_are_part_of_the_site() -> None:
    text = "[a](../config/kcproxy.toml) [b](reload.md) [c](../kcproxy) [d](../grafana/dashboards/.lint) [e](../nothing.txt)"
    assert links.linked_files(text, "settings.md", ROOT) == {"config/kcproxy.toml"}


def test_each_operation_has_one_page_with_every_version(small: Catalog) -> None:
    pages = operations.documents([small])
    assert len(pages) == len(small.operations) + 1
    page = pages["operations/get-admin-realms-realm-users.md"]
    assert "# GET /<wbr>admin/<wbr>realms/<wbr>{realm}/<wbr>users" in page
    assert "| [26.7.4](../roles/26.7.4.md) | **`view-users`** | `manage-users` | `query-users`: no items |" in page
    assert "## Special cases, on 26.7.4" in pages["operations/post-admin-realms-realm-partial-export.md"]


def test_the_pages_of_all_real_operations_have_different_addresses() -> None:
    keys = {entry.operation.key for table in operations.tables() for entry in table.operations}
    pages = operations.documents()
    assert len(pages) == len(keys) + 1
    assert all(re.fullmatch(r"operations/[a-z0-9-]{1,200}\.md|roles/table\.md", place) for place in pages)
    patterns = configuration()["not_in_nav"].split()
    methods = {place.removeprefix("operations/").partition("-")[0] for place in pages if place.startswith("operations/")}
    assert {f"/operations/{method}-*.md" for method in methods} <= set(patterns)


def test_neighboring_versions_with_the_same_roles_share_a_row() -> None:
    page = operations.documents()["operations/get-admin-realms-realm-users-user-id.md"]
    assert "| [24.0.5](../roles/24.0.5.md) to [26.8](../roles/26.8.md) | **`view-users`** | `manage-users` |" in page


def test_the_role_table_has_a_row_with_an_address_for_each_operation(small: Catalog) -> None:
    table = operations.documents([small])[operations.TABLE]
    for entry in small.operations:
        name = operations.slug(entry.operation.key)
        assert table.count(f'<a id="{name}"></a>') == 1
        assert f"](../operations/{name}.md)" in table
        assert f"[#](#{name} " in table


def test_rows_of_a_versions_page_get_addresses_once_and_lead_to_the_operation(small: Catalog) -> None:
    text = roles.with_addresses("\n".join(role_pages.page(small)))
    ids = re.findall(r'<a id="([^"]+)">', text)
    assert sorted(ids) == sorted(operations.slug(entry.operation.key) for entry in small.operations)
    assert set(re.findall(r"\]\(\.\./operations/([^)]+)\.md\)", text)) == set(ids)
    assert text.index(roles.FILTER) < text.index("## ")


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("roles/26.7.5.md", True),
        ("roles/26.8.md", True),
        ("roles/index.md", False),
        ("roles/table.md", False),
        ("permissions/26.7.5.md", False),
    ],
)
def test_only_pages_of_versions_are_role_tables(page: str, table: bool) -> None:
    assert roles.is_table(page) is table


def test_every_alert_has_a_runbook_and_the_runbook_its_rule() -> None:
    files = {file.stem for file in (ROOT / DOCS / alerts.FOLDER).glob("*.md")}
    assert files == set(alerts.rules())
    text = alerts.with_rule("# KcproxyDown\n", "runbooks/KcproxyDown.md")
    assert "Severity: critical, after 2m." in text
    assert "```promql\n" in text
    assert all(f"[{name}]({name}.md)" in alerts.index() for name in files)


def test_a_runbook_of_no_alert_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"runbooks/Other\.md is the runbook of no alert"):
        alerts.with_rule("# Other\n", "runbooks/Other.md")


def test_folders_of_the_navigation_become_their_pages(tmp_path: Path) -> None:
    for name in ("README.md", "b.md", "a.md", "26.7.5.md", "26.10.1.md", "own.md"):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / name).write_text("#")
    versions = [{"26.10.1": "x/26.10.1.md"}, {"26.7.5": "x/26.7.5.md"}]
    assert navigation.expanded([{"Own": "x/own.md"}, {"X": "x/"}, {"Y": ["y.md", "x/"]}], tmp_path) == [
        {"Own": "x/own.md"},
        {"X": ["x/README.md", *versions, "x/a.md", "x/b.md"]},
        {"Y": ["y.md", "x/README.md", *versions, "x/a.md", "x/b.md"]},
    ]


def leaves(entries: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in entries:
        for content in entry.values() if isinstance(entry, dict) else [entry]:
            found += leaves(content) if isinstance(content, list) else [content]
    return found


def test_every_page_is_in_the_navigation_once() -> None:
    named = leaves(navigation.expanded(configuration()["nav"], ROOT / DOCS))
    pages = {file.relative_to(ROOT / DOCS).as_posix() for file in (ROOT / DOCS).rglob("*.md")} | set(ELSEWHERE.values())
    assert sorted(named) == sorted(pages | {operations.TABLE, f"{alerts.FOLDER}/README.md"})


def test_the_site_is_configured_to_load_nothing_from_other_hosts() -> None:
    settings = configuration()
    assert settings["theme"]["font"] is False
    assert settings["strict"] is True
    assert not [value for value in (*settings["extra_css"], *settings["extra_javascript"]) if "//" in value]
    assert set(settings["validation"]["links"].values()) == {"warn"}


def test_pages_of_the_site_are_not_in_the_repository() -> None:
    assert not (ROOT / DOCS / operations.FOLDER).exists()
    assert not set(generated()) & {f"{DOCS}/{operations.TABLE}"}
