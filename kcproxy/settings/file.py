"""The configuration file: TOML to raw values with their lines."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kcproxy.settings.given import Findings, Flat, Given, Layer
from kcproxy.settings.lines import line_numbers
from kcproxy.settings.schema import BY_KEY, SECTION_DOCS
from kcproxy.settings.suggest import closest_key

_LIST = "accounts"
_SCHEMA_HINT = "$schema"  # editors read it; nothing here does


def read_file(path: Path, findings: Findings) -> Flat:
    """Every known setting of the file; what is unknown, unreadable or in the wrong shape becomes a problem with its line."""
    try:
        document = path.read_text(encoding="utf-8")
        tables = tomllib.loads(document)
    except OSError as error:
        findings.problem(str(path), f"the file cannot be read ({error.strerror})", "give its path with --config or KCPROXY_CONFIG")
    except UnicodeDecodeError:
        findings.problem(str(path), "the file is not UTF-8", "save it as UTF-8, as TOML wants it")
    except RecursionError:
        findings.problem(
            str(path), "not valid settings: its values are nested too deeply", "write lists and tables as docs/settings.md has them"
        )
    except tomllib.TOMLDecodeError as error:
        findings.problem(str(path), f"not valid TOML: {error}", "mend that line; texts stand in double quotes")
    else:
        return _Reader(path, line_numbers(document), findings).flat(tables)
    return {}


class _Reader:
    """One file's tables to flat keys."""

    def __init__(self, path: Path, lines: Mapping[str, int], findings: Findings) -> None:
        self._path, self._lines, self._findings = path, lines, findings

    def flat(self, tables: Mapping[str, Any]) -> Flat:
        result: Flat = {}
        for key, raw in self._leaves(tables):
            known = _field_key(key)
            if known not in BY_KEY:
                self._unknown(key, known)
            else:
                if BY_KEY[known].literal_only_in_environment:
                    self._literal(key, known)
                result[key] = Given(raw=raw, place=self._place(key), layer=Layer.FILE)
        return result

    def _leaves(self, tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in tables.items():
            if name == _SCHEMA_HINT:
                continue
            if name == "upstream" and isinstance(value, str):
                yield "upstream.url", value
            elif name == _LIST:
                yield from self._accounts(value)
            elif isinstance(value, dict):
                yield from ((f"{name}.{key}", item) for key, item in value.items())
            elif name in SECTION_DOCS:
                self._wrong_shape(name, f"[{name}]")
            else:
                yield name, value

    def _accounts(self, value: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._wrong_shape(_LIST, "[[accounts]], once for each account")
            return
        for index, item in enumerate(value):
            yield from ((f"{_LIST}[{index}].{key}", entry) for key, entry in item.items())

    def _place(self, key: str) -> str:
        line = self._lines.get(key) or self._lines.get(key.rpartition(".")[0])
        if key == "upstream.url" and key not in self._lines:
            line = self._lines.get("upstream", line)
        return f"{self._path}:{line}" if line else str(self._path)

    def _wrong_shape(self, name: str, right: str) -> None:
        self._findings.problem(self._place(name), f"{name} is a table", f"write {right}")

    def _unknown(self, key: str, known: str) -> None:
        near = closest_key(known, BY_KEY)
        remedy = f"did you mean {near}?" if near else f"known are {_siblings(known)}"
        self._findings.problem(self._place(key), f"there is no setting {key}", remedy)

    def _literal(self, key: str, known: str) -> None:
        name = BY_KEY[known].name
        remedy = f"put it into a file of its own (mode 600) and name that with {name}_file, and change it, now that it was here"
        self._findings.problem(self._place(key), f"{key} holds a secret, which has no place in a configuration file", remedy)


def _field_key(key: str) -> str:
    head, bracket, rest = key.partition("[")
    return head + "." + rest.partition("].")[2] if bracket and head == _LIST else key


def _siblings(known: str) -> str:
    section = known.rpartition(".")[0]
    names = [field.name for field in BY_KEY.values() if field.section == section]
    return ", ".join(names or [name for name in SECTION_DOCS if name])
