"""CONTRIBUTING and ARCHITECTURE name files, targets and packages that exist, and the order of the packages is the one that is checked."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = CONTRIBUTING.partition("<!-- recipes: begin -->")[2].partition("<!-- recipes: end -->")[0]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:kcproxy|docs|tests|devkit|tools|config|prometheus|grafana)/[\w./-]*)`")
TARGET = re.compile(r"`make ([a-z-]+)`|^make ([a-z-]+)", re.MULTILINE)
NEW_MODULE = re.compile(r"^\| `[^|]+` \| `([\w/]+(?:\.py|/))` \|$", re.MULTILINE)


def test_the_recipes_are_for_a_cause_a_setting_a_metric_and_a_version() -> None:
    assert re.findall(r"^## (.+)$", RECIPES, re.MULTILINE) == ["Add a cause", "Add a setting", "Add a metric", "Add a Keycloak version"]


@pytest.mark.parametrize("path", sorted(set(PATH.findall(RECIPES))))
def test_a_file_that_a_recipe_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`pytest ([\w/ ]+)`", RECIPES))))
def test_a_test_folder_that_a_recipe_names_exists(command: str) -> None:
    assert [folder for folder in command.split() if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("target", sorted({first or second for first, second in TARGET.findall(CONTRIBUTING)}))
def test_a_target_that_the_guide_names_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("module", sorted(set(NEW_MODULE.findall(CONTRIBUTING))))
def test_a_new_module_name_is_that_of_a_module(module: str) -> None:
    assert (ROOT / "kcproxy" / module).exists()


def test_a_cause_has_one_member_one_sentence_and_one_page() -> None:
    words = re.findall(r'^    [A-Z_]+ = "([a-z-]+)"', (ROOT / "kcproxy/model/causes.py").read_text(encoding="utf-8"), re.MULTILINE)
    pages = {path.stem for path in (ROOT / "docs/causes").glob("*.md")} - {"README"}
    assert set(words) == pages


def test_the_table_of_packages_has_the_order_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [name for layer in contracts[0]["layers"] for name in layer.split(" | ")]
    rows = [row for row in ARCHITECTURE.splitlines() if row.startswith(("| `kcproxy/", "| `errors"))]
    named = [name for row in rows for name in re.findall(r"`(?:kcproxy/)?(\w+)(?:/|\.py)`", row.split("|")[1])]
    assert named == layers


def test_no_file_and_no_function_of_the_package_is_larger_than_the_guide_says() -> None:
    file_limit, function_limit = map(
        int, re.findall(r"no file has more than (\d+) lines, and no function more than (\d+)", CONTRIBUTING)[0]
    )
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "kcproxy").rglob("*.py")}
    functions = [
        (path, node)
        for path, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [path for path, source in sources.items() if source.count("\n") > file_limit] == []
    assert [(path, node.name) for path, node in functions if (node.end_lineno or 0) - node.lineno + 1 > function_limit] == []
