"""Each setting is one declaration: complete, and everything that derives from the declarations agrees with them."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kcproxy.settings import Settings, UpstreamSettings
from kcproxy.settings.declaration import Change, Content, Setting, settings_of, table_of
from kcproxy.settings.schema import BY_KEY, FILES, SECTION_DOCS, SETTINGS, TABLES, value_of
from kcproxy.settings.sources import line_numbers
from kcproxy.settings.types import file_path
from tests.settings.reading import read
from tools.docs.configuration import configuration_file, json_schema

OWNERS = (Settings, *(table.owner for table in TABLES.values()))
MADE_BY_THE_LOADER = {"origins", "notes"}
LISTS = ("accounts.", "inspector.")


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: owner.__name__)
def test_every_field_declares_its_settings(owner: type) -> None:
    fields = {field.name: field for field in dataclasses.fields(owner) if field.name not in MADE_BY_THE_LOADER}
    assert [name for name, field in fields.items() if settings_of(field) is None and table_of(field) is None] == []


def test_names_variables_and_flags_are_unique() -> None:
    assert len(BY_KEY) == len(SETTINGS)
    variables = [setting.variable for setting in SETTINGS]
    assert len(set(variables)) == len(variables)
    flags = [setting.flag for setting in SETTINGS if setting.flag]
    assert len(set(flags)) == len(flags)


def missing_parts(setting: Setting) -> list[str]:
    """What a declaration lacks, in words."""
    is_file = setting.kind.words == file_path().words
    checks = (
        (re.fullmatch(r"[A-Z].*\.", setting.doc) is None, "doc: sentences"),
        (setting.section not in SECTION_DOCS, "a described table"),
        (not setting.kind.words, "the words of its kind"),
        (re.search(r"_(timeout|size)$", setting.name) is not None, "a unit in its name"),
        (re.search(r"_(seconds|bytes)$", setting.name) is not None and not setting.unit, "unit"),
        (setting.flag is not None and setting.kind.metavar == "TEXT", "a metavar for the help of its flag"),
        (is_file != (setting.file is not None), "the use of its file"),
        (setting.file is not None and not setting.file.effect, "the effect of changed content"),
    )
    return [part for is_missing, part in checks if is_missing]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_a_declaration_lacks_no_part(setting: Setting) -> None:
    assert missing_parts(setting) == []


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"doc": "no sentence"}, "doc: sentences"),
        ({"key": "nowhere.workers"}, "a described table"),
        ({"key": "drain_seconds"}, "unit"),
        ({"flag": "--other", "kind": dataclasses.replace(BY_KEY["workers"].kind, metavar="TEXT")}, "a metavar for the help of its flag"),
        ({"kind": file_path()}, "the use of its file"),
    ],
)
def test_an_incomplete_declaration_is_reported(changes: dict[str, Any], part: str) -> None:
    incomplete = dataclasses.replace(BY_KEY["workers"], unit="", flag=None)
    assert part in missing_parts(dataclasses.replace(incomplete, **changes))


def test_what_needs_a_restart_or_is_watched_can_be_compared() -> None:
    settings = Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=8080))
    watched = {key for key, use in FILES.items() if use.content is Content.WATCHED}
    keys = watched | {setting.key for setting in SETTINGS if setting.change is not Change.RELOAD}
    assert not [key for key in keys if key.startswith(LISTS)], "these would need a comparison of accounts"
    for key in keys:
        value_of(settings, key)


def test_every_default_is_the_value_without_a_source() -> None:
    plain = read(environ={"KCPROXY_UPSTREAM": "http://localhost:8080"})
    for setting in SETTINGS:
        if not setting.key.startswith(LISTS) and setting.key != "upstream.url":
            assert value_of(plain, setting.key) == setting.default


def test_the_shipped_file_is_the_same_as_no_file_but_for_the_upstream(tmp_path: Path) -> None:
    file = tmp_path / "kcproxy.toml"
    file.write_text(configuration_file(), encoding="utf-8")
    shipped, plain = read(file), read(environ={"KCPROXY_UPSTREAM": "http://localhost:8080"})
    assert dataclasses.replace(shipped, origins={}) == dataclasses.replace(plain, origins={})
    assert shipped.origins["upstream.url"].startswith(f"file {file}:")


def test_every_line_of_the_shipped_file_is_a_value_that_its_setting_accepts() -> None:
    lines = configuration_file().splitlines()
    active = "\n".join(re.sub(r"^# (?=\w+ = |\[)", "", line) for line in lines)
    tables = tomllib.loads(active)
    for setting in SETTINGS:
        if setting.literal_only_in_environment:
            continue
        table = tables if not setting.section else tables[setting.section]
        written = (table[0] if isinstance(table, list) else table)[setting.name]
        accepted = setting.kind.read(written)
        assert setting.default in {None, ()} or accepted == setting.default


def test_the_json_schema_has_every_setting_of_the_file_and_no_secret() -> None:
    properties = json_schema()["properties"]
    for setting in SETTINGS:
        table = properties
        if setting.section == "upstream":
            table = properties["upstream"]["anyOf"][0]["properties"]
        elif setting.section == "accounts":
            table = properties["accounts"]["items"]["properties"]
        elif setting.section:
            table = properties[setting.section]["properties"]
        assert (setting.name in table) is not setting.literal_only_in_environment


def test_lines_of_keys_are_found_after_comments_tables_and_long_strings() -> None:
    text = '# x = 1\na = 1\n"b" = """\nc = 2\n"""\n[t]\n d . e = [\n  1,\n]\n[[l]]\nf = 1\n[[l]]\nf = 2 # f = 3\n'
    assert line_numbers(text) == {"a": 2, "b": 3, "t": 6, "t.d.e": 7, "l[0]": 10, "l[0].f": 11, "l[1]": 12, "l[1].f": 13}
