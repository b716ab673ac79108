"""The commented configuration file and its JSON Schema, from the declarations of the settings."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from kcproxy.settings.declaration import Setting
from kcproxy.settings.merge import sample, toml_value
from kcproxy.settings.schema import SECTION_DOCS, SETTINGS

FILE = "config/kcproxy.toml"
SCHEMA = "config/kcproxy.schema.json"
_WIDTH = 120
_ACTIVE = "upstream.url"
_LISTS = ("accounts",)
_SAMPLES = {
    "limits.max_unfinished_uploads": 32,
    "accounts.realm": "shop",
    "accounts.client_id": "shop-backend",
    "accounts.client_secret_file": "/run/secrets/shop-backend",
    "accounts.operations": ("GET /admin/realms/{realm}/users*",),
    "inspector.realm": "shop",
    "inspector.client_id": "kcproxy-inspector",
    "inspector.client_secret_file": "/run/secrets/kcproxy-inspector",
    "upstream.url": "http://localhost:8080",
}
_PATHS = {
    "history.path": "/var/lib/kcproxy/denials.sqlite",
    "use.path": "/var/lib/kcproxy/denials-use.sqlite",
    "accounts.assertion_file": "/var/run/secrets/tokens/keycloak",
    "inspector.assertion_file": "/var/run/secrets/tokens/keycloak",
}
_HEAD = """\
#:schema ./kcproxy.schema.json
# Settings of kcproxy. This file has every setting. Lines that start with # show the default or an example.
#
# Flags take precedence over the environment, and the environment over this file. The variable of a setting is KCPROXY_ and its name in
# capitals, with two underscores between table and name: KCPROXY_UPSTREAM__CA_FILE. Put secrets into files of their own (…_file), not here.
# `kcproxy check --print` shows each effective value and its origin.
"""


def documents() -> dict[str, str]:
    """Both documents by path."""
    return {FILE: configuration_file(), SCHEMA: json.dumps(json_schema(), indent=2, ensure_ascii=False)}


def configuration_file() -> str:
    """The shipped file: valid, and equal to no file except for the upstream."""
    return "\n".join([_HEAD, *(line for section in SECTION_DOCS for line in _section(section))])


def _section(section: str) -> Iterator[str]:
    rows = [row for row in SETTINGS if row.section == section and not row.literal_only_in_environment]
    yield f"# {SECTION_DOCS[section]}"
    if section:
        bracket = f"[[{section}]]" if section in _LISTS else f"[{section}]"
        yield bracket if any(row.key == _ACTIVE for row in rows) else f"# {bracket}"
    for row in rows:
        yield from _row(row)
    yield ""


def _row(row: Setting) -> Iterator[str]:
    sentence = f"{row.doc} {_type_words(row)}"
    yield "#"
    yield from ("# " + line for line in textwrap.wrap(sentence, _WIDTH - 2, break_on_hyphens=False, break_long_words=False))
    yield f"{'' if row.key == _ACTIVE else '# '}{row.name} = {toml_value(_sample(row))}"


def _type_words(row: Setting) -> str:
    words = row.kind.words + (f" ({row.unit})" if row.unit else "")
    default = f" Default: {row.default_words}." if row.default_words else ""
    return f"{words[0].upper()}{words[1:]}.{default}"


def _sample(row: Setting) -> Any:
    if row.key in _SAMPLES:
        return _SAMPLES[row.key]
    example = row.kind.example or _PATHS.get(row.key, f"/etc/kcproxy/{row.name.removesuffix('_file')}")
    return sample(row, example)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file, for editors."""
    top = {row.name: _property(row) for row in SETTINGS if not row.section and not row.literal_only_in_environment}
    tables = {section: _table(section) for section in SECTION_DOCS if section}
    upstream = {"anyOf": [tables.pop("upstream"), next(_property(row) for row in SETTINGS if row.key == _ACTIVE)]}
    accounts = {"type": "array", "description": SECTION_DOCS["accounts"], "items": tables.pop("accounts")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of kcproxy",
        "type": "object",
        "additionalProperties": False,
        "properties": {"$schema": {"type": "string"}} | top | {"upstream": upstream, "accounts": accounts} | tables,
    }


def _table(section: str) -> dict[str, Any]:
    rows = (row for row in SETTINGS if row.section == section and not row.literal_only_in_environment)
    properties = {row.name: _property(row) for row in rows}
    return {"type": "object", "description": SECTION_DOCS[section], "additionalProperties": False, "properties": properties}


def _property(row: Setting) -> dict[str, Any]:
    unit = f" ({row.unit})" if row.unit else ""
    default = {} if row.default in {None, ()} else {"default": json.loads(json.dumps(row.default, default=str))}
    return dict(row.kind.schema) | {"description": row.doc + unit} | default
