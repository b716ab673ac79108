"""The table of settings: complete, and everything made of it agrees with it."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kcproxy.settings import model as values
from kcproxy.settings.lines import line_numbers
from kcproxy.settings.schema import BY_KEY, FIELDS, SECTION_DOCS, Field
from tests.settings.reading import read
from tools.docs.configuration import configuration_file, json_schema

OWNERS = {
    "upstream": values.UpstreamSettings,
    "explain": values.ExplainSettings,
    "limits": values.LimitSettings,
    "log": values.LogSettings,
    "metrics": values.MetricSettings,
    "history": values.HistorySettings,
    "inbound": values.InboundSettings,
}
MADE_OF_THE_URL = {"scheme", "host", "port", "base_path"}


@pytest.mark.parametrize(("section", "owner"), OWNERS.items())
def test_every_value_can_be_set(section: str, owner: type[Any]) -> None:
    names = {field.name for field in dataclasses.fields(owner)} - MADE_OF_THE_URL
    assert names == {field.name for field in FIELDS if field.section == section} - {"url"}


def test_names_variables_and_flags_are_unique() -> None:
    assert len(BY_KEY) == len(FIELDS)
    variables = [field.variable for field in FIELDS]
    assert len(set(variables)) == len(variables)
    flags = [field.flag for field in FIELDS if field.flag]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_every_setting_is_described_and_stands_in_a_described_table(field: Field) -> None:
    assert field.doc.endswith(".")
    assert field.section in SECTION_DOCS
    assert not field.name.endswith(("_timeout", "_size"))
    assert field.unit or not re.search(r"_(seconds|bytes)$", field.name)


def test_the_shipped_file_is_the_same_as_no_file_but_for_the_upstream(tmp_path: Path) -> None:
    file = tmp_path / "kcproxy.toml"
    file.write_text(configuration_file(), encoding="utf-8")
    shipped, plain = read(file), read(environ={"KCPROXY_UPSTREAM": "http://localhost:8080"})
    assert dataclasses.replace(shipped, origins={}) == dataclasses.replace(plain, origins={})
    assert shipped.origins["upstream.url"].startswith(f"file {file}:")


def test_every_line_of_the_shipped_file_is_a_value_that_its_setting_takes() -> None:
    lines = configuration_file().splitlines()
    active = "\n".join(re.sub(r"^# (?=\w+ = |\[)", "", line) for line in lines)
    tables = tomllib.loads(active)
    for field in FIELDS:
        if field.literal_only_in_environment:
            continue
        table = tables if not field.section else tables[field.section]
        written = (table[0] if isinstance(table, list) else table)[field.name]
        taken = field.kind.read(written)
        assert field.default in {None, ()} or taken == field.default


def test_the_schema_has_every_setting_of_the_file_and_no_secret() -> None:
    properties = json_schema()["properties"]
    for field in FIELDS:
        table = properties
        if field.section == "upstream":
            table = properties["upstream"]["anyOf"][0]["properties"]
        elif field.section == "accounts":
            table = properties["accounts"]["items"]["properties"]
        elif field.section:
            table = properties[field.section]["properties"]
        assert (field.name in table) is not field.literal_only_in_environment


def test_lines_of_keys_are_found_behind_comments_tables_and_long_texts() -> None:
    text = '# x = 1\na = 1\n"b" = """\nc = 2\n"""\n[t]\n d . e = [\n  1,\n]\n[[l]]\nf = 1\n[[l]]\nf = 2 # f = 3\n'
    assert line_numbers(text) == {"a": 2, "b": 3, "t": 6, "t.d.e": 7, "l[0]": 10, "l[0].f": 11, "l[1]": 12, "l[1].f": 13}
