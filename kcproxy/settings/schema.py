"""All settings, collected from the declarations in ``model``: by key, in the order of the documentation."""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import reduce
from types import MappingProxyType

from kcproxy.settings.declaration import FileUse, Setting, Table, settings_of, table_of
from kcproxy.settings.model import Settings


def _declared(owner: type, section: str) -> Iterator[Setting]:
    """The settings of one table, in the order of its fields."""
    for field in dataclasses.fields(owner):
        inner = table_of(field)
        if inner is not None and not inner.doc:
            yield from _declared(inner.owner, section)
        for each in settings_of(field) or ():
            name = each.key or field.name
            yield dataclasses.replace(each, key=f"{section}.{name}" if section else name)


def _tables() -> dict[str, Table]:
    found = {field.name: table_of(field) for field in dataclasses.fields(Settings)}
    return {name: table for name, table in found.items() if table is not None}


TABLES: Mapping[str, Table] = MappingProxyType(_tables())
"""Each TOML table."""

SECTION_DOCS: Mapping[str, str] = MappingProxyType({"": "Addresses and processes.", **{name: table.doc for name, table in TABLES.items()}})
"""What each TOML table is about, in the order of the documentation; "" is the top level."""

SETTINGS: tuple[Setting, ...] = (
    *_declared(Settings, ""),
    *(setting for name, table in TABLES.items() for setting in _declared(table.owner, name)),
)
"""Every setting, in the order of the documentation."""

BY_KEY: Mapping[str, Setting] = MappingProxyType({setting.key: setting for setting in SETTINGS})
FILES: Mapping[str, FileUse] = MappingProxyType({setting.key: setting.file for setting in SETTINGS if setting.file is not None})
"""The use of each file that a setting names, by key."""


def value_of(settings: Settings, key: str) -> object:
    """The value of a setting that is not part of an account. Of the admin key: its file, or the secret if it is a literal."""
    if key.partition(".")[0] in {"accounts", "inspector"}:
        raise LookupError(f"{key} can have several values")
    if key == "admin_key_file":
        return None if settings.admin_key is None else settings.admin_key.path
    if key == "admin_key":
        return settings.admin_key if settings.admin_key is not None and settings.admin_key.path is None else None
    found: object = reduce(getattr, key.split("."), settings)
    return found
